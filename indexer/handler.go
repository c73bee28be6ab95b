package indexer

import (
	"context"

	"slotfs/indexer/archive"
	"slotfs/indexer/archive/gzseek"
	"slotfs/indexer/backup"
	"slotfs/indexer/tree"
)

// What one archive can make us keep of its contents: bytes, and files. A customer's archive can hold any
// number of files that look like ones the engine wants, and the list of them is part of every saved state.
const (
	maxKept  = 64 << 20
	maxFiles = 20_000
)

// handler puts what a scan finds into the tree and the index.
type handler struct {
	ctx     context.Context
	index   Store
	wants   func(path string, size int64) backup.Excerpt
	serial  uint64
	builder *tree.Builder
	kept    map[string]backup.Hash // contents that the engine wants, by path

	keeping string // path of the member whose content is collected
	content []byte
	total   int64 // bytes kept so far
	dump    dump  // that member, if it is one

	notes backup.Notes // about what became of members in the tree
	names *backup.NameCollector
}

var (
	_ archive.Handler = (*handler)(nil)
	_ archive.Watcher = (*handler)(nil)
)

// Member adds m to the tree and asks for its content if the engine wants it.
func (h *handler) Member(m *archive.Member) (backup.Excerpt, error) {
	added, err := h.builder.Add(h.ctx, m.Path, m.Entry, m.Header)
	if err != nil {
		return backup.Excerpt{}, storeError{err}
	}
	if added.Note != "" {
		h.notes.Add(added.Note, m.Path)
	}
	if !added.OK {
		return backup.Excerpt{}, archive.ErrRefused
	}
	h.names.Add(&m.Entry, m.User, m.Group)
	delete(h.kept, added.Path)
	if !m.IsRegular() || m.Link != "" || len(h.kept) == maxFiles {
		return backup.Excerpt{}, nil
	}
	want := h.wants(added.Path, m.Size)
	if !want.Wanted() || want.Len(m.Size) > maxKept-h.total {
		return backup.Excerpt{}, nil
	}
	h.total += want.Len(m.Size)
	h.keeping, h.content = added.Path, h.content[:0]
	h.dump.begin(want, &m.Entry)
	return want, nil
}

// Content collects the content of the wanted member.
func (h *handler) Content(p []byte, done bool) error {
	h.content = append(h.content, p...)
	if !done {
		return nil
	}
	hash := tree.Sum(h.content)
	if err := h.index.Put(h.ctx, hash, append([]byte(nil), h.content...)); err != nil {
		return storeError{err}
	}
	if err := h.dump.end(h.ctx, h.index, h.serial); err != nil {
		return storeError{err}
	}
	h.kept[h.keeping] = hash
	h.keeping, h.content = "", h.content[:0]
	return nil
}

// Watch looks for tables in a dump.
func (h *handler) Watch(p []byte, at int64) { h.dump.watch(p, at) }

// Point keeps a seek point.
func (h *handler) Point(p *gzseek.Point) error {
	if err := h.index.PutPoint(h.ctx, h.serial, p); err != nil {
		return storeError{err}
	}
	return nil
}
