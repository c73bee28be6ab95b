package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/store"
)

// maxHandles is how many handles one file is written by at most.
const maxHandles = 8

// errUnusable says that the server does not let an earlier try's file be written to.
var errUnusable = errors.New("what is there cannot be gone on with")

// handles are those that a large file is written by.
type handles struct {
	s      *store.Store
	log    *slog.Logger
	temp   string
	wide   bool  // the file is large enough for several
	every  int64 // bytes handed out before a further one is opened
	used   bool  // an earlier try may have made the temporary file
	outs   []dest.WriteFile
	since  int64 // bytes handed out since the last handle was opened
	narrow bool  // no more handles can be opened
}

// open opens the temporary file, and takes away what an earlier try wrote behind start: where the file has zeros there, nothing is
// written.
func (h *handles) open(ctx context.Context, start int64) error {
	h.outs, h.since = nil, 0
	out, err := h.s.CreateContent(ctx, h.temp, dest.Create{Existing: h.used, LongLived: true})
	if err != nil {
		if h.used && ctx.Err() == nil && !errors.Is(err, dest.ErrUnreachable) {
			return fmt.Errorf("%w: %w", errUnusable, err)
		}
		return err
	}
	h.outs = append(h.outs, out)
	if !h.used {
		h.used = true
		return nil
	}
	err = h.s.Truncate(ctx, h.temp, start)
	if err == nil {
		return nil
	}
	if store.Refused(err) {
		err = fmt.Errorf("%w: %w", errUnusable, err)
	}
	err = errors.Join(err, out.Close(ctx))
	h.outs = nil
	return err
}

// widen opens the file once more when n more bytes are on their way: the destination opens sessions when there is much to do, and puts
// a handle where there is the least, so handles that come one by one are spread. It returns the new handle, or nil.
func (h *handles) widen(ctx context.Context, n int) (dest.WriteFile, error) {
	h.since += int64(n)
	if !h.wide || h.since < h.every || len(h.outs) == maxHandles || h.narrow {
		return nil, nil
	}
	h.since = 0
	out, err := h.s.CreateContent(dest.NoWait(ctx), h.temp, dest.Create{Existing: true, LongLived: true})
	switch {
	case err == nil:
		h.outs = append(h.outs, out)
		return out, nil
	case ctx.Err() != nil, errors.Is(err, dest.ErrUnreachable):
		return nil, err
	}
	// Some servers open nothing for writing that is there, or have no room for handles: what is open has to do.
	h.log.Debug("write by fewer handles", "temp", h.temp, "handles", len(h.outs), "error", err)
	h.narrow = true
	return nil, nil
}

// close gives all handles back but the first if what they wrote is good.
func (h *handles) close(ctx context.Context, err error) error {
	for i, out := range h.outs {
		if i == 0 && err == nil {
			continue // finish closes it
		}
		if closeErr := out.Close(ctx); err == nil {
			err = closeErr
		}
	}
	if err == nil {
		h.outs = h.outs[:1]
	}
	return err
}

// finish sets the attributes of the file, which has size bytes, and makes it durable. Where a hole ends it, its last byte gives it
// its length: not all servers set one that they are told.
func (h *handles) finish(ctx context.Context, e *manifest.Entry, size int64, hole bool) (durable bool, err error) {
	if hole && size > 0 {
		_, err = h.outs[0].WriteAt(ctx, []byte{0}, size-1)
	}
	if err == nil {
		err = h.s.SetAttributes(ctx, h.temp, store.Attributes(e.Mode, 0o600, e.MTime))
	}
	if durable, err = h.s.Finish(ctx, h.outs[0], err); err != nil {
		return false, err
	}
	info, err := h.s.Stat(ctx, h.temp)
	if err == nil && info.Size != size {
		err = fmt.Errorf("%d bytes on the server, %d were written: %w", info.Size, size, io.ErrUnexpectedEOF)
	}
	return durable, err
}
