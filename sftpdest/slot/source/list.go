package source

import (
	"encoding/binary"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// name is one name of a directory.
type name struct {
	name string
	kind byte // DT_...; DT_UNKNOWN where the file system does not tell
}

// listBuffer is how much getdents64(2) gives at once, in bytes.
const listBuffer = 128 << 10

// list reads all names of the directory fd in byte order. Names share the memory of what the kernel gave.
func list(fd int, buffer []byte) ([]name, error) {
	var all []name
	for {
		n, err := ignoringEINTR(func() (int, error) { return unix.ReadDirent(fd, buffer) })
		if err != nil {
			return nil, err
		}
		if n <= 0 {
			break
		}
		all = appendNames(all, string(buffer[:n]))
	}
	slices.SortFunc(all, func(a, b name) int { return strings.Compare(a.name, b.name) })
	// A directory that changes while it is read can give a name twice.
	return slices.CompactFunc(all, func(a, b name) bool { return a.name == b.name }), nil
}

// Where the fields of a linux_dirent64 stand.
const (
	direntLength = unsafe.Offsetof(unix.Dirent{}.Reclen)
	direntType   = unsafe.Offsetof(unix.Dirent{}.Type)
	direntName   = unsafe.Offsetof(unix.Dirent{}.Name)
)

func appendNames(all []name, records string) []name {
	for len(records) > int(direntName) {
		length := int(binary.NativeEndian.Uint16([]byte(records[direntLength : direntLength+2])))
		if length <= int(direntName) || length > len(records) {
			break // the kernel does not do that
		}
		text := records[direntName:length]
		if end := strings.IndexByte(text, 0); end >= 0 {
			text = text[:end]
		}
		if text != "" && text != "." && text != ".." && strings.IndexByte(text, '/') < 0 {
			all = append(all, name{text, records[direntType]})
		}
		records = records[length:]
	}
	return all
}

// merge adds names that are joined to the directory, without their type.
func merge(all []name, joined []string) []name {
	for _, text := range joined {
		i, found := slices.BinarySearchFunc(all, text, func(n name, text string) int { return strings.Compare(n.name, text) })
		if !found {
			all = slices.Insert(all, i, name{name: text})
		}
	}
	return all
}

// ignoringEINTR repeats a call that a signal interrupted.
func ignoringEINTR[T any](call func() (T, error)) (T, error) {
	for {
		v, err := call()
		if err != unix.EINTR {
			return v, err
		}
	}
}
