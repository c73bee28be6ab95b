package plan

import (
	"context"
	"iter"
	"os"

	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/prefetch"
	"slotfs/sftpdest/slot/progress"
)

// Totals are how much there is, and how much there is to do.
type Totals struct {
	Files, Bytes          int64 // in the backup to be
	Sent, SentBytes       int64
	Compared              int64 // to be read, and sent if the content is another one
	Copied, Deleted       int64
	Planned, PlannedBytes int64 // sent, compared or copied
}

// Options say what a survey is for.
type Options struct {
	Whole bool // all of the source is sent every time: an archive
	// Keep keeps the source for Actions.
	Keep bool
	// Final says that what is planned here is what has to be done: no listing tells more, and no name may clash with a later one.
	Final bool
	// Scanned hears of each regular file; may be nil.
	Scanned func(size int64)
}

// Survey is what one pass over the source and the manifests has found, before anything was changed.
type Survey struct {
	Totals
	o       Options
	guard   *guard
	kept    kept
	actions []*Action // that are final; nil when there are more than are kept in memory
	idle    *idle     // nil: there is something to do
}

// NewSurvey merges the source with what is known, and plans. It closes in.Source. Clashes of p learn all names.
func NewSurvey(ctx context.Context, in Inputs, p Planner, o Options) (*Survey, error) {
	s := &Survey{o: o, guard: newGuard(in.Donor != nil && !p.OtherJob)}
	if o.Keep && o.Final {
		var err error
		if s.idle, err = newIdle(); err != nil {
			in.Source.Close()
			return s, err
		}
	}
	for r, err := range Merge(ctx, in) {
		if err != nil {
			return s, err
		}
		s.guard.see(r)
		if r.Src != nil || r.Base != nil && r.Base.Stored == "" {
			p.Clashes.Add(r.Path)
		}
		if err := s.add(r, p.Decide(r)); err != nil {
			return s, err
		}
	}
	if s.idle != nil {
		if err := s.idle.end(); err != nil {
			return s, err
		}
	}
	return s, s.kept.end()
}

// add takes a row and what is planned for it.
func (s *Survey) add(r *Row, a *Action) error {
	if s.o.Keep && r.Src != nil {
		if err := s.kept.add(r.Src); err != nil {
			return err
		}
	}
	if a == nil {
		return nil
	}
	s.count(a)
	if !s.o.Keep || !s.o.Final {
		return nil
	}
	if s.idle != nil && !a.idle(r.Base) {
		s.idle.close()
		s.idle = nil
	}
	if s.idle != nil {
		if err := s.idle.add(a); err != nil {
			return err
		}
	}
	if s.kept.file == nil {
		s.actions = append(s.actions, a)
	} else {
		s.actions = nil
	}
	return nil
}

// count adds what is planned to the totals.
func (s *Survey) count(a *Action) {
	do := a.Do
	switch {
	case do == Remove && !s.o.Whole:
		s.Deleted++
	case do == Remove, !a.Entry.IsRegular():
	default:
		s.Files++
		s.Bytes = progress.AddCapped(s.Bytes, a.Entry.Size)
		if s.o.Scanned != nil {
			s.o.Scanned(a.Entry.Size)
		}
		if s.o.Whole {
			do = Send
		}
		s.countFile(do, DataIn(&a.Entry))
	}
}

func (s *Survey) countFile(do Do, data int64) {
	switch do {
	case Send:
		s.Sent++
		s.SentBytes = progress.AddCapped(s.SentBytes, data)
	case Compare:
		s.Compared++
	case Fill:
		s.Copied++
	default:
		return
	}
	s.Planned++
	s.PlannedBytes = progress.AddCapped(s.PlannedBytes, data)
}

// Check fails with ErrMassChange if most of the last backup is gone from the source.
func (s *Survey) Check() error { return s.guard.check() }

// TakeIdle hands over the manifest to be, if nothing has to be done on the server but to write it; else list is nil.
func (s *Survey) TakeIdle() (file manifest.File, list *os.File) {
	if s.idle == nil {
		return file, nil
	}
	file, list = s.idle.file, s.idle.list
	s.idle = nil
	return file, list
}

// Idle reports whether nothing has to be done on the server.
func (s *Survey) Idle() bool { return s.idle != nil }

// Actions are what has to be done, in manifest order, once. Where the survey's plan was final it is that; else p plans, with what
// a listing tells. The source is as the survey saw it.
func (s *Survey) Actions(ctx context.Context, p *Planner, base, donor *os.File, listed iter.Seq2[Present, error]) iter.Seq2[*Action, error] {
	if s.actions != nil && s.o.Final {
		return s.planned(ctx)
	}
	return func(yield func(*Action, error) bool) {
		in := Inputs{Source: prefetch.Start(s.kept.all(ctx), prefetch.Ahead), Base: base, Donor: donor, Listed: listed}
		for r, err := range Merge(ctx, in) {
			if err != nil {
				yield(nil, err)
				return
			}
			if a := p.Decide(r); a != nil && !yield(a, nil) {
				return
			}
		}
	}
}

func (s *Survey) planned(ctx context.Context) iter.Seq2[*Action, error] {
	return func(yield func(*Action, error) bool) {
		s.kept.found = nil
		for i, a := range s.actions {
			s.actions[i] = nil
			if !yield(a, ctx.Err()) {
				return
			}
		}
	}
}

// Close gives local files back.
func (s *Survey) Close() {
	s.kept.close()
	if s.idle != nil {
		s.idle.close()
	}
}

// DataIn is how many bytes of a file are in no hole.
func DataIn(e *manifest.Entry) int64 {
	if e.Sparse == nil {
		return e.Size
	}
	n := int64(0)
	for _, x := range e.Sparse {
		n += x.Length
	}
	return min(n, e.Size)
}
