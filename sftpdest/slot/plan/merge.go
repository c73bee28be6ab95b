package plan

import (
	"context"
	"iter"
	"os"

	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/prefetch"
	"slotfs/sftpdest/slot/source"
	"slotfs/sftpdest/slot/spool"
)

// Row is all that is known about one path.
type Row struct {
	Path  string
	Src   *source.Found   // nil: not in the source
	Base  *manifest.Entry // in the last backup of the slot
	Donor *manifest.Entry // in the newest backup of another slot
	Here  *Present        // in the slot as it is listed; only where it is listed

	BaseAt, DonorAt string // where they are below data/
}

// Present is a name that is on the server.
type Present struct {
	Path  string // in the backup
	At    string // below data/
	Mode  uint32
	Size  int64
	MTime int64 // Unix seconds
}

// Inputs are what is merged by path.
type Inputs struct {
	Source      *prefetch.Iter[*source.Found] // started, not advanced yet; closed by the merge
	Base, Donor *os.File                      // spooled manifests; nil: none
	Listed      iter.Seq2[Present, error]     // nil: the slot is not listed
}

// Merge yields a row for each path that any input has, in manifest order.
func Merge(ctx context.Context, in Inputs) iter.Seq2[*Row, error] {
	return func(yield func(*Row, error) bool) {
		m, err := newMerger(in)
		if err != nil {
			yield(nil, err)
			return
		}
		defer m.close()
		for {
			r, err := m.row()
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if r == nil || !yield(r, nil) {
				return
			}
		}
	}
}

type merger struct {
	src         *prefetch.Iter[*source.Found]
	here        *prefetch.Iter[Present]
	base, donor *spool.Entries
	twin        bool // one manifest is both
}

func newMerger(in Inputs) (*merger, error) {
	base, err := spool.Open(in.Base)
	if err != nil {
		in.Source.Close()
		return nil, err
	}
	m := &merger{src: in.Source, base: base, donor: &spool.Entries{}, twin: in.Base != nil && in.Base == in.Donor}
	if !m.twin {
		if m.donor, err = spool.Open(in.Donor); err != nil {
			in.Source.Close()
			base.Close()
			return nil, err
		}
	}
	m.here = prefetch.New(in.Listed)
	m.src.Advance()
	return m, nil
}

func (m *merger) close() {
	m.src.Close()
	m.here.Close()
	m.base.Close()
	m.donor.Close()
}

// row takes the lowest path; nil behind the last one.
func (m *merger) row() (*Row, error) {
	for _, err := range []error{m.src.Err, m.here.Err, m.base.Err, m.donor.Err} {
		if err != nil {
			return nil, err
		}
	}
	var lowest string
	some := false
	consider := func(there bool, path func() string) {
		if !there {
			return
		}
		if p := path(); !some || manifest.Compare(p, lowest) < 0 {
			lowest, some = p, true
		}
	}
	consider(m.src.Some, func() string { return m.src.Head.Path })
	consider(m.here.Some, func() string { return m.here.Head.Path })
	consider(m.base.Head != nil, func() string { return m.base.Head.Path })
	consider(m.donor.Head != nil, func() string { return m.donor.Head.Path })
	if !some {
		return nil, nil
	}
	r := &Row{Path: lowest}
	r.Base, r.BaseAt = m.base.Take(lowest)
	r.Donor, r.DonorAt = m.donor.Take(lowest)
	if m.twin {
		r.Donor, r.DonorAt = r.Base, r.BaseAt
	}
	if m.src.Some && m.src.Head.Path == lowest {
		r.Src = m.src.Head
		m.src.Advance()
	}
	if m.here.Some && m.here.Head.Path == lowest {
		here := m.here.Head
		r.Here = &here
		m.here.Advance()
	}
	return r, nil
}
