// Package queue bounds how many runs write to one destination at once, first come, first served, over all machines that write
// there. It knows names and times of files in one directory of the destination, and nothing of what a run writes.
//
// A run that arrives makes `choosing.RUN`, takes a number that is higher than all that are there, makes
// `writer.NUMBER.RUN` and removes the first file: Lamport's bakery. Who has a ticket writes as soon as fewer than the bound are
// ahead: tickets with lower numbers, and runs that still choose. A ticket is written again every sixth of its time to live. One
// that was not, by the server's clock or as long as somebody has watched it, or whose process is known to have ended, is
// removed by whoever sees it, so that a run that died holds nobody up. The queue is a courtesy to the server, not a lock: a run whose ticket was
// taken for dead makes it again and goes on.
package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/slot/lease"
)

// ErrTooLong says that other runs wrote for longer than this one may wait.
var ErrTooLong = errors.New("other runs kept writing to the destination")

const (
	parent    = ".slotfs"
	directory = parent + "/writers"
)

// Defaults of Options.
const (
	defaultTTL  = 10 * time.Minute
	defaultPoll = 10 * time.Second
	// grace is how long a run that ends waits for the server to remove its ticket.
	grace = 10 * time.Second
)

// Options say how a run waits.
type Options struct {
	Run, Host string        // name of the run, which no other has: letters, digits and hyphens
	Writers   int           // how many may write at once, at least 1
	Wait      time.Duration // how long to wait at most; 0: without end
	Waiting   func(ahead int)
	Log       *slog.Logger

	TTL  time.Duration // how long a run is taken to be alive that is not heard of; 0: ten minutes
	Poll time.Duration // how often a run that waits looks; 0: ten seconds
}

// Ticket is a place in the queue whose run may write.
type Ticket struct {
	o    Options
	d    dest.ReadWriter
	name string // of its file
	text []byte // what it says
	end  func() // of the refreshing
	done sync.WaitGroup
}

// Enter waits until the run may write. Waiting, if set, is called whenever the number of those ahead changed. ErrTooLong says
// that the wait was too long. An error that is not about the connection says that the server lets nobody queue.
func Enter(ctx context.Context, d dest.ReadWriter, o Options) (*Ticket, error) {
	if o.TTL == 0 {
		o.TTL = defaultTTL
	}
	if o.Poll == 0 {
		o.Poll = defaultPoll
	}
	text, err := json.Marshal(lease.Self(o.Run, o.Host))
	if err != nil {
		return nil, err
	}
	t := &Ticket{o: o, d: d, text: text}
	if err := t.draw(ctx); err != nil {
		t.remove(ctx)
		return nil, fmt.Errorf("queue in %s: %w", directory, err)
	}
	refreshing, end := context.WithCancel(context.WithoutCancel(ctx))
	t.end = end
	t.done.Go(func() { t.refresh(refreshing) })
	if err := t.wait(ctx); err != nil {
		t.Leave(ctx)
		return nil, err
	}
	return t, nil
}

// Leave lets the next run write, also when ctx has ended.
func (t *Ticket) Leave(ctx context.Context) {
	t.end()
	t.done.Wait()
	t.remove(ctx)
}

func (t *Ticket) remove(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	for _, name := range []string{t.name, t.choosing()} {
		// What stays is taken for dead later.
		if name == "" {
			continue
		}
		if err := t.d.Remove(ctx, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.o.Log.Debug("ticket", "file", name, "error", err)
		}
	}
}

func (t *Ticket) choosing() string { return directory + "/" + choosing + t.o.Run }

// draw takes a number.
func (t *Ticket) draw(ctx context.Context) error {
	if err := makeDirectory(ctx, t.d); err != nil {
		return err
	}
	if err := t.write(ctx, t.choosing()); err != nil {
		return err
	}
	all, err := t.d.List(ctx, directory)
	if err != nil {
		return err
	}
	name := directory + "/" + nameOf(highest(all)+1, t.o.Run)
	if err := t.write(ctx, name); err != nil {
		return err
	}
	t.name = name
	err = t.d.Remove(ctx, t.choosing())
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it was taken for dead
	}
	return err
}

// wait looks until fewer than the bound are ahead.
func (t *Ticket) wait(ctx context.Context) error {
	began, said := time.Now(), 0
	seen := observer{}
	for {
		ahead, err := t.ahead(ctx, seen)
		if err != nil {
			return fmt.Errorf("queue in %s: %w", directory, err)
		}
		if ahead < t.o.Writers {
			return nil
		}
		if waited := time.Since(began); t.o.Wait > 0 && waited >= t.o.Wait {
			return fmt.Errorf("%w: %d are ahead after %v", ErrTooLong, ahead, waited.Round(time.Second))
		}
		if ahead != said && t.o.Waiting != nil {
			t.o.Waiting(ahead)
		}
		said = ahead
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(t.o.Poll):
		}
	}
}

// refresh writes the ticket again until ctx ends, which makes it younger.
func (t *Ticket) refresh(ctx context.Context) {
	beat := time.NewTicker(t.o.TTL / 6)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
		}
		if err := t.write(ctx, t.name); err != nil && ctx.Err() == nil {
			t.o.Log.Debug("ticket", "file", t.name, "error", err)
		}
	}
}

// write makes a file of the queue, or makes it younger.
func (t *Ticket) write(ctx context.Context, name string) error {
	out, err := t.d.Create(ctx, name, dest.Create{Existing: true, Permissions: 0o644})
	if err != nil && ctx.Err() == nil && !errors.Is(err, dest.ErrUnreachable) {
		// Some servers open nothing for writing that is there.
		if removeErr := t.d.Remove(ctx, name); removeErr == nil {
			out, err = t.d.Create(ctx, name, dest.Create{Permissions: 0o644})
		}
	}
	if err != nil {
		return err
	}
	_, err = out.WriteAt(ctx, t.text, 0)
	if closeErr := out.Close(ctx); err == nil {
		err = closeErr
	}
	return err
}

// makeDirectory makes the queue's directory where it is not there. Others may make it at the same time.
func makeDirectory(ctx context.Context, d dest.ReadWriter) error {
	if _, err := d.Stat(ctx, directory); err == nil {
		return nil
	}
	for _, dir := range []string{parent, directory} {
		err := d.Mkdir(ctx, dir, 0o755)
		if err == nil {
			continue
		}
		if _, statErr := d.Stat(ctx, dir); statErr != nil {
			return err
		}
	}
	return nil
}
