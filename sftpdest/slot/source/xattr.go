package source

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"slotfs/indexer/backup"
	"slotfs/indexer/manifest"
)

// procPath is a path to a name in the directory fd that leads nowhere else: the kernel goes from /proc/self/fd/N to the
// very directory that is open, and calls that do not follow links take the name for itself.
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
	byProc  bool // the kernel has no listxattrat
}

func newXattrs() *xattrs {
	return &xattrs{list: make([]byte, 64<<10), value: make([]byte, 64<<10), without: map[uint64]bool{}}
}

// read gives the attributes of a name in the directory fd ("." is the directory), sorted by name. What vanishes meanwhile is
// left out. With an error the attributes are those that could be read.
func (x *xattrs) read(fd int, name string, device uint64) ([]backup.Xattr, error) {
	if x.without[device] {
		return nil, nil
	}
	n, err := enlarging(x.list, func(into []byte) (int, error) { return x.names(fd, name, into) })
	if err == unix.ENOTSUP {
		x.without[device] = true
	}
	if ignorable(err) || err == nil && n == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("extended attributes: %w", err)
	}
	path := procPath(fd, name)
	return x.values(n, func(attribute string, into []byte) (int, error) { return unix.Lgetxattr(path, attribute, into) })
}

// readOpen is read for an open file.
func (x *xattrs) readOpen(fd int) ([]backup.Xattr, error) {
	n, err := enlarging(x.list, func(into []byte) (int, error) { return unix.Flistxattr(fd, into) })
	if ignorable(err) || err == nil && n == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("extended attributes: %w", err)
	}
	return x.values(n, func(attribute string, into []byte) (int, error) { return unix.Fgetxattr(fd, attribute, into) })
}

// ignorable reports whether an error says that there is no such attribute, file or thing as attributes.
func ignorable(err error) bool {
	return err == unix.ENODATA || err == unix.ENOENT || err == unix.ENOTSUP
}

// names lists the names of attributes. listxattrat(2) (Linux 6.13) takes half the time of the way by /proc.
func (x *xattrs) names(fd int, name string, into []byte) (int, error) {
	if !x.byProc {
		text, err := unix.BytePtrFromString(name)
		if err != nil {
			return 0, err
		}
		n, _, errno := unix.Syscall6(unix.SYS_LISTXATTRAT, uintptr(fd), uintptr(unsafe.Pointer(text)), unix.AT_SYMLINK_NOFOLLOW,
			uintptr(unsafe.Pointer(&into[0])), uintptr(len(into)), 0)
		// Older kernels do not have it, and seccomp filters may refuse what they do not know.
		if errno == 0 {
			return int(n), nil
		}
		if errno != unix.ENOSYS && errno != unix.EPERM {
			return 0, errno
		}
		x.byProc = true
	}
	return unix.Llistxattr(procPath(fd, name), into)
}

// fewBytes are enough for nearly all lists and values. The kernel allocates as much as a caller has room for.
const fewBytes = 512

// enlarging makes a call with a part of the buffer, and with all of it if that is too small.
func enlarging(buffer []byte, call func(into []byte) (int, error)) (int, error) {
	n, err := ignoringEINTR(func() (int, error) { return call(buffer[:fewBytes]) })
	if err == unix.ERANGE {
		return ignoringEINTR(func() (int, error) { return call(buffer) })
	}
	return n, err
}

// values reads the attributes whose names are in the first n bytes of x.list, each with get.
func (x *xattrs) values(n int, get func(attribute string, into []byte) (int, error)) ([]backup.Xattr, error) {
	var all []backup.Xattr
	var failed error
	size := 0
	for _, attribute := range strings.Split(strings.TrimSuffix(string(x.list[:n]), "\x00"), "\x00") {
		n, err := enlarging(x.value, func(into []byte) (int, error) { return get(attribute, into) })
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
