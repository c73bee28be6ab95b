package plan

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"slotfs/indexer/manifest"
)

// Note is what a journal says about a file, without what the source will tell again.
type Note struct {
	Path      string
	Size      int64
	MTime     int64
	CTime     int64
	Inode     uint64
	Sum       [sha256.Size]byte // zero: unknown
	Blocks    string            // as in manifest.Digest
	Durable   bool
	Stored    string // escaped name
	Ambiguous bool   // an earlier version had the same size and second: which one is there cannot be seen
	Seq       int32
}

// Hash is that of the content, as entries have it; "": unknown.
func (n *Note) Hash() string {
	if n.Sum == [sha256.Size]byte{} {
		return ""
	}
	return hex.EncodeToString(n.Sum[:])
}

// Digest is that of the content.
func (n *Note) Digest() manifest.Digest { return manifest.Digest{Hash: n.Hash(), Blocks: n.Blocks} }

// Notes are all that journals say, by path.
type Notes []Note

// Find returns the note of a path, or nil.
func (n Notes) Find(path string) *Note {
	i, ok := slices.BinarySearchFunc(n, path, func(e Note, path string) int { return manifest.Compare(e.Path, path) })
	if !ok {
		return nil
	}
	return &n[i]
}

// Sorted keeps the last note of each path.
func (n Notes) Sorted() Notes {
	slices.SortFunc(n, func(a, b Note) int {
		return cmp.Or(manifest.Compare(a.Path, b.Path), cmp.Compare(a.Seq, b.Seq))
	})
	kept := n[:0]
	for _, e := range n {
		if len(kept) == 0 || kept[len(kept)-1].Path != e.Path {
			kept = append(kept, e)
			continue
		}
		old := &kept[len(kept)-1]
		e.Ambiguous = old.Sum != e.Sum && (old.Ambiguous || alike(old.Size, old.MTime, e.Size, e.MTime))
		*old = e
	}
	return kept
}

// alike reports whether two versions of a file look the same to SFTP.
func alike(size, mtime, otherSize, otherMTime int64) bool {
	return size == otherSize && manifest.Seconds(mtime) == manifest.Seconds(otherMTime)
}
