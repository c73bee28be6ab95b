package asuser

import (
	"context"
	"errors"
	"io"
	"net/rpc"
	"sync"

	"slotfs/fs/restore"
)

// Host reads for a process that writes with the rights of a user.
type Host struct {
	Identity    Identity
	Destination restore.Destination
	Roots       []restore.Root
	Options     restore.Options // Place is the writer's
	// Whole has the one root take the place of what is there as a whole: see restore.RunWhole. Lines are added instead of restoring roots.
	Whole bool
	Lines []restore.Lines
	// PutBack is the directory of what a restore kept that is put back instead, and Discard that of what is removed instead. The home is
	// that of Options.Keep.
	PutBack string
	Discard string

	ctx   context.Context
	lists sync.WaitGroup

	mu sync.Mutex
	// mu guards what follows.
	last     uint64 // number that was given
	entries  map[uint64]handed
	listings map[uint64]*listing
	files    map[uint64]restore.File
	fatal    error   // the first error of a source that ends everything
	ended    *Ending // nil: the writer has not told
}

// handed is an entry that the writer knows.
type handed struct {
	source restore.Source
	entry  restore.Entry
}

// listing is a directory that is being listed.
type listing struct {
	source  restore.Source
	batches chan Batch
	stop    context.CancelFunc // ends its goroutine
	numbers []uint64           // of the batch that the writer has
}

// batchSize is how many entries go over at once, and maxRead how many bytes.
const (
	batchSize = 256
	maxRead   = 1 << 20
)

// ErrWriter says that the process that writes ended without a word.
var ErrWriter = errors.New("the process that writes ended")

// Serve answers the writer at the other end of conn until it hangs up. placed says that the directory was found, so that an
// error is not about that.
func (h *Host) Serve(ctx context.Context, conn io.ReadWriteCloser) (s restore.Summary, placed bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	h.ctx = ctx
	h.entries, h.listings, h.files = map[uint64]handed{}, map[uint64]*listing{}, map[uint64]restore.File{}
	server := rpc.NewServer()
	if err := server.RegisterName("Host", &Calls{h}); err != nil {
		return restore.Summary{}, false, err
	}
	server.ServeConn(&hanging{conn, cancel})
	cancel()
	h.lists.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, f := range h.files {
		f.Close()
	}
	if h.ended == nil {
		return restore.Summary{}, true, ErrWriter
	}
	err = h.ended.Fault.err()
	if err != nil && h.fatal != nil {
		err = h.fatal // with all that is known about it
	}
	return h.ended.Summary, h.ended.Placed, err
}

// hanging ends what is going on when the writer hangs up.
type hanging struct {
	io.ReadWriteCloser
	ended context.CancelFunc
}

// Read reads what the writer says.
func (c *hanging) Read(p []byte) (int, error) {
	n, err := c.ReadWriteCloser.Read(p)
	if err != nil {
		c.ended()
	}
	return n, err
}

// number gives something a number. The caller holds h.mu.
func (h *Host) number() uint64 {
	h.last++
	return h.last
}

// hand gives an entry a number.
func (h *Host) hand(source restore.Source, e restore.Entry) Entry {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.number()
	h.entries[n] = handed{source, e}
	return newEntry(n, e)
}

// handed finds an entry by its number.
func (h *Host) handed(number uint64) (handed, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e, ok := h.entries[number]
	if !ok {
		return e, errors.New("no such entry")
	}
	return e, nil
}

// forget forgets the batch that the writer has.
func (h *Host) forget(l *listing) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, number := range l.numbers {
		delete(h.entries, number)
	}
	l.numbers = l.numbers[:0]
}

// fault is an error of a source for the writer.
func (h *Host) fault(err error) *Fault {
	if restore.Fatal(err) {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.fatal == nil {
			h.fatal = err
		}
	}
	return newFault(err)
}

// list lists a directory, one batch ahead of the writer.
func (h *Host) list(ctx context.Context, l *listing, dir restore.Entry) {
	var entries []Entry
	send := func(b Batch) error {
		b.Entries, entries = entries, nil
		select {
		case l.batches <- b:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	err := l.source.List(ctx, &dir, func(e *restore.Entry) error {
		entries = append(entries, Entry{Entry: *e})
		if len(entries) < batchSize {
			return nil
		}
		return send(Batch{})
	})
	_ = send(Batch{End: true, Fault: h.fault(err)}) // ctx is over then
}
