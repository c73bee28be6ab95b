package archive

import (
	"context"
	"errors"
	"fmt"
	"io"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/slot/store"
)

// output writes a file front to back, and goes on when the connection was lost.
type output struct {
	s    *store.Store
	name string
	out  dest.WriteFile
	off  int64
	torn bool // a connection was lost: what was asked by it may still be done
}

func (p *output) open(ctx context.Context) (err error) {
	if p.out == nil {
		p.out, err = p.s.Create(ctx, p.name, dest.Create{Existing: true, LongLived: true})
	}
	return err
}

func (p *output) write(ctx context.Context, data []byte) error {
	if err := p.s.Wait(ctx, len(data)); err != nil { // once: what is repeated is not much
		return err
	}
	err := store.Retry(ctx, func() error {
		err := p.open(ctx)
		if err == nil {
			_, err = p.out.WriteAt(ctx, data, p.off)
		}
		return p.lost(ctx, err)
	})
	p.off += int64(len(data))
	return err
}

// lost lets go of a handle whose connection is gone.
func (p *output) lost(ctx context.Context, err error) error {
	if errors.Is(err, dest.ErrUnreachable) && p.out != nil {
		_ = p.out.Close(ctx)
		p.out, p.torn = nil, true
	}
	return err
}

// sync makes what was written so far durable.
func (p *output) sync(ctx context.Context) (durable bool, err error) {
	err = store.Retry(ctx, func() error {
		err := p.open(ctx)
		if err == nil {
			durable, err = p.s.Sync(ctx, p.out)
		}
		return p.lost(ctx, err)
	})
	return durable, err
}

// close gives the handle back, and reports whether nothing that was asked for can still be done.
func (p *output) close(ctx context.Context) (quiet bool) {
	if p.out == nil {
		return !p.torn
	}
	err := p.out.Close(ctx)
	p.out = nil
	return err == nil && !p.torn
}

// finish makes all that was written durable.
func (p *output) finish(ctx context.Context) (durable bool, err error) {
	err = store.Retry(ctx, func() error {
		if err := p.open(ctx); err != nil {
			return err
		}
		out := p.out
		p.out = nil
		durable, err = p.s.Finish(ctx, out, nil)
		return err
	})
	if err != nil {
		return false, err
	}
	info, err := p.s.Stat(ctx, p.name)
	if err == nil && info.Size != p.off {
		err = fmt.Errorf("%d bytes on the server, %d were written: %w", info.Size, p.off, io.ErrUnexpectedEOF)
	}
	return durable, err
}
