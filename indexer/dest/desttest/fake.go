// Package desttest has a destination that fails on demand, and the suite that every destination passes. It knows
// the contract only, no protocol.
package desttest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"slotfs/indexer/dest"
	"slotfs/indexer/dest/retry"
)

// Op names an operation of the contract.
type Op string

// The operations that a Fault hears of.
const (
	OpList     Op = "list"
	OpReadLink Op = "readlink"
	OpOpen     Op = "open"
	OpStat     Op = "stat"
	OpRead     Op = "read"  // File.ReadAt
	OpFileStat Op = "fstat" // File.Stat
)

// Call is one operation as a Fault sees it, before it reaches the directory.
type Call struct {
	Op   Op
	Path string
	Off  int64 // of a read
	Len  int   // of a read
}

// Fault decides about a call: an error is returned to the caller instead of an answer. It may wait, for ctx or for
// something else that the test does; a cancelled call then returns without it.
type Fault func(ctx context.Context, c Call) error

// Counts says what was asked of a Fake.
type Counts struct {
	List, ReadLink, Open, Stat, Read, FileStat int
	Bytes                                      int64    // of content handed out
	Opened                                     []string // paths, in the order of the calls
	Handles                                    int      // files open at that moment
}

// RoundTrips is how many calls waited for the other side.
func (c Counts) RoundTrips() int {
	return c.List + c.ReadLink + c.Open + c.Stat + c.Read + c.FileStat
}

// Fake serves a local directory as a destination does: attributes as lstat tells them, times in whole seconds, no
// symbolic link followed. A file without the owner's read permission is refused to root too. Its methods may be
// called side by side.
type Fake struct {
	root string

	mu      sync.Mutex // guards what follows
	fault   Fault
	latency time.Duration
	counts  Counts
	closed  bool
}

var _ dest.Destination = (*Fake)(nil)

// Dir serves the local directory root.
func Dir(root string) *Fake { return &Fake{root: root} }

// SetFault makes every further call ask f first. nil ends that.
func (d *Fake) SetFault(f Fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = f
}

// SetLatency makes every further call wait that long, as a round trip does.
func (d *Fake) SetLatency(l time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.latency = l
}

// Counts tells what was asked since the beginning or the last Reset.
func (d *Fake) Counts() Counts {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.counts
	c.Opened = append([]string(nil), c.Opened...)
	return c
}

// Reset starts counting anew. Open handles stay counted.
func (d *Fake) Reset() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.counts = Counts{Handles: d.counts.Handles}
}

// Close makes every further call return dest.ErrClosed.
func (d *Fake) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	return nil
}

// repeated are the operations that a destination repeats by itself.
var repeated = []Op{OpList, OpReadLink, OpOpen, OpStat, OpRead, OpFileStat, OpSetAttributes}

// begin is attempt for what is repeated when its connection is lost, which a fault says with dest.ErrConnectionLost.
func (d *Fake) begin(ctx context.Context, c Call) error {
	if !slices.Contains(repeated, c.Op) {
		err := d.attempt(ctx, c)
		if errors.Is(err, dest.ErrConnectionLost) {
			return fmt.Errorf("%w: %w", dest.ErrUnreachable, err)
		}
		return err
	}
	err := retry.Default.Do(ctx, func() error { return d.attempt(ctx, c) })
	if errors.Is(err, dest.ErrConnectionLost) {
		return callError(c, dest.ErrUnreachable) // nobody else repeats it
	}
	if err != nil && err == ctx.Err() {
		return callError(c, err)
	}
	return err
}

// attempt counts a call, lets the fault decide about it and waits the latency.
func (d *Fake) attempt(ctx context.Context, c Call) error {
	if err := ctx.Err(); err != nil {
		return callError(c, err)
	}
	if err := dest.CheckPath(c.Path); err != nil {
		return fmt.Errorf("%s: %w", c.Op, err)
	}
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return callError(c, dest.ErrClosed)
	}
	d.count(c)
	fault, latency := d.fault, d.latency
	d.mu.Unlock()
	if latency > 0 {
		timer := time.NewTimer(latency)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return callError(c, ctx.Err())
		}
	}
	if fault == nil {
		return nil
	}
	return d.ask(ctx, fault, c)
}

// ask lets the fault take its time without making a cancelled caller wait for it.
func (d *Fake) ask(ctx context.Context, fault Fault, c Call) error {
	verdict := make(chan error, 1)
	go func() { verdict <- fault(ctx, c) }()
	select {
	case err := <-verdict:
		if err != nil {
			return callError(c, err)
		}
		return nil
	case <-ctx.Done():
		return callError(c, ctx.Err())
	}
}

// count needs d.mu.
func (d *Fake) count(c Call) {
	switch c.Op {
	case OpList:
		d.counts.List++
	case OpReadLink:
		d.counts.ReadLink++
	case OpOpen:
		d.counts.Open++
		d.counts.Opened = append(d.counts.Opened, c.Path)
	case OpStat:
		d.counts.Stat++
	case OpRead:
		d.counts.Read++
	case OpFileStat:
		d.counts.FileStat++
	}
}

func callError(c Call, err error) error { return fmt.Errorf("%s %q: %w", c.Op, c.Path, err) }
