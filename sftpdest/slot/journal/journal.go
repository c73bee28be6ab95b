// Package journal keeps what a run has put into place, in segments on the server, so that the next run can go on behind it. It must
// not know how files get there.
package journal

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"slotfs/indexer/manifest"
)

// Slot is where segments are put.
type Slot interface {
	Replace(ctx context.Context, name string, content []byte) error
}

// Options say when a segment is written.
type Options struct {
	Segment int           // entries
	Age     time.Duration // of the first of them
}

// Journal notes what was put into place, in segments. They are written beside the work: nobody waits for them.
type Journal struct {
	slot Slot
	gen  uint64
	o    Options
	now  func() time.Time
	// Segments without the state that names the generation would be taken for those of the next run, which gets the same one.
	ready func(ctx context.Context) error
	due   chan struct{} // has one when a segment is
	kept  sync.WaitGroup
	end   func()             // no further segments
	abort context.CancelFunc // nor the one that is being written
	seq   uint64             // of the last segment; of who writes alone

	mu      sync.Mutex // guards what follows
	entries []manifest.Entry
	first   time.Time // when the oldest entry came
	err     error     // of writing one
}

// New makes a journal of a generation of a slot. ready waits for the state that names the generation.
func New(slot Slot, gen uint64, o Options, ready func(ctx context.Context) error) *Journal {
	return &Journal{
		slot: slot, gen: gen, o: o, now: time.Now, ready: ready,
		due: make(chan struct{}, 1), end: func() {}, abort: func() {},
	}
}

// Add notes an entry. Its error is that of a segment that could not be written.
func (j *Journal) Add(e *manifest.Entry, durable bool) error {
	noted := *e
	noted.Flags &^= manifest.Durable | manifest.Removed
	if durable {
		noted.Flags |= manifest.Durable
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return j.err
	}
	if len(j.entries) == 0 {
		j.first = j.now()
	}
	j.entries = append(j.entries, noted)
	age := j.now().Sub(j.first)
	if len(j.entries) >= j.o.Segment || age > j.o.Age || age < 0 {
		select {
		case j.due <- struct{}{}:
		default:
		}
	}
	return nil
}

// Keep writes segments when they are due, until End is called.
func (j *Journal) Keep(ctx context.Context) {
	ctx, j.abort = context.WithCancel(ctx)
	over := make(chan struct{})
	j.end = sync.OnceFunc(func() { close(over) })
	j.kept.Go(func() {
		for {
			select {
			case <-over:
				return
			case <-j.due:
			}
			select {
			case <-over:
				return
			default:
			}
			if err := j.Flush(ctx); err != nil {
				j.mu.Lock()
				j.err = err
				j.mu.Unlock()
				return
			}
		}
	})
}

// Stop lets no further segment begin.
func (j *Journal) Stop() { j.end() }

// End waits until no segment is being written any more. Notes that are not in one stay with the journal.
func (j *Journal) End() {
	j.end()
	j.kept.Wait()
	j.abort()
}

// Halt is End that does not wait for the server.
func (j *Journal) Halt() {
	j.abort()
	j.End()
}

// Flush writes what there is.
func (j *Journal) Flush(ctx context.Context) error {
	if err := j.ready(ctx); err != nil {
		return err
	}
	j.mu.Lock()
	entries := j.entries
	j.entries = nil
	j.mu.Unlock()
	if len(entries) == 0 {
		return nil
	}
	if err := j.write(ctx, entries); err != nil {
		j.mu.Lock()
		j.entries = append(entries, j.entries...)
		j.mu.Unlock()
		return fmt.Errorf("write journal: %w", err)
	}
	return nil
}

// write writes a segment.
func (j *Journal) write(ctx context.Context, entries []manifest.Entry) error {
	var segment bytes.Buffer
	w, err := manifest.NewJournalWriter(&segment)
	if err != nil {
		return err
	}
	for i := range entries {
		if err := w.Write(&entries[i]); err != nil {
			return err
		}
	}
	if _, err := w.Close(); err != nil {
		return err
	}
	j.seq++
	return j.slot.Replace(ctx, "meta/"+manifest.JournalName(j.gen, j.seq), segment.Bytes())
}

// After tells the number of the last segment that an earlier run wrote.
func (j *Journal) After(seq uint64) { j.seq = seq }
