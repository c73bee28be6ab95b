package slot

import (
	"context"
	"iter"
	"os"

	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/source"
	"slotfs/sftpdest/slot/spool"
	"slotfs/sftpdest/slot/store"
)

// mostFound is how many rows are kept from the survey for the run itself: for more the source is walked twice, and manifests
// are read twice.
const mostFound = 50_000

// scan is what the survey has for the run.
type scan struct {
	only  bool // no slot is there yet
	begun bool
	rows  []*row
	more  bool // than were kept
	// What follows is the manifest to be, as long as nothing has to be done for it.
	spool        *os.File
	writer       *manifest.Writer
	file         manifest.File
	files, bytes int64
	err          error
}

// begin is told whether only the run itself finds out what there is to do.
func (f *scan) begin(unsure bool) (err error) {
	f.begun = true
	if unsure {
		return nil
	}
	if f.spool, err = spool.New(); err == nil {
		f.writer, err = manifest.NewWriter(f.spool)
	}
	return err
}

// see takes a row and what is planned for it.
func (f *scan) see(r *row, s *step) {
	if f.begun && !f.more {
		if len(f.rows) < mostFound {
			f.rows = append(f.rows, r)
		} else {
			f.rows, f.more = nil, true
		}
	}
	switch {
	case f.writer == nil || s == nil:
	case !idle(s, r.base):
		f.forget()
	default:
		if f.err = f.writer.Write(&s.entry); f.err != nil {
			f.forget()
		}
		if s.entry.IsRegular() {
			f.files++
			f.bytes = addCapped(f.bytes, s.entry.Size)
		}
	}
}

// idle reports whether nothing has to be done on the server for a step, base being what the slot has.
func idle(s *step, base *manifest.Entry) bool {
	switch {
	case base != nil && base.Stored != s.entry.Stored:
		return false
	case s.act == nothing:
		return s.have == none
	case s.act != keep || s.entry.Flags&manifest.Stale != 0:
		return false
	case s.entry.IsDir():
		return base != nil && base.MTime == s.entry.MTime && base.Mode == s.entry.Mode
	}
	return true
}

// forget gives the manifest up: there is something to do.
func (f *scan) forget() {
	if f.spool != nil {
		f.spool.Close()
	}
	f.spool, f.writer = nil, nil
}

// end finishes the manifest, if it is one.
func (f *scan) end() (err error) {
	if f.writer == nil {
		return f.err
	}
	f.file, err = f.writer.Close()
	f.writer, f.rows = nil, nil
	return err
}

// take hands the manifest over; nil: there is work to do.
func (f *scan) take() (manifest.File, *os.File) {
	spool := f.spool
	f.spool = nil
	return f.file, spool
}

// rows are what is known about all paths: as the survey saw them, where that was kept, or as they are.
func (j *job) rows(ctx context.Context) iter.Seq2[*row, error] {
	kept := j.first.rows
	j.first.rows = nil
	in := inputs{src: j.src.Walk(ctx), base: j.base, donor: j.donor}
	if kept != nil {
		in.src = func(yield func(*source.Found, error) bool) {
			for _, r := range kept {
				if r.src != nil && !yield(r.src, nil) {
					return
				}
			}
		}
	}
	switch {
	case j.plan.listed:
		in.listed = func(ctx context.Context) iter.Seq2[store.Present, error] {
			return store.Walk(ctx, j, j.slot+"/data", j.long)
		}
	case kept != nil:
		return func(yield func(*row, error) bool) {
			for i, r := range kept {
				kept[i] = nil
				if !yield(r, ctx.Err()) {
					return
				}
			}
		}
	}
	return merge(ctx, in)
}
