package slot

import (
	"context"

	"slotfs/indexer/manifest"
)

// walk plans and hands out. It is the only one that moves folders aside.
func (j *job) walk(ctx context.Context, work, queue chan<- *step) error {
	if j.plan.listed {
		if err := j.may(ctx); err != nil { // until then, what earlier runs sent may still come
			return err
		}
	}
	if err := j.foresee(ctx); err != nil {
		return err
	}
	var around []*place
	building := nests{small: j.o.tune.small}
	for r, err := range j.rows(ctx) {
		if err != nil {
			return err
		}
		s := j.plan.plan(r)
		if s == nil {
			continue
		}
		for len(around) > 0 && !manifest.Below(s.entry.Path, around[len(around)-1].entry.Path) {
			around = around[:len(around)-1]
		}
		if len(around) > 0 {
			s.in = around[len(around)-1]
		}
		if s.have != none && s.in != nil {
			s.at = s.in.present(j.plan.where(r))
		}
		if s.act == remove {
			j.lose(s.at, s.have == folder)
			continue
		}
		if s.entry.IsDir() {
			s.self = &place{entry: &s.entry, ready: make(chan struct{})}
			if s.in == nil {
				s.self.at = j.slot + "/data"
			}
			around = append(around, s.self)
		}
		if err := j.prepare(ctx, s, r); err != nil {
			return err
		}
		if err := hand(ctx, building.next(s), work, queue); err != nil {
			return err
		}
	}
	return hand(ctx, building.next(nil), work, queue)
}

// hand passes steps on: first to those who note them in order, so that nobody can be in their way. What waits for a step is
// passed on after it, so that those who work come to it.
func hand(ctx context.Context, steps []*step, work, queue chan<- *step) error {
	for _, s := range steps {
		if s.act != seal {
			if err := pass(ctx, s, queue); err != nil {
				return err
			}
		}
		if s.act == seal || s.done != nil {
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
func (j *job) prepare(ctx context.Context, s *step, r *row) error {
	wrong := s.have == folder && !s.entry.IsDir() && s.act != nothing || s.have == file && s.entry.IsDir()
	if wrong {
		if err := j.setAside(ctx, s.at); err != nil {
			return err
		}
		j.touch(s.in)
		s.have = none
	}
	if s.have != none && s.in != nil && s.act != nothing {
		if err := j.relocate(ctx, s); err != nil {
			return err
		}
	}
	if s.self != nil && s.have == folder && s.in != nil {
		s.self.at, s.self.was = s.at, j.plan.where(r)
	}
	if s.entry.Flags&manifest.Stale != 0 && (s.self != nil || s.act == keep) {
		j.sum.frozen.Add(1)
	}
	switch s.act {
	case keep:
		if s.self != nil {
			close(s.self.ready)
			if r.base == nil || r.base.MTime != s.entry.MTime || r.base.Mode != s.entry.Mode || j.plan.listed {
				j.touch(s.self)
			}
		}
	case nothing:
		if s.have != none {
			j.lose(s.at, s.have == folder)
			j.touch(s.in)
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
	if err := j.may(ctx); err != nil {
		return err
	}
	j.touch(s.in)
	if err := j.Rename(ctx, s.at, target); err != nil {
		return err
	}
	if s.have == file {
		j.claim(target)
	}
	s.at = target
	return nil
}

// setAside moves what stands in the way of another kind into a folder of this run: the next run removes that before it changes
// anything, so that a request which comes late moves nothing of what it made. It is called by one goroutine.
func (j *job) setAside(ctx context.Context, name string) error {
	if err := j.may(ctx); err != nil {
		return err
	}
	if j.aside == "" {
		dir := j.Temp(j.slot)
		if err := j.MakeDir(ctx, dir, 0o700); err != nil {
			return err
		}
		j.aside = dir
	}
	return j.Rename(ctx, name, j.aside+"/"+manifest.Base(j.Temp(j.slot)))
}
