package tree

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"slotfs/indexer/backup"
)

// block is the unit of tar: headers and content start at multiples of it, in bytes.
const block = 512

// maxPosition bounds every offset, so that sums of a few of them cannot overflow.
const maxPosition = 1 << 58

// maxCount bounds how many entries a tree may claim to have.
const maxCount = 1 << 48

// record is an entry in memory. It is what pages decode to, and about a third of a backup.Entry.
type record struct {
	name   string
	size   int64
	mtime  int64
	offset int64 // relative to the page, or absolute in an open directory
	mode   uint32
	uid    uint32
	gid    uint32
	nlink  uint32
	sums   backup.Checksums // of a regular file
	more   *extra           // nil if there is nothing
}

// extra is what only some entries have. Every directory has one.
type extra struct {
	target string
	link   string
	rdev   uint64
	xattrs []backup.Xattr
	sparse []backup.Extent
	stored string // name on the destination, if that is another one
	far    int64  // backup.Entry.Far

	child backup.Hash
	count uint64
	// unsettled says that somewhere below are hard links whose counts Finish has yet to settle.
	unsettled bool
	// attributed says that entries somewhere below have extended attributes.
	attributed bool
	open       *openDir // in a Builder: the directory itself, when it is open
}

func (r *record) isDir() bool { return r.mode&backup.ModeType == backup.ModeDir }

func (r *record) regular() bool { return r.mode&backup.ModeType == backup.ModeRegular }

// counts reports whether r is a directory that its parent's link count includes.
func (r *record) counts() bool { return r.isDir() && !strings.HasSuffix(r.name, backup.NestedSuffix) }

// linked reports whether r is a name of a file that has, or may have, several.
func (r *record) linked() bool { return !r.isDir() && (r.nlink > 1 || r.link() != "") }

func (r *record) link() string {
	if r.more == nil {
		return ""
	}
	return r.more.link
}

// attributes reports whether r has extended attributes, or entries below it have.
func (r *record) attributes() bool {
	return r.more != nil && (len(r.more.xattrs) > 0 || r.more.attributed)
}

// below is the number of entries below r.
func (r *record) below() uint64 {
	if !r.isDir() {
		return 0
	}
	return r.more.count
}

// stored is how many bytes of content stand in the archive. It only serves to guess where the next
// member is.
func (r *record) stored() int64 {
	if !r.regular() {
		return 0
	}
	if r.more == nil || r.more.sparse == nil {
		return min(r.size, maxPosition)
	}
	var sum int64
	for _, x := range r.more.sparse {
		sum = min(sum+min(x.Length, maxPosition), maxPosition)
	}
	return sum
}

// weight is about how many bytes r takes in memory. It depends on nothing but what r says, so that
// limits built on it hold alike however often a directory was written and read again. What can be long
// counts several times: it is copied where directories are encoded, and garbage comes on top. Paths of
// 4 KB in 200,000 hard links are 15 MB of an archive.
func (r *record) weight() int64 {
	const long = 4
	n := int64(80+12) + int64(len(r.name)+len(r.sums))
	if m := r.more; m != nil {
		n += 136 + long*int64(len(m.target)+len(m.link)+len(m.stored)) + 16*int64(len(m.sparse))
		for _, x := range m.xattrs {
			n += 32 + long*int64(len(x.Name)+len(x.Value))
		}
	}
	return n
}

// entry fills e, all of it, with what r says.
func (r *record) entry(e *backup.Entry) {
	*e = backup.Entry{Name: r.name, Mode: r.mode, UID: r.uid, GID: r.gid, Size: r.size, MTime: r.mtime,
		Nlink: r.nlink, Offset: r.offset, Checksums: r.sums}
	if m := r.more; m != nil {
		e.Target, e.Link, e.Rdev, e.Xattrs, e.Sparse = m.target, m.link, m.rdev, m.xattrs, m.sparse
		e.Child, e.Count, e.Attributed, e.Stored, e.Far = m.child, m.count, m.attributed, m.stored, m.far
	}
}

// newRecord takes what an entry says, dropping what its type cannot have. Its name is checked by
// the caller.
func newRecord(e *backup.Entry) (record, error) {
	r := record{name: e.Name, size: max(e.Size, 0), mtime: e.MTime, offset: e.Offset, mode: e.Mode,
		uid: e.UID, gid: e.GID, nlink: e.Nlink}
	if e.Offset > maxPosition || e.Offset < -maxPosition {
		return record{}, fmt.Errorf("offset %d out of range", e.Offset)
	}
	xattrs := sortedXattrs(e.Xattrs)
	if e.Stored != "" && (checkName(e.Stored) != nil || e.Stored == e.Name) {
		return record{}, fmt.Errorf("stored as %.80q: %w", e.Stored, errName)
	}
	if !possibleTime(e.MTime, e.Far) {
		return record{}, fmt.Errorf("time of %d seconds beside one of %d nanoseconds", e.Far, e.MTime)
	}
	if r.isDir() {
		r.size = 0
		r.more = &extra{xattrs: xattrs, child: e.Child, count: e.Count, attributed: e.Attributed, stored: e.Stored, far: e.Far}
		if e.Child.IsZero() != (e.Count == 0) || e.Count > maxCount {
			return record{}, fmt.Errorf("directory with node %s and %d entries", e.Child, e.Count)
		}
		if e.Attributed && e.Count == 0 {
			return record{}, errors.New("empty directory with attributes below")
		}
		return r, nil
	}
	if err := checkSparse(e.Sparse); err != nil {
		return record{}, err
	}
	if r.regular() {
		r.sums = e.Checksums
		if !r.sums.Valid(r.size) {
			return record{}, fmt.Errorf("%d bytes of checksums for a file of %d", len(r.sums), r.size)
		}
	}
	r.nlink = max(r.nlink, 1)
	if e.Target != "" || e.Link != "" || e.Rdev != 0 || len(xattrs) > 0 || e.Sparse != nil || e.Stored != "" || e.Far != 0 {
		r.more = &extra{target: e.Target, link: e.Link, rdev: e.Rdev, xattrs: xattrs, sparse: e.Sparse, stored: e.Stored, far: e.Far}
	}
	return r, nil
}

// possibleTime reports whether an entry can have these times; see backup.Entry.
func possibleTime(mtime, far int64) bool {
	e := backup.Entry{MTime: mtime, Far: far}
	e.SetTime(e.Time())
	return far == 0 || e.MTime == mtime && e.Far == far
}

// sortedXattrs returns the attributes in strictly ascending order of their names. Of several with
// one name the last one counts.
func sortedXattrs(all []backup.Xattr) []backup.Xattr {
	if len(all) == 0 {
		return nil
	}
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b backup.Xattr) int { return strings.Compare(a.Name, b.Name) })
	kept := sorted[:0]
	for _, x := range sorted {
		if n := len(kept); n > 0 && kept[n-1].Name == x.Name {
			kept[n-1] = x
			continue
		}
		kept = append(kept, x)
	}
	return kept
}

// checkSparse refuses extents that are not ascending.
func checkSparse(all []backup.Extent) error {
	var end int64
	for _, x := range all {
		if x.Offset < end || x.Length < 0 || x.Length > maxSparse-x.Offset {
			return fmt.Errorf("sparse extent of %d bytes at %d out of order", x.Length, x.Offset)
		}
		end = x.Offset + x.Length
	}
	return nil
}

// maxSparse bounds where a sparse extent may end.
const maxSparse = 1 << 62

var errName = errors.New("name that no file can have")

// checkName refuses what cannot stand in a directory.
func checkName(name string) error {
	if name == "" || name == "." || name == ".." || len(name) > maxName || strings.IndexByte(name, '/') >= 0 {
		return errName
	}
	return nil
}
