package slot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"

	"golang.org/x/sync/errgroup"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/slot/source"
)

const (
	chunkSize = 1 << 20
	chunks    = 64 // buffers of all large files together
	handles   = 4  // that one file is written by at most
)

// upload is a large file on its way to a temporary name.
type upload struct {
	j     *job
	s     *step
	f     *source.File
	temp  string
	start int64 // what an earlier run has brought there
	outs  []dest.Output
	sum   hash.Hash
	next  int64 // to be read

	mu   sync.Mutex      // guards what follows
	done map[int64]int64 // written beyond the front: offset and length
	head int64           // everything before is written
	mark int64           // everything before is in a mark
}

// sendCompared reads a large file for its hash alone, and sends it only if that is another one.
func (j *job) sendCompared(ctx context.Context, s *step, f *source.File, last bool) (bool, error) {
	sum := sha256.New()
	n, err := io.Copy(sum, &contextReader{ctx, io.NewSectionReader(f, 0, s.entry.Size)})
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err != nil {
		return false, fmt.Errorf("%w: %w", errSource, err)
	}
	e := s.entry
	unchanged, err := settle(f, s, n, false)
	if err != nil {
		return false, err
	}
	if hash := hex.EncodeToString(sum.Sum(nil)); unchanged && hash == s.claim {
		s.entry.Hash = hash
		return true, nil
	}
	if s.act = send; unchanged {
		s.entry = e
	}
	return j.sendLarge(ctx, s, f, last)
}

type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// sendLarge uploads a file in chunks by several handles. If the connection is lost, it goes on behind what is written.
func (j *job) sendLarge(ctx context.Context, s *step, f *source.File, last bool) (bool, error) {
	u := &upload{j: j, s: s, f: f, temp: j.temp(j.slot), done: make(map[int64]int64)}
	if p := j.parts.adopt(&s.entry); p != nil {
		u.temp, u.start = p.Temp, p.Done
		u.head, u.mark = p.Done, p.Done
		j.o.Log.Info("go on inside a file", "path", s.entry.Path, "from", p.Done)
	}
	var err error
	for range attempts {
		if err = u.try(ctx); !errors.Is(err, dest.ErrUnreachable) || ctx.Err() != nil {
			break
		}
		u.start = u.head
		clear(u.done)
	}
	if err != nil {
		return false, err
	}
	read := u.next
	unchanged, err := settle(f, s, read, last)
	if err != nil || !unchanged && !last {
		return false, errors.Join(err, j.forget(ctx, u.temp))
	}
	s.entry.Hash = hex.EncodeToString(u.sum.Sum(nil))
	durable, err := u.finish(ctx, read)
	if err != nil {
		return false, err
	}
	j.sum.uploaded.Add(1)
	j.sum.uploadedBytes.Add(read - u.start)
	j.o.Progress.Sent(1, 0)
	if err := j.place(ctx, s, u.temp, durable); err != nil {
		return false, err
	}
	return unchanged, j.parts.clear(ctx, u.temp)
}

// forget removes a temporary file and what is noted about it.
func (j *job) forget(ctx context.Context, temp string) error {
	if err := j.parts.clear(ctx, temp); err != nil {
		return err
	}
	return j.drop(ctx, temp)
}

// try writes what is behind start.
func (u *upload) try(ctx context.Context) (err error) {
	u.sum, u.next = sha256.New(), 0
	if err := u.open(ctx); err != nil {
		return err
	}
	g, inner := errgroup.WithContext(ctx)
	ready := make(chan piece)
	g.Go(func() error {
		defer close(ready)
		return u.read(inner, ready)
	})
	for _, out := range u.outs {
		g.Go(func() error { return u.write(inner, out, ready) })
		g.Go(func() error { return u.write(inner, out, ready) })
	}
	err = g.Wait()
	for i, out := range u.outs {
		if i == 0 && err == nil {
			continue // finish closes it
		}
		if closeErr := out.Close(ctx); err == nil {
			err = closeErr
		}
	}
	if err == nil {
		u.outs = u.outs[:1]
	}
	return err
}

// open opens the temporary file, several times for a large one: each handle may be in a session of its own.
func (u *upload) open(ctx context.Context) error {
	n := 1
	if u.s.entry.Size >= u.j.o.tune.wide {
		n = handles
	}
	u.outs = nil
	for range n {
		out, err := u.j.Create(ctx, u.temp, dest.Create{Existing: true})
		if err != nil {
			for _, open := range u.outs {
				_ = open.Close(ctx)
			}
			return err
		}
		u.outs = append(u.outs, out)
	}
	return nil
}

// piece is a part of the file that was read.
type piece struct {
	buf []byte
	n   int
	off int64
}

// read reads the file once, hashes all of it and hands out what is behind start and no hole.
func (u *upload) read(ctx context.Context, ready chan<- piece) error {
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
		n, err := u.f.ReadAt(buf[:min(chunkSize, u.s.entry.Size-u.next)], u.next)
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
		if p.off+int64(n) <= u.start || zero(buf[:n]) {
			u.j.buffers <- buf
			if err := u.written(ctx, p.off, int64(n), nil); err != nil {
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
		if err := u.written(ctx, p.off, int64(p.n), out); err != nil {
			return err
		}
	}
	return nil
}

// written notes that a range is on the server, and leaves a mark there when much is.
func (u *upload) written(ctx context.Context, off, n int64, out dest.Output) error {
	u.mu.Lock()
	if off >= u.head {
		u.done[off] = n
	}
	for u.done[u.head] > 0 {
		n := u.done[u.head]
		delete(u.done, u.head)
		u.head += n
	}
	due := out != nil && u.head-u.mark >= u.j.o.tune.mark
	head := u.head
	if due {
		u.mark = head
	}
	u.mu.Unlock()
	if !due {
		return nil
	}
	if err := u.j.synced(out.Sync(ctx)); err != nil {
		return err
	}
	return u.j.parts.note(ctx, &u.s.entry, u.temp, head)
}

// finish sets the length and attributes and makes the file durable.
func (u *upload) finish(ctx context.Context, size int64) (durable bool, err error) {
	a := attributes(u.s.entry.Mode, 0o600, u.s.entry.MTime)
	a.Size = &size
	err = u.j.lenient(a, func(a dest.Attributes) error { return u.j.SetAttributes(ctx, u.temp, a) })
	if durable, err = u.j.remote.finish(ctx, u.outs[0], u.temp, dest.Attributes{}, err); err != nil {
		return false, err
	}
	info, err := u.j.Stat(ctx, u.temp)
	if err == nil && info.Size != size {
		err = fmt.Errorf("%d bytes on the server, %d were written: %w", info.Size, size, io.ErrUnexpectedEOF)
	}
	return durable, err
}
