package indexer

import (
	"context"

	"slotfs/indexer/archive"
	"slotfs/indexer/archive/gzseek"
	"slotfs/indexer/backup"
	"slotfs/indexer/packed"
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
	packed  *packed.Ends // of that member; nil: its bytes are collected as they are
	// mostPacked is up to which size a member is unpacked: what is packed in an archive that is not compressed need not be fetched.
	mostPacked int64
	total      int64 // bytes kept so far
	dump       dump  // that member, if it is one

	notes backup.Notes // about what became of members in the tree
	names *backup.NameCollector
}

var (
	_ archive.Handler = (*handler)(nil)
	_ archive.Watcher = (*handler)(nil)
)

// Member adds m to the tree and asks for its content if the engine wants it.
func (h *handler) Member(m *archive.Member) (backup.Excerpt, error) {
	h.close()
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
	if !want.Wanted() || want.Len(m.Size) > maxKept-h.total || want.Unpacked && m.Size > h.mostPacked {
		return backup.Excerpt{}, nil
	}
	h.total += want.Len(m.Size)
	h.keeping, h.content = added.Path, h.content[:0]
	h.dump.begin(want, &m.Entry)
	if want.Unpacked {
		h.packed = packed.Begin(want)
	}
	return want, nil
}

// close gives up the member whose content is collected.
func (h *handler) close() {
	if h.packed != nil {
		h.packed.Close()
		h.packed = nil
	}
}

// Content collects the content of the wanted member.
func (h *handler) Content(p []byte, done bool) error {
	if h.packed != nil {
		h.packed.Write(p)
	} else {
		h.content = append(h.content, p...)
	}
	if !done {
		return nil
	}
	if h.packed != nil {
		content, err := keptEnds(h.packed.Finish())
		h.packed = nil
		if err != nil {
			return nil // nothing can be told of it
		}
		h.content = content
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
