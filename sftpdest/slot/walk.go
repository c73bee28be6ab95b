package slot

import (
	"context"
	"iter"

	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/plan"
	"slotfs/sftpdest/slot/store"
)

// walk plans and hands out. It is the only one that moves directories aside.
func (j *job) walk(ctx context.Context, work, queue chan<- *step) error {
	if j.plan.Listed {
		if err := j.waitUpdating(ctx); err != nil { // until then, what earlier runs sent may still come
			return err
		}
	}
	if err := j.findClashes(ctx); err != nil {
		return err
	}
	var around []*directory
	building := stagedDirs{small: j.o.tune.small}
	for a, err := range j.actions(ctx) {
		if err != nil {
			return err
		}
		s := &step{Action: *a}
		for len(around) > 0 && !manifest.Below(s.Entry.Path, around[len(around)-1].entry.Path) {
			around = around[:len(around)-1]
		}
		if len(around) > 0 {
			s.in = around[len(around)-1]
		}
		if s.Have != plan.None && s.in != nil {
			s.at = s.in.present(s.Where)
		}
		if s.Do == plan.Remove {
			j.deleteLater(s.at, s.Have == plan.Dir)
			continue
		}
		if s.Entry.IsDir() {
			s.self = &directory{entry: &s.Entry, ready: make(chan struct{})}
			if s.in == nil {
				s.self.at = j.slot + "/data"
			}
			around = append(around, s.self)
		}
		if err := j.prepare(ctx, s); err != nil {
			return err
		}
		if err := hand(ctx, building.next(s), work, queue); err != nil {
			return err
		}
	}
	return hand(ctx, building.next(nil), work, queue)
}

// actions are what has to be done, by the survey's plan or by what a listing tells.
func (j *job) actions(ctx context.Context) iter.Seq2[*plan.Action, error] {
	var listed iter.Seq2[plan.Present, error]
	if j.plan.Listed {
		listed = present(store.Walk(ctx, j, j.slot+"/data", j.names))
	}
	return j.found.Actions(ctx, &j.plan, j.base, j.donor, listed)
}

// present tells what a listing shows in the words of the plan.
func present(names iter.Seq2[store.Present, error]) iter.Seq2[plan.Present, error] {
	return func(yield func(plan.Present, error) bool) {
		for p, err := range names {
			if !yield(plan.Present{Path: p.Path, At: p.At, Mode: p.Info.Mode, Size: p.Info.Size, MTime: p.Info.MTime}, err) {
				return
			}
		}
	}
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

// prepare does what has to be done in order, and what costs nothing.
func (j *job) prepare(ctx context.Context, s *step) error {
	wrong := s.Have == plan.Dir && !s.Entry.IsDir() && s.Do != plan.Nothing || s.Have == plan.File && s.Entry.IsDir()
	if wrong {
		if err := j.setAside(ctx, s.at); err != nil {
			return err
		}
		j.markChanged(s.in)
		s.Have = plan.None
	}
	if s.Have != plan.None && s.in != nil && s.Do != plan.Nothing {
		if err := j.relocate(ctx, s); err != nil {
			return err
		}
	}
	if s.self != nil && s.Have == plan.Dir && s.in != nil {
		s.self.at, s.self.was = s.at, s.Where
	}
	if s.Entry.Flags&manifest.Stale != 0 && (s.self != nil || s.Do == plan.Keep) {
		j.count.Frozen.Add(1)
	}
	switch s.Do {
	case plan.Keep:
		if s.self != nil {
			close(s.self.ready)
			if s.Restamp {
				j.markChanged(s.self)
			}
		}
	case plan.Nothing:
		if s.Have != plan.None {
			j.deleteLater(s.at, s.Have == plan.Dir)
			j.markChanged(s.in)
		}
		if s.self != nil { // the server refused it before
			s.self.err = errLeft
			close(s.self.ready)
		}
	default:
		s.done = make(chan struct{})
	}
	return nil
}

// relocate renames what stands under another name than it is to have: names may clash that did not, and slots of older versions
// have none that are escaped. It is called by one goroutine.
func (j *job) relocate(ctx context.Context, s *step) error {
	target := s.target()
	if s.at == target {
		return nil
	}
	if err := j.waitUpdating(ctx); err != nil {
		return err
	}
	j.markChanged(s.in)
	if err := j.Rename(ctx, s.at, target); err != nil {
		return err
	}
	if s.Have == plan.File {
		j.claim(target)
	}
	s.at = target
	return nil
}

// setAside moves what stands in the way of another kind into a directory of this run: the next run removes that before it changes
// anything, so that a request which comes late moves nothing of what it made. It is called by one goroutine.
func (j *job) setAside(ctx context.Context, name string) error {
	if err := j.waitUpdating(ctx); err != nil {
		return err
	}
	if j.asideDir == "" {
		dir := j.Temp(j.slot)
		if err := j.MakeDir(ctx, dir, 0o700); err != nil {
			return err
		}
		j.asideDir = dir
	}
	return j.Rename(ctx, name, j.asideDir+"/"+manifest.Base(j.Temp(j.slot)))
}
