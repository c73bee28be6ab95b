package slot

import (
	"context"
	"iter"
	"os"

	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/source"
)

// mostFound is how many entries of the source are kept from the survey for the run itself: a source that is larger is
// walked twice.
const mostFound = 50_000

// scan is what the survey has for the run.
type scan struct {
	begun bool
	found []*source.Found
	more  bool // than were kept
	// What follows is the manifest to be, as long as nothing has to be done for it.
	spool        *os.File
	writer       *manifest.Writer
	file         manifest.File
	files, bytes int64
	err          error
}

// begin is told whether only the server knows what it has: then there is work in any case.
func (f *scan) begin(listed bool) (err error) {
	f.begun = true
	if listed {
		return nil
	}
	if f.spool, err = newSpool(); err == nil {
		f.writer, err = manifest.NewWriter(f.spool)
	}
	return err
}

// see takes a row and what is planned for it.
func (f *scan) see(r *row, s *step) {
	if r.src != nil && f.begun && !f.more {
		if len(f.found) < mostFound {
			f.found = append(f.found, r.src)
		} else {
			f.found, f.more = nil, true
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
			f.bytes += s.entry.Size
		}
	}
}

// idle reports whether nothing has to be done on the server for a step, base being what the slot has.
func idle(s *step, base *manifest.Entry) bool {
	switch {
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
	f.writer, f.found = nil, nil
	return err
}

// take hands the manifest over; nil: there is work to do.
func (f *scan) take() (manifest.File, *os.File) {
	spool := f.spool
	f.spool = nil
	return f.file, spool
}

// walked is the source as the survey saw it, where that was kept, or as it is.
func (j *job) walked(ctx context.Context) iter.Seq2[*source.Found, error] {
	found := j.first.found
	j.first.found = nil
	if j.first.more || found == nil {
		return j.src.Walk(ctx)
	}
	return func(yield func(*source.Found, error) bool) {
		for _, f := range found {
			if !yield(f, nil) {
				return
			}
		}
	}
}
