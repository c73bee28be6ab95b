package asuser

import (
	"context"
	"errors"
	"io"
)

// Calls are what the writer may ask of its Host. Their errors end the writer; what is wrong with the backup or the target
// stands in answers.
type Calls struct{ h *Host }

// None is no argument or answer.
type None struct{}

// Begin tells what there is to do.
func (c *Calls) Begin(_ None, out *Order) error {
	h := c.h
	*out = Order{Identity: h.Identity, Destination: h.Destination, Overwrite: h.Options.Overwrite, Partial: h.Options.Partial, Maildir: h.Options.Maildir, Workers: h.Options.Workers,
		Window: h.Options.Window, Security: h.Options.Security, Keep: h.Options.Keep, Whole: h.Whole, Lines: h.Lines, PutBack: h.PutBack, Discard: h.Discard}
	for _, r := range h.Roots {
		out.Roots = append(out.Roots, Root{h.hand(r.Source, r.Entry), r.Name, r.Path})
	}
	return nil
}

// List begins to list a directory.
func (c *Calls) List(dir uint64, out *uint64) error {
	h := c.h
	e, err := h.handed(dir)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(h.ctx)
	l := &listing{source: e.source, batches: make(chan Batch), stop: stop}
	h.lists.Go(func() { h.list(ctx, l, e.entry) })
	h.mu.Lock()
	defer h.mu.Unlock()
	*out = h.number()
	h.listings[*out] = l
	return nil
}

// Next hands out what comes next. What was handed out before is forgotten.
func (c *Calls) Next(number uint64, out *Batch) error {
	l, err := c.h.listing(number)
	if err != nil {
		return err
	}
	c.h.forget(l)
	select {
	case *out = <-l.batches:
	case <-c.h.ctx.Done():
		return c.h.ctx.Err()
	}
	for i, e := range out.Entries {
		out.Entries[i] = c.h.hand(l.source, e.Entry)
		l.numbers = append(l.numbers, out.Entries[i].Number)
	}
	return nil
}

func (h *Host) listing(number uint64) (*listing, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.listings[number]
	if l == nil {
		return nil, errors.New("no such listing")
	}
	return l, nil
}

// End ends a listing.
func (c *Calls) End(number uint64, _ *None) error {
	l, err := c.h.listing(number)
	if err != nil {
		return err
	}
	c.h.forget(l)
	l.stop()
	c.h.mu.Lock()
	defer c.h.mu.Unlock()
	delete(c.h.listings, number)
	return nil
}

// Open opens a file.
func (c *Calls) Open(number uint64, out *Opened) error {
	h := c.h
	e, err := h.handed(number)
	if err != nil {
		return err
	}
	f, err := e.source.Open(h.ctx, &e.entry)
	if err != nil {
		out.Fault = h.fault(err)
		return nil
	}
	out.Entry = newEntry(number, e.entry)
	h.mu.Lock()
	defer h.mu.Unlock()
	out.File = h.number()
	h.files[out.File] = f
	return nil
}

// Read reads from an open file.
func (c *Calls) Read(q Reading, out *Bytes) error {
	h := c.h
	h.mu.Lock()
	f := h.files[q.File]
	h.mu.Unlock()
	if f == nil || q.Length < 0 || q.Length > maxRead {
		return errors.New("no such file, or too much of it")
	}
	buf := make([]byte, q.Length)
	n, err := f.ReadAt(h.ctx, buf, q.Offset)
	if err == io.EOF { // the shorter answer tells
		err = nil
	}
	out.Data, out.Fault = buf[:n], h.fault(err)
	return nil
}

// Close closes a file.
func (c *Calls) Close(number uint64, _ *None) error {
	h := c.h
	h.mu.Lock()
	f := h.files[number]
	delete(h.files, number)
	h.mu.Unlock()
	if f == nil {
		return nil
	}
	return f.Close()
}

// Failed hears what was not restored.
func (c *Calls) Failed(q Failure, _ *None) error {
	h := c.h
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.Options.Failed != nil {
		h.Options.Failed(q.Path, q.Fault.err())
	}
	return nil
}

// Progress hears how the restore gets on.
func (c *Calls) Progress(q Sent, _ *None) error {
	if p := c.h.Options.Progress; p != nil {
		p.Sent(q.Files, q.Bytes)
	}
	return nil
}

// Done hears how the writer ended.
func (c *Calls) Done(q Ending, _ *None) error {
	c.h.mu.Lock()
	defer c.h.mu.Unlock()
	c.h.ended = &q
	return nil
}
