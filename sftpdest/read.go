package sftpdest

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"math"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/sftpdest/session"
	"slotfs/sftpdest/wire"
)

// readAhead is how many bytes one ReadAt keeps in flight; what is beyond waits for its turn.
const readAhead = 32 << 20

// part is a piece of a read that one READ asks for.
type part struct {
	n   int    // bytes
	p   []byte // where they go, n bytes; nil: to who takes the reply
	off int64
	h   *handle
	r   *session.Request
	// revalidation asks how the file is behind the READ; nil: nobody wants to know.
	revalidation *session.Request
}

// ReadAt implements dest.File. The parts of a large read travel side by side, over several sessions if there are.
func (f *file) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	return f.readAt(ctx, p, off, false)
}

// Opened implements dest.Revalidator.
func (f *file) Opened() dest.Info { return info(base(f.path), f.first) }

// readAt is ReadAt. With unchanged it fails with backup.ErrStale when the file has another size or time than when it was opened: an
// FSTAT is sent behind each READ, and servers answer in order, so that what came was read before the change.
func (f *file) readAt(ctx context.Context, p []byte, off int64, unchanged bool) (int, error) {
	if off < 0 || off > math.MaxInt64-int64(len(p)) {
		return 0, f.d.fail("read", f.path, fmt.Errorf("offset %d: %w", off, fs.ErrInvalid))
	}
	if len(p) == 0 {
		return 0, nil
	}
	r := reading{f: f, ctx: ctx, p: p, off: off, unchanged: unchanged}
	n, err := r.run()
	if err != nil && err != io.EOF {
		err = f.d.fail("read", f.path, err)
	}
	return n, err
}

// reading is one ReadAt.
type reading struct {
	f      *file
	ctx    context.Context
	p      []byte
	off    int64 // of p[0]
	sent   int   // bytes of p that were asked for
	done   int   // bytes of p that are there
	flight []part
	// unchanged compares the file with what it was when it was opened, with every part.
	unchanged bool
}

// run keeps parts in flight and takes them in order. Returning leaves what is still in flight behind.
func (r *reading) run() (int, error) {
	defer func() {
		for _, t := range r.flight {
			t.leave()
			r.f.release(t.h)
		}
	}()
	for r.done < len(r.p) {
		for r.sent < len(r.p) && (len(r.flight) == 0 || r.sent-r.done < readAhead) {
			if err := r.send(); err != nil {
				return r.done, err
			}
		}
		t := r.flight[0]
		r.flight = r.flight[1:]
		n, err := r.take(t)
		r.done += n
		if err != nil {
			return r.done, err
		}
	}
	return r.done, nil
}

// send asks for the next part. A part ends where the file ended when it was opened: the reply to it is not short
// then, and the end is found in the same round trip.
func (r *reading) send() error {
	h, err := r.f.handle(r.ctx)
	if err != nil {
		return err
	}
	at := r.off + int64(r.sent)
	n := int64(len(r.p) - r.sent)
	left := r.f.first.Size - at
	if left > 0 {
		n = min(n, left)
	}
	n = evenChunk(n, h.s.ReadSize())
	t := part{n: int(n), p: r.p[r.sent : r.sent+int(n)], off: at, h: h}
	t.send(r.unchanged)
	r.flight = append(r.flight, t)
	r.sent += int(n)
	return nil
}

// evenChunk is how much to ask for first of n bytes that come in pieces of at most limit: a last piece that is tiny costs the
// server as much as any.
func evenChunk(n, limit int64) int64 {
	pieces := (n + limit - 1) / limit
	return min(n, limit, (n/pieces+pageSize-1)/pageSize*pageSize)
}

// pageSize is what servers read in.
const pageSize = 4 << 10

func (t *part) send(unchanged bool) {
	t.r = t.h.s.SendRead(t.h.id, t.off, t.n)
	if unchanged {
		t.revalidation = t.h.s.SendString(wire.Fstat, t.h.id)
	}
}

// leave gives up waiting for the replies.
func (t *part) leave() {
	t.h.s.Leave(t.r, nil)
	if t.revalidation != nil {
		t.h.s.Leave(t.revalidation, nil)
	}
}

// compare waits for what the file was behind the READ.
func (t *part) compare(ctx context.Context, first wire.Attributes) error {
	if t.revalidation == nil {
		return nil
	}
	reply, err := t.h.s.Wait(ctx, t.revalidation, nil)
	if err != nil {
		return err
	}
	a, err := session.AttributesOf(reply)
	if err == nil && !same(a, first) {
		err = backup.ErrStale
	}
	return err
}

// take waits for a part. What is short is asked for again, and what is lost is asked for in another session.
func (r *reading) take(t part) (int, error) {
	defer func() { r.f.release(t.h) }()
	p := partial{part: &t, watch: t.h.s.CheckRate()}
	again := false
	err := r.f.d.repeat(r.ctx, func(progress func()) error {
		if again {
			h, err := r.f.handle(r.ctx)
			if err != nil {
				return err
			}
			r.f.release(t.h)
			t.h = h
			t.send(r.unchanged)
		}
		err := r.rest(&p, progress)
		again = lost(err)
		return r.f.d.drop(t.h.s, err)
	})
	return p.done, err
}

// partial is a part that comes in several replies.
type partial struct {
	*part
	watch session.RateCheck
	done  int // bytes
	short int // bytes of a reply that was short, though more came behind it
}

// rest takes replies, the first of which was asked for, until the part is there.
func (r *reading) rest(p *partial, progress func()) error {
	for {
		n, err := p.take(r.ctx)
		if fault := p.compare(r.ctx, r.f.first); fault != nil {
			n, err = 0, fault
		}
		p.done += n
		if n > 0 {
			progress()
			if p.short > 0 {
				p.h.s.LimitReads(p.short)
			}
		}
		whole := n == p.n
		p.n, p.p, p.off = p.n-n, p.p[n:], p.off+int64(n)
		if err != nil || whole {
			return err
		}
		p.short = n
		if err := p.watch.Check(p.done, session.MinRate, "bytes"); err != nil {
			return err
		}
		p.send(r.unchanged)
	}
}

// take waits for the reply and copies what came. It returns io.EOF at the end of the file.
func (t *part) take(ctx context.Context) (int, error) {
	reply, data, err := t.data(ctx)
	if err != nil {
		return 0, err
	}
	n := copy(t.p, data)
	t.h.s.Recycle(reply)
	return n, nil
}

// data waits for the reply and returns it with what came, which is part of it.
func (t *part) data(ctx context.Context) (wire.Reply, []byte, error) {
	reply, err := t.h.s.Wait(ctx, t.r, nil)
	if err == nil {
		err = t.h.check(ctx)
	}
	if err != nil {
		return reply, nil, err
	}
	if reply.Type != wire.Data {
		err := session.Unexpected(reply)
		if session.IsEOF(err) {
			err = io.EOF
		}
		return reply, nil, err
	}
	data, err := wire.DataOf(reply.Body)
	if err == nil && (len(data) > t.n || len(data) == 0) {
		err = fmt.Errorf("%d bytes for a READ of %d: %w", len(data), t.n, wire.ErrMalformed)
	}
	return reply, data, err
}
