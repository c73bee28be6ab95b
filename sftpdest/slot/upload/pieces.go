package upload

import (
	"context"
	"errors"
	"fmt"
	"io"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/slot/store"
)

// piece is a part of the file that was read.
type piece struct {
	buf []byte
	n   int
	off int64
	end offset
}

// read reads the file once, hashes all of it and hands out what is behind start and no hole. writers sets further handles to
// work.
func (t *transfer) read(ctx context.Context, ready chan<- piece, writers func(dest.WriteFile)) error {
	h := holes{file: t.f}
	for t.next < t.a.Entry.Size {
		end, err := h.until(t.next, t.upTo())
		if err == nil && end > t.next {
			err = t.skip(ctx, end)
		}
		if err != nil {
			return err
		}
		if t.next == t.upTo() {
			continue // start was reached in the hole, or the end
		}
		p, err := t.fetch(ctx, h.end)
		if err != nil || p.n == 0 {
			return err
		}
		there := t.next <= t.start.at
		t.tail = !there && zero(p.buf[:p.n])
		if t.tail || there {
			t.u.s.ReturnBuffer(p.buf)
			if err := t.enter(ctx, p, nil); err != nil {
				return err
			}
			continue
		}
		select {
		case ready <- p:
		case <-ctx.Done():
			t.u.s.ReturnBuffer(p.buf)
			return ctx.Err()
		}
		out, err := t.widen(ctx, p.n)
		if err != nil {
			return err
		}
		if out != nil {
			writers(out)
		}
	}
	return nil
}

// upTo is how far may be read at once: the hash is compared where an earlier try ended.
func (t *transfer) upTo() int64 {
	if t.next < t.start.at {
		return t.start.at
	}
	return t.a.Entry.Size
}

// skip goes to the end of a hole, which is hashed without being read.
func (t *transfer) skip(ctx context.Context, end int64) error {
	p := piece{off: t.next}
	if t.summed {
		if err := store.WriteZeros(ctx, t.sum, end-t.next); err != nil {
			return err
		}
	}
	t.next, t.tail = end, end > t.start.at
	if err := t.advance(&p); err != nil {
		return err
	}
	return t.enter(ctx, p, nil)
}

// fetch reads a piece, which is empty where the file has become shorter.
func (t *transfer) fetch(ctx context.Context, end int64) (piece, error) {
	p := piece{off: t.next}
	var err error
	if p.buf, err = t.u.s.Buffer(ctx); err != nil {
		return p, err
	}
	n, err := t.f.ReadAt(p.buf[:min(store.ChunkSize, min(end, t.upTo())-t.next)], t.next)
	if err != nil && err != io.EOF {
		t.u.s.ReturnBuffer(nil) // a call that did not come back may still write to this one
		return piece{}, fmt.Errorf("%w: %w", ErrSource, err)
	}
	p.n = n
	if n == 0 {
		t.u.s.ReturnBuffer(p.buf)
		return p, nil
	}
	if t.summed {
		_, _ = t.sum.Write(p.buf[:n])
	}
	t.next += int64(n)
	if err := t.advance(&p); err != nil {
		t.u.s.ReturnBuffer(p.buf)
		return piece{}, err
	}
	return p, nil
}

// advance enters where a piece ends. errOther: an earlier try has read something else up to there.
func (t *transfer) advance(p *piece) error {
	p.end.at = t.next
	if t.summed {
		p.end.sum = t.sum.SHA256()
	}
	if t.next == t.start.at && p.end != t.start {
		return errOther
	}
	return nil
}

// zero reports whether p may stay a hole: the file is new, and what is not written reads as zeros.
func zero(p []byte) bool {
	for len(p) >= 8 {
		if p[0]|p[1]|p[2]|p[3]|p[4]|p[5]|p[6]|p[7] != 0 {
			return false
		}
		p = p[8:]
	}
	for _, b := range p {
		if b != 0 {
			return false
		}
	}
	return true
}

func (t *transfer) write(ctx context.Context, out dest.WriteFile, ready <-chan piece) error {
	for p := range ready {
		_, err := out.WriteAt(ctx, p.buf[:p.n], p.off)
		t.u.s.ReturnBuffer(p.buf)
		if err != nil {
			return err
		}
		t.sent.Add(int64(p.n))
		t.u.counts.Sent(0, int64(p.n))
		if err := t.enter(ctx, p, out); err != nil {
			return err
		}
	}
	return nil
}

// enter notes that a piece is on the server, and leaves a mark there when much is.
func (t *transfer) enter(ctx context.Context, p piece, out dest.WriteFile) error {
	every := int64(0)
	if out != nil && t.summed {
		every = t.u.o.Mark
	}
	head, due := t.written.enter(p.off, p.end, every)
	if !due {
		return nil
	}
	durable, err := t.u.s.Sync(ctx, out)
	if err != nil {
		return err
	}
	err = t.u.marks.note(dest.NoWait(ctx), &t.a.Entry, t.temp, head, durable)
	if errors.Is(err, dest.ErrTooManyOpenFiles) {
		return nil // a later run goes on with an earlier mark, or begins anew
	}
	return err
}
