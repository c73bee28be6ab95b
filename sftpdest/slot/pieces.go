package slot

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
func (u *upload) read(ctx context.Context, ready chan<- piece, writers func(dest.WriteFile)) error {
	h := holes{file: u.f}
	for u.next < u.s.Entry.Size {
		end, err := h.until(u.next, u.upTo())
		if err == nil && end > u.next {
			err = u.skip(ctx, end)
		}
		if err != nil {
			return err
		}
		if u.next == u.upTo() {
			continue // start was reached in the hole, or the end
		}
		p, err := u.fetch(ctx, h.end)
		if err != nil || p.n == 0 {
			return err
		}
		there := u.next <= u.start.at
		u.tail = !there && zero(p.buf[:p.n])
		if u.tail || there {
			u.j.ReturnBuffer(p.buf)
			if err := u.written(ctx, p, nil); err != nil {
				return err
			}
			continue
		}
		select {
		case ready <- p:
		case <-ctx.Done():
			u.j.ReturnBuffer(p.buf)
			return ctx.Err()
		}
		if err := u.widen(ctx, p.n, writers); err != nil {
			return err
		}
	}
	return nil
}

// upTo is how far may be read at once: the hash is compared where an earlier try ended.
func (u *upload) upTo() int64 {
	if u.next < u.start.at {
		return u.start.at
	}
	return u.s.Entry.Size
}

// skip goes to the end of a hole, which is hashed without being read.
func (u *upload) skip(ctx context.Context, end int64) error {
	p := piece{off: u.next}
	if u.summed {
		if err := store.WriteZeros(ctx, u.sum, end-u.next); err != nil {
			return err
		}
	}
	u.next, u.tail = end, end > u.start.at
	if err := u.advance(&p); err != nil {
		return err
	}
	return u.written(ctx, p, nil)
}

// fetch reads a piece, which is empty where the file has become shorter.
func (u *upload) fetch(ctx context.Context, end int64) (piece, error) {
	p := piece{off: u.next}
	var err error
	if p.buf, err = u.j.Buffer(ctx); err != nil {
		return p, err
	}
	n, err := u.f.ReadAt(p.buf[:min(store.ChunkSize, min(end, u.upTo())-u.next)], u.next)
	if err != nil && err != io.EOF {
		u.j.ReturnBuffer(nil) // a call that did not come back may still write to this one
		return piece{}, fmt.Errorf("%w: %w", errSource, err)
	}
	p.n = n
	if n == 0 {
		u.j.ReturnBuffer(p.buf)
		return p, nil
	}
	if u.summed {
		u.sum.Write(p.buf[:n])
	}
	u.next += int64(n)
	if err := u.advance(&p); err != nil {
		u.j.ReturnBuffer(p.buf)
		return piece{}, err
	}
	return p, nil
}

// advance enters where a piece ends. errOther: an earlier try has read something else up to there.
func (u *upload) advance(p *piece) error {
	p.end.at = u.next
	if u.summed {
		p.end.sum = u.sum.SHA256()
	}
	if u.next == u.start.at && p.end != u.start {
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

func (u *upload) write(ctx context.Context, out dest.WriteFile, ready <-chan piece) error {
	for p := range ready {
		_, err := out.WriteAt(ctx, p.buf[:p.n], p.off)
		u.j.ReturnBuffer(p.buf)
		if err != nil {
			return err
		}
		u.sent.Add(int64(p.n))
		u.j.count.Sent(0, int64(p.n))
		if err := u.written(ctx, p, out); err != nil {
			return err
		}
	}
	return nil
}

// written notes that a piece is on the server, and leaves a mark there when much is.
func (u *upload) written(ctx context.Context, p piece, out dest.WriteFile) error {
	u.mu.Lock()
	if p.off >= u.head.at {
		u.done[p.off] = p.end
	}
	for end, ok := u.done[u.head.at]; ok; end, ok = u.done[u.head.at] {
		delete(u.done, u.head.at)
		u.head = end
	}
	head := u.head
	due := out != nil && u.summed && head.at-u.mark >= u.j.o.tune.mark
	if due {
		u.mark = head.at
	}
	u.mu.Unlock()
	if !due {
		return nil
	}
	durable, err := u.j.Sync(ctx, out)
	if err != nil {
		return err
	}
	err = u.j.marks.note(dest.NoWait(ctx), &u.s.Entry, u.temp, head, durable)
	if errors.Is(err, dest.ErrTooManyOpenFiles) {
		return nil // a later run goes on with an earlier mark, or begins anew
	}
	return err
}
