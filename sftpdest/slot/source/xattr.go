package source

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"slotfs/indexer/backup"
	"slotfs/indexer/manifest"
)

// procPath is a path to a name in the folder fd that leads nowhere else: the kernel goes from /proc/self/fd/N to the
// very folder that is open, and calls that do not follow links take the name for itself.
func procPath(fd int, name string) string {
	var b [64]byte
	text := strconv.AppendInt(append(b[:0], "/proc/self/fd/"...), int64(fd), 10)
	return string(append(append(text, '/'), name...))
}

// xattrs reads extended attributes, ACLs among them.
type xattrs struct {
	list, value []byte
	// without are devices whose file system has no extended attributes.
	without map[uint64]bool
}

func newXattrs() *xattrs {
	return &xattrs{list: make([]byte, 64<<10), value: make([]byte, 64<<10), without: map[uint64]bool{}}
}

// read gives the attributes of a name in the folder fd ("." is the folder), sorted by name. What vanishes meanwhile is
// left out. With an error the attributes are those that could be read.
func (x *xattrs) read(fd int, name string, device uint64) ([]backup.Xattr, error) {
	if x.without[device] {
		return nil, nil
	}
	path := procPath(fd, name)
	n, err := ignoringEINTR(func() (int, error) { return unix.Llistxattr(path, x.list) })
	if err == unix.ENOTSUP {
		x.without[device] = true
	}
	if ignorable(err) || err == nil && n == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("extended attributes: %w", err)
	}
	return x.values(n, func(attribute string) (int, error) { return unix.Lgetxattr(path, attribute, x.value) })
}

// readOpen is read for an open file.
func (x *xattrs) readOpen(fd int) ([]backup.Xattr, error) {
	n, err := ignoringEINTR(func() (int, error) { return unix.Flistxattr(fd, x.list) })
	if ignorable(err) || err == nil && n == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("extended attributes: %w", err)
	}
	return x.values(n, func(attribute string) (int, error) { return unix.Fgetxattr(fd, attribute, x.value) })
}

// ignorable reports whether an error says that there is no such attribute, file or thing as attributes.
func ignorable(err error) bool {
	return err == unix.ENODATA || err == unix.ENOENT || err == unix.ENOTSUP
}

// values reads the attributes whose names are in the first n bytes of x.list, each with get into x.value.
func (x *xattrs) values(n int, get func(attribute string) (int, error)) ([]backup.Xattr, error) {
	var all []backup.Xattr
	var failed error
	size := 0
	for _, attribute := range strings.Split(strings.TrimSuffix(string(x.list[:n]), "\x00"), "\x00") {
		n, err := ignoringEINTR(func() (int, error) { return get(attribute) })
		if ignorable(err) {
			continue
		}
		if err == nil && size+len(attribute)+n+16 > manifest.MaxXattrs {
			err = unix.E2BIG
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("extended attribute %q: %w", attribute, err))
			continue
		}
		size += len(attribute) + n + 16
		all = append(all, backup.Xattr{Name: attribute, Value: string(x.value[:n])})
	}
	slices.SortFunc(all, func(a, b backup.Xattr) int { return strings.Compare(a.Name, b.Name) })
	return slices.CompactFunc(all, func(a, b backup.Xattr) bool { return a.Name == b.Name }), failed
}
