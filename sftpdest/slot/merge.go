package slot

import (
	"context"
	"iter"
	"os"

	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/prefetch"
	"slotfs/sftpdest/slot/source"
	"slotfs/sftpdest/slot/spool"
	"slotfs/sftpdest/slot/store"
)

// row is all that is known about one path.
type row struct {
	path  string
	src   *source.Found   // nil: not in the source
	base  *manifest.Entry // in the last backup of the slot
	donor *manifest.Entry // in the newest backup of another slot
	here  *store.Present  // in the slot as it is listed; only where it is listed

	baseAt, donorAt string // where they are below data/
}

// inputs are what is merged by path.
type inputs struct {
	src         iter.Seq2[*source.Found, error]
	walk        *prefetch.Iter[*source.Found]                             // instead of src, already begun; nil: there is none
	base, donor *os.File                                                  // nil: none
	listed      func(ctx context.Context) iter.Seq2[store.Present, error] // nil: not listed
}

// merge yields a row for each path that any input has, in manifest order.
func merge(ctx context.Context, in inputs) iter.Seq2[*row, error] {
	return func(yield func(*row, error) bool) {
		m, err := newMerger(ctx, in)
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
	here        *prefetch.Iter[store.Present]
	base, donor *spool.Entries
	twin        bool // one manifest is both
}

func newMerger(ctx context.Context, in inputs) (*merger, error) {
	base, err := spool.Open(in.base)
	if err != nil {
		return nil, err
	}
	m := &merger{base: base, donor: &spool.Entries{}, here: prefetch.New[store.Present](nil), twin: in.base != nil && in.base == in.donor}
	if !m.twin {
		if m.donor, err = spool.Open(in.donor); err != nil {
			base.Close()
			return nil, err
		}
	}
	if in.listed != nil {
		m.here = prefetch.New(in.listed(ctx))
	}
	if m.src = in.walk; m.src == nil {
		m.src = prefetch.New(in.src)
		return m, nil
	}
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
func (m *merger) row() (*row, error) {
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
	r := &row{path: lowest}
	r.base, r.baseAt = m.base.Take(lowest)
	if r.donor, r.donorAt = m.donor.Take(lowest); m.twin {
		r.donor, r.donorAt = r.base, r.baseAt
	}
	if m.src.Some && m.src.Head.Path == lowest {
		r.src = m.src.Head
		m.src.Advance()
	}
	if m.here.Some && m.here.Head.Path == lowest {
		here := m.here.Head
		r.here = &here
		m.here.Advance()
	}
	return r, nil
}
