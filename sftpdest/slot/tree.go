package slot

import (
	"context"
	"iter"
	"os"

	"golang.org/x/sync/errgroup"

	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/place"
	"slotfs/sftpdest/slot/plan"
	"slotfs/sftpdest/slot/store"
)

// window is how many entries may be decided before the oldest of them is done: what one slow file can hold up, and
// what bounds the memory.
const window = 8192

// tree brings the data of a slot to what is planned, but for deletions.
type tree struct {
	slot     string
	actions  iter.Seq2[*plan.Action, error]
	place    *place.Placer
	building stagedDirs
}

// update has steps done on the server by so many goroutines, and lists them.
func (t *tree) update(ctx context.Context, s *store.Store, l *lanes, concurrency int, out *lister, list *os.File) (file manifest.File, err error) {
	g, inner := errgroup.WithContext(ctx)
	tried := l.suspects.Watch(inner, s)
	work := make(chan *step, concurrency)
	queue := make(chan *step, window)
	g.Go(func() error {
		defer close(work)
		defer close(queue)
		return t.walk(inner, work, queue)
	})
	for range concurrency {
		g.Go(func() error {
			for s := range work {
				if err := l.perform(tried, s); err != nil {
					return err
				}
			}
			return nil
		})
	}
	g.Go(func() (err error) {
		if file, err = out.write(inner, queue, list); err == nil {
			err = out.put(inner, list, file.Size)
		}
		return err
	})
	return file, g.Wait()
}

// walk hands out the planned actions as steps.
func (t *tree) walk(ctx context.Context, work, queue chan<- *step) error {
	var around []*place.Directory
	for a, err := range t.actions {
		if err != nil {
			return err
		}
		s := &step{Item: place.Item{Action: *a}}
		for len(around) > 0 && !around[len(around)-1].Contains(s.Entry.Path) {
			around = around[:len(around)-1]
		}
		if len(around) > 0 {
			s.In = around[len(around)-1]
		}
		if s.Have != plan.None && s.In != nil {
			s.At = s.In.Present(s.Where)
		}
		if s.Do == plan.Remove {
			t.place.Remove(&s.Item)
			continue
		}
		if s.Entry.IsDir() {
			s.Self = place.NewDirectory(&s.Entry, "")
			if s.In == nil {
				s.Self = place.NewDirectory(&s.Entry, t.slot+"/data")
			}
			around = append(around, s.Self)
		}
		done, err := t.place.Prepare(ctx, &s.Item)
		if err != nil {
			return err
		}
		if !done {
			s.done = make(chan struct{})
		}
		if err := hand(ctx, t.building.next(s), work, queue); err != nil {
			return err
		}
	}
	return hand(ctx, t.building.next(nil), work, queue)
}

// hand passes steps on: first to those who note them in order, so that nobody can be in their way. What waits for a step is
// passed on after it, so that those who work come to it.
func hand(ctx context.Context, steps []*step, work, queue chan<- *step) error {
	for _, s := range steps {
		if !s.seal {
			if err := pass(ctx, s, queue); err != nil {
				return err
			}
		}
		if s.seal || s.done != nil {
			if err := pass(ctx, s, work); err != nil {
				return err
			}
		}
	}
	return nil
}

func pass(ctx context.Context, s *step, to chan<- *step) error {
	select {
	case to <- s:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
