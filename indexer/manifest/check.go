package manifest

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"slotfs/indexer/backup"
)

// What an entry may have at most. What is more is refused by writers and readers alike.
const (
	MaxPath     = 128 << 10 // bytes of a path
	MaxDepth    = 2048      // elements of a path
	MaxName     = 4096      // bytes of an element
	MaxTarget   = 64 << 10  // bytes of a symlink's text, of a user's or a group's name
	MaxXattrs   = 512 << 10 // bytes of all names and values of extended attributes, 16 more for each
	MaxExtents  = 64 << 10  // regions of a sparse file
	maxLine     = 8 << 20   // bytes of a line; what the limits above allow is less
	maxSparse   = 1 << 62   // where an extent may end
	xattrsExtra = 16
)

// errDamaged says that bytes are not what a writer of this format has written.
var errDamaged = errors.New("damaged")

// Compare orders paths as manifests are ordered: element by element, in byte order.
func Compare(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] == b[i] {
			continue
		}
		switch {
		case a[i] == '/':
			return -1
		case b[i] == '/':
			return 1
		case a[i] < b[i]:
			return -1
		}
		return 1
	}
	return len(a) - len(b)
}

// checkPath refuses paths that lead elsewhere or cannot be. The empty one is the account's directory.
func checkPath(path string) error {
	if path == "" {
		return nil
	}
	if len(path) > MaxPath {
		return fmt.Errorf("path of %d bytes", len(path))
	}
	depth := 0
	for rest, more := path, true; more; depth++ {
		var name string
		name, rest, more = strings.Cut(rest, "/")
		if name == "" || name == "." || name == ".." || len(name) > MaxName || strings.IndexByte(name, 0) >= 0 {
			return fmt.Errorf("path %.80q cannot be", path)
		}
	}
	if depth > MaxDepth {
		return fmt.Errorf("path of %d elements", depth)
	}
	return nil
}

// check refuses entries that cannot be.
func (e *Entry) check() error {
	if err := checkPath(e.Path); err != nil {
		return err
	}
	if typeName(e.Mode) == "" || e.Mode&^(backup.ModeType|backup.ModePerm) != 0 ||
		e.Mode&backup.ModeType == 0 && e.Flags&Removed == 0 {
		return fmt.Errorf("%.80q has an unknown type (mode %o)", e.Path, e.Mode)
	}
	switch regular := e.IsRegular(); {
	case e.Size < 0 || e.Offset < 0:
		return fmt.Errorf("%.80q has a negative size or offset", e.Path)
	case len(e.User) > MaxTarget || len(e.Group) > MaxTarget:
		return fmt.Errorf("%.80q has an owner with too long a name", e.Path)
	case e.IsSymlink() == (e.Target == "") || len(e.Target) > MaxTarget || strings.IndexByte(e.Target, 0) >= 0:
		return fmt.Errorf("%.80q has a link target that cannot be", e.Path)
	case e.Hash != "" && (!regular || !isHash(e.Hash)):
		return fmt.Errorf("%.80q has a hash that cannot be", e.Path)
	case e.Blocks != "" && (e.Hash == "" || int64(len(e.Blocks)) != 4*backup.Blocks(e.Size)):
		return fmt.Errorf("%.80q has checksums of blocks that cannot be", e.Path)
	case e.Sparse != nil && !regular:
		return fmt.Errorf("%.80q is sparse but no file", e.Path)
	case e.Stored != "" && e.Stored != Escape(e.Path[lastSlash(e.Path)+1:]):
		return fmt.Errorf("%.80q has an escaped name that cannot be", e.Path)
	case e.Flags >= flagsEnd:
		return fmt.Errorf("%.80q has unknown flags", e.Path)
	}
	if e.Link != "" && (e.IsDir() || e.Link == e.Path || checkPath(e.Link) != nil) {
		return fmt.Errorf("%.80q has a hard link that cannot be", e.Path)
	}
	if err := checkXattrs(e.Xattrs); err != nil {
		return fmt.Errorf("%.80q: %w", e.Path, err)
	}
	if err := checkSparse(e.Sparse, e.Size); err != nil {
		return fmt.Errorf("%.80q: %w", e.Path, err)
	}
	return nil
}

func checkXattrs(all []backup.Xattr) error {
	bytes := 0
	for i, x := range all {
		bytes += len(x.Name) + len(x.Value) + xattrsExtra
		if x.Name == "" || bytes > MaxXattrs || i > 0 && all[i-1].Name >= x.Name {
			return errors.New("extended attributes too large, without a name or out of order")
		}
	}
	return nil
}

func checkSparse(all []backup.Extent, size int64) error {
	if len(all) > MaxExtents {
		return fmt.Errorf("%d sparse extents", len(all))
	}
	end := int64(0)
	for _, x := range all {
		if x.Offset < end || x.Length < 0 || x.Length > maxSparse-x.Offset || x.Offset+x.Length > size {
			return fmt.Errorf("sparse extent of %d bytes at %d out of order", x.Length, x.Offset)
		}
		end = x.Offset + x.Length
	}
	return nil
}

// order holds entries against those before them.
type order struct {
	last    string
	lastDir bool
	begun   bool
	sorted  bool // it matters: journals are not
	entries int64
	bytes   int64
}

// next refuses an entry that cannot come here, and counts it.
func (o *order) next(e *Entry) error {
	if o.sorted {
		if o.begun && Compare(o.last, e.Path) >= 0 {
			return fmt.Errorf("%.80q stands behind %.80q", e.Path, o.last)
		}
		if o.begun && !o.lastDir && len(e.Path) > len(o.last) && e.Path[len(o.last)] == '/' && e.Path[:len(o.last)] == o.last {
			return fmt.Errorf("%.80q lies below what is no directory", e.Path)
		}
		if e.Link != "" && Compare(e.Link, e.Path) >= 0 {
			return fmt.Errorf("%.80q is linked to what stands behind it", e.Path)
		}
		if e.Flags&journalOnly != 0 {
			return fmt.Errorf("%.80q has flags of a journal", e.Path)
		}
	}
	o.begun, o.last, o.lastDir = true, e.Path, e.IsDir()
	o.entries++
	if e.IsRegular() && e.Link == "" && e.Flags&Missing == 0 {
		// Sizes of sparse files may be anything: the sum stays what File can hold.
		o.bytes += min(e.Size, math.MaxInt64-o.bytes)
	}
	return nil
}

// fileType is a type of a mode and its name.
type fileType struct {
	mode uint32
	name string
}

// types are the names of file types, the frequent ones first.
var types = []fileType{
	{backup.ModeRegular, "file"}, {backup.ModeDir, "dir"}, {backup.ModeSymlink, "symlink"}, {backup.ModeFIFO, "fifo"},
	{backup.ModeSocket, "socket"}, {backup.ModeBlock, "block"}, {backup.ModeChar, "char"}, {0, "none"},
}

// typeName is the name of the type in mode, empty if there is none.
func typeName(mode uint32) string {
	for i := range types {
		if types[i].mode == mode&backup.ModeType {
			return types[i].name
		}
	}
	return ""
}

// typeOf is the reverse of typeName.
func typeOf(name []byte) (uint32, bool) {
	for i := range types {
		if types[i].name == string(name) {
			return types[i].mode, true
		}
	}
	return 0, false
}
