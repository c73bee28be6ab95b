package plan

import (
	"context"
	"iter"
	"os"

	"slotfs/indexer/manifest"
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

// Options say what a plan is for.
type Options struct {
	Whole bool // all of the source is sent every time: an archive
	Keep  bool // what is planned is going to be done
	Idle  bool // the manifest to be is written at once, as long as nothing else has to be done
	// Scanned hears of each regular file; may be nil.
	Scanned func(size int64)
}

// Plan is what has to be done for a backup.
type Plan struct {
	Totals
	o       Options
	guard   *guard
	actions actions
	idle    *idle // nil: there is something to do
}

// Make merges the source with what is known, and plans. It closes in.Source.
func Make(ctx context.Context, in Inputs, p Planner, o Options) (*Plan, error) {
	made := &Plan{o: o, guard: newGuard(in.Donor != nil && !p.OtherJob)}
	if o.Idle {
		var err error
		if made.idle, err = newIdle(); err != nil {
			in.Source.Close()
			return made, err
		}
	}
	for r, err := range Merge(ctx, in) {
		if err != nil {
			return made, err
		}
		made.guard.see(r)
		if err := made.add(r, p.Decide(r)); err != nil {
			return made, err
		}
	}
	if made.idle != nil {
		if err := made.idle.end(); err != nil {
			return made, err
		}
	}
	return made, made.actions.end()
}

// add takes what is planned for a row.
func (p *Plan) add(r *Row, a *Action) error {
	if a == nil {
		return nil
	}
	p.count(a)
	if p.idle != nil && !a.idle(r.Base) {
		p.idle.close()
		p.idle = nil
	}
	if p.idle != nil {
		if err := p.idle.add(a); err != nil {
			return err
		}
	}
	if !p.o.Keep {
		return nil
	}
	return p.actions.add(a)
}

// count adds what is planned to the totals.
func (p *Plan) count(a *Action) {
	do := a.Do
	switch {
	case do == Remove && !p.o.Whole:
		p.Deleted++
	case do == Remove, !a.Entry.IsRegular():
	default:
		p.Files++
		p.Bytes = progress.AddCapped(p.Bytes, a.Entry.Size)
		if p.o.Scanned != nil {
			p.o.Scanned(a.Entry.Size)
		}
		if p.o.Whole {
			do = Send
		}
		p.countFile(do, DataIn(&a.Entry))
	}
}

func (p *Plan) countFile(do Do, data int64) {
	switch do {
	case Send:
		p.Sent++
		p.SentBytes = progress.AddCapped(p.SentBytes, data)
	case Compare:
		p.Compared++
	case Fill:
		p.Copied++
	default:
		return
	}
	p.Planned++
	p.PlannedBytes = progress.AddCapped(p.PlannedBytes, data)
}

// Check fails with ErrMassChange if most of the last backup is gone from the source.
func (p *Plan) Check() error { return p.guard.check() }

// Idle reports whether nothing has to be done on the server but to write the manifest.
func (p *Plan) Idle() bool { return p.idle != nil }

// TakeIdle hands over the manifest to be of an idle plan.
func (p *Plan) TakeIdle() (file manifest.File, list *os.File) {
	file, list = p.idle.file, p.idle.list
	p.idle = nil
	return file, list
}

// Actions are what has to be done, in manifest order, once.
func (p *Plan) Actions(ctx context.Context) iter.Seq2[*Action, error] { return p.actions.all(ctx) }

// Close gives local files back.
func (p *Plan) Close() {
	p.actions.close()
	if p.idle != nil {
		p.idle.close()
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
