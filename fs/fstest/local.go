package fstest

import (
	"context"
	"fmt"
	iofs "io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"slotfs/indexer/backup"
	"slotfs/indexer/tree"
)

// addLocal adds a local directory and all below it.
func addLocal(ctx context.Context, b *tree.Builder, dir, prefix string) error {
	first := map[[2]uint64]string{} // first name of what has several, by device and inode
	return filepath.WalkDir(dir, func(local string, d iofs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel := strings.TrimPrefix(strings.TrimPrefix(local, dir), "/")
		path := strings.Trim(prefix+"/"+rel, "/")
		info, err := d.Info()
		if err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		e, err := localEntry(local, st)
		if err != nil {
			return err
		}
		e.Name = filepath.Base(path)
		if id := [2]uint64{uint64(st.Dev), st.Ino}; e.IsRegular() && st.Nlink > 1 {
			if first[id] != "" {
				e.Link = first[id]
			} else {
				first[id] = path
			}
		}
		_, err = b.Add(ctx, path, e, 0)
		return err
	})
}

// localEntry reads attributes from the local file system.
func localEntry(path string, st *syscall.Stat_t) (backup.Entry, error) {
	e := backup.Entry{Mode: st.Mode, UID: st.Uid, GID: st.Gid, Nlink: uint32(st.Nlink)}
	e.SetTime(backup.Time{Sec: int64(st.Mtim.Sec), Nsec: int32(st.Mtim.Nsec)})
	var err error
	switch st.Mode & backup.ModeType {
	case backup.ModeSymlink:
		if e.Target, err = os.Readlink(path); err != nil {
			return e, err
		}
	case backup.ModeRegular:
		e.Size = st.Size
		if e.Sparse, err = extents(path, st); err != nil {
			return e, err
		}
	case backup.ModeBlock, backup.ModeChar:
		e.Rdev = uint64(st.Rdev)
	}
	e.Xattrs, err = xattrs(path)
	return e, err
}

// extents finds the data of a file that has holes; nil if it has none.
func extents(path string, st *syscall.Stat_t) ([]backup.Extent, error) {
	if st.Blocks*512 >= st.Size {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all := []backup.Extent{}
	for off := int64(0); off < st.Size; {
		from, err := f.Seek(off, unix.SEEK_DATA)
		if err != nil {
			break // nothing but a hole
		}
		to, err := f.Seek(from, unix.SEEK_HOLE)
		if err != nil {
			return nil, err
		}
		all = append(all, backup.Extent{Offset: from, Length: to - from})
		off = to
	}
	return all, nil
}

// xattrs reads the extended attributes of a file, not following links.
func xattrs(path string) ([]backup.Xattr, error) {
	buf := make([]byte, 64<<10)
	n, err := unix.Llistxattr(path, buf)
	if err != nil {
		return nil, fmt.Errorf("list attributes of %s: %w", path, err)
	}
	var all []backup.Xattr
	for _, name := range strings.Split(strings.TrimRight(string(buf[:n]), "\x00"), "\x00") {
		if name == "" {
			continue
		}
		value := make([]byte, 64<<10)
		n, err := unix.Lgetxattr(path, name, value)
		if err != nil {
			return nil, fmt.Errorf("attribute %s of %s: %w", name, path, err)
		}
		all = append(all, backup.Xattr{Name: name, Value: string(value[:n])})
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	return all, nil
}
