package slot

import (
	"context"
	"iter"
	"os"

	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/source"
)

// row is all that is known about one path.
type row struct {
	path  string
	src   *source.Found   // nil: not in the source
	base  *manifest.Entry // in the last backup of the slot
	donor *manifest.Entry // in the newest backup of another slot
	here  *present        // in the slot as it is listed; only where it is listed

	baseAt, donorAt string // where they are below data/
}

// inputs are what is merged by path.
type inputs struct {
	src         iter.Seq2[*source.Found, error]
	walk        *pulled[*source.Found]                              // instead of src, already begun; nil: there is none
	base, donor *os.File                                            // nil: none
	listed      func(ctx context.Context) iter.Seq2[present, error] // nil: not listed
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
	src         *pulled[*source.Found]
	here        *pulled[present]
	base, donor *entries
	twin        bool // one manifest is both
}

func newMerger(ctx context.Context, in inputs) (*merger, error) {
	base, err := openEntries(in.base)
	if err != nil {
		return nil, err
	}
	m := &merger{base: base, donor: &entries{}, here: pull[present](nil), twin: in.base != nil && in.base == in.donor}
	if !m.twin {
		if m.donor, err = openEntries(in.donor); err != nil {
			base.close()
			return nil, err
		}
	}
	if in.listed != nil {
		m.here = pull(in.listed(ctx))
	}
	if m.src = in.walk; m.src == nil {
		m.src = pull(in.src)
		return m, nil
	}
	m.src.advance()
	return m, nil
}

func (m *merger) close() {
	m.src.close()
	m.here.close()
	m.base.close()
	m.donor.close()
}

// row takes the lowest path; nil behind the last one.
func (m *merger) row() (*row, error) {
	for _, err := range []error{m.src.err, m.here.err, m.base.err, m.donor.err} {
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
	consider(m.src.some, func() string { return m.src.head.Path })
	consider(m.here.some, func() string { return m.here.head.path })
	consider(m.base.head != nil, func() string { return m.base.head.Path })
	consider(m.donor.head != nil, func() string { return m.donor.head.Path })
	if !some {
		return nil, nil
	}
	r := &row{path: lowest}
	r.base, r.baseAt = m.base.take(lowest)
	if r.donor, r.donorAt = m.donor.take(lowest); m.twin {
		r.donor, r.donorAt = r.base, r.baseAt
	}
	if m.src.some && m.src.head.Path == lowest {
		r.src = m.src.head
		m.src.advance()
	}
	if m.here.some && m.here.head.path == lowest {
		here := m.here.head
		r.here = &here
		m.here.advance()
	}
	return r, nil
}
