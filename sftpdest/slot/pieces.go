package slot

import (
	"context"
	"errors"
	"fmt"
	"io"

	"slotfs/indexer/dest"
)

// piece is a part of the file that was read.
type piece struct {
	buf []byte
	n   int
	off int64
	end front
}

// read reads the file once, hashes all of it and hands out what is behind start and no hole. writers sets further handles to
// work.
func (u *upload) read(ctx context.Context, ready chan<- piece, writers func(dest.Output)) error {
	for u.next < u.s.entry.Size {
		var buf []byte
		select {
		case buf = <-u.j.buffers:
		case <-ctx.Done():
			return ctx.Err()
		}
		if buf == nil {
			buf = make([]byte, chunkSize)
		}
		p := piece{buf: buf, off: u.next}
		most := u.s.entry.Size - u.next
		if u.next < u.start.at {
			most = u.start.at - u.next
		}
		n, err := u.f.ReadAt(buf[:min(chunkSize, most)], u.next)
		if err != nil && err != io.EOF {
			u.j.buffers <- buf
			return fmt.Errorf("%w: %w", errSource, err)
		}
		p.n = n
		u.sum.Write(buf[:n])
		u.next += int64(n)
		if n == 0 {
			u.j.buffers <- buf
			return nil // it shrank
		}
		p.end.at = u.next
		p.end.sum = u.sum.SHA256()
		if u.next == u.start.at && p.end != u.start {
			u.j.buffers <- buf
			return errOther
		}
		if u.next <= u.start.at || zero(buf[:n]) {
			u.j.buffers <- buf
			if err := u.written(ctx, p, nil); err != nil {
				return err
			}
			continue
		}
		select {
		case ready <- p:
		case <-ctx.Done():
			u.j.buffers <- buf
			return ctx.Err()
		}
		if err := u.widen(ctx, n, writers); err != nil {
			return err
		}
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

func (u *upload) write(ctx context.Context, out dest.Output, ready <-chan piece) error {
	for p := range ready {
		err := u.j.limit.wait(ctx, p.n)
		if err == nil {
			_, err = out.WriteAt(ctx, p.buf[:p.n], p.off)
		}
		u.j.buffers <- p.buf
		if err != nil {
			return err
		}
		u.j.o.Progress.Sent(0, int64(p.n))
		if err := u.written(ctx, p, out); err != nil {
			return err
		}
	}
	return nil
}

// written notes that a piece is on the server, and leaves a mark there when much is.
func (u *upload) written(ctx context.Context, p piece, out dest.Output) error {
	u.mu.Lock()
	if p.off >= u.head.at {
		u.done[p.off] = p.end
	}
	for end, ok := u.done[u.head.at]; ok; end, ok = u.done[u.head.at] {
		delete(u.done, u.head.at)
		u.head = end
	}
	head := u.head
	due := out != nil && head.at-u.mark >= u.j.o.tune.mark
	if due {
		u.mark = head.at
	}
	u.mu.Unlock()
	if !due {
		return nil
	}
	err := out.Sync(ctx)
	durable := err == nil
	if err := u.j.synced(err); err != nil {
		return err
	}
	err = u.j.parts.note(dest.WithoutWaiting(ctx), &u.s.entry, u.temp, head, durable)
	if errors.Is(err, dest.ErrCrowded) {
		return nil // a later run goes on with an earlier mark, or begins anew
	}
	return err
}
