package slot

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
	"sync/atomic"
	"syscall"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
)

type memoryFile struct {
	m    *memory
	n    *node
	path string
}

func (m *memory) Open(ctx context.Context, path string) (dest.File, error) {
	var f *memoryFile
	err := m.do(ctx, "open", path, func() error {
		n, err := m.find(path)
		if err == nil && n.mode&backup.ModeType != backup.ModeRegular {
			err = dest.ErrNotRegular
		}
		f = &memoryFile{m, n, path}
		return err
	})
	return f, err
}

func (f *memoryFile) ReadAt(ctx context.Context, p []byte, off int64) (n int, err error) {
	err = f.m.do(ctx, "read", f.path, func() error {
		if off < int64(len(f.n.data)) {
			n = copy(p, f.n.data[off:])
		}
		return nil
	})
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

func (f *memoryFile) Stat(ctx context.Context) (dest.Info, error) { return f.m.Stat(ctx, f.path) }
func (f *memoryFile) Close() error                                { return nil }
func (m *memory) Close() error                                    { return nil }

type memoryOutput struct {
	m    *memory
	n    *node
	path string
	done atomic.Bool
}

func (m *memory) Create(ctx context.Context, path string, how dest.Create) (dest.WriteFile, error) {
	o := &memoryOutput{m: m, path: path}
	err := m.do(ctx, "create", path, func() error {
		n, err := m.find(path)
		if err == nil && how.Existing && n.children == nil {
			o.n = n
			return nil
		}
		o.n = &node{mode: backup.ModeRegular | 0o600, mtime: m.now}
		return m.add(path, o.n)
	})
	if err != nil {
		return nil, err
	}
	return o, nil
}

func (o *memoryOutput) WriteAt(ctx context.Context, p []byte, off int64) (int, error) {
	err := o.m.do(ctx, "write", o.path, func() error {
		if end := int(off) + len(p); end > len(o.n.data) {
			o.n.data = append(slices.Clip(o.n.data), make([]byte, end-len(o.n.data))...)
		} else {
			o.n.data = bytes.Clone(o.n.data)
		}
		copy(o.n.data[off:], p)
		o.n.safe, o.n.mtime = false, o.m.now
		return nil
	})
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

func (o *memoryOutput) Sync(ctx context.Context) error {
	return o.m.do(ctx, "sync", o.path, func() error {
		if o.m.unsync {
			return errors.ErrUnsupported
		}
		o.n.safe, o.n.safeData, o.n.safeMTime = true, bytes.Clone(o.n.data), o.n.mtime
		return nil
	})
}

func (o *memoryOutput) Close(ctx context.Context) error {
	if o.done.Swap(true) {
		return fs.ErrClosed
	}
	return o.m.do(ctx, "close", o.path, func() error { return nil })
}

func (m *memory) Mkdir(ctx context.Context, path string, permissions uint32) error {
	return m.do(ctx, "mkdir", path, func() error { return m.add(path, newDirectory(permissions)) })
}

func (m *memory) SetAttributes(ctx context.Context, path string, a dest.Attributes) error {
	return m.do(ctx, "set", path, func() error {
		n, err := m.find(path)
		if err != nil {
			return err
		}
		m.set(n, a)
		return nil
	})
}

func (m *memory) set(n *node, a dest.Attributes) {
	if a.Size != nil {
		data := make([]byte, *a.Size)
		copy(data, n.data)
		n.safe = n.safe && len(n.data) == len(data)
		n.data = data
	}
	if a.Permissions != nil {
		n.mode = n.mode&backup.ModeType | *a.Permissions
	}
	if a.MTime != nil {
		n.safe = n.safe && n.mtime == *a.MTime
		n.mtime = *a.MTime
	}
}

func (m *memory) Rename(ctx context.Context, from, to string) error {
	if err := dest.CheckPath(to); err != nil {
		return err
	}
	return m.do(ctx, "rename", from, func() error {
		old, oldName, err := m.around(from)
		if err != nil {
			return err
		}
		what := old.children[oldName]
		if what == nil {
			return fs.ErrNotExist
		}
		dir, name, err := m.around(to)
		if err != nil {
			return err
		}
		if there := dir.children[name]; there == what {
			return nil // rename(2) of two names of one file does nothing
		} else if there != nil && (there.children != nil || what.children != nil) {
			return syscall.EISDIR
		} else if there != nil && m.plain {
			return errors.ErrUnsupported
		}
		m.alter(change{old, dir, oldName, name, what})
		return nil
	})
}

func (m *memory) Remove(ctx context.Context, path string) error {
	return m.take(ctx, "remove", path, false)
}
func (m *memory) RemoveDir(ctx context.Context, path string) error {
	return m.take(ctx, "rmdir", path, true)
}

func (m *memory) take(ctx context.Context, op, path string, directory bool) error {
	return m.do(ctx, op, path, func() error {
		dir, name, err := m.around(path)
		if err != nil {
			return err
		}
		n := dir.children[name]
		switch {
		case n == nil:
			return fs.ErrNotExist
		case directory != (n.children != nil):
			return syscall.EISDIR
		case len(n.children) > 0:
			return syscall.ENOTEMPTY
		}
		m.alter(change{from: dir, fromName: name, what: n})
		return nil
	})
}

func (m *memory) Link(ctx context.Context, from, to string) error {
	return m.do(ctx, "link", to, func() error {
		n, err := m.find(from)
		if err != nil {
			return err
		}
		return m.add(to, n)
	})
}

func (m *memory) Symlink(ctx context.Context, target, path string) error {
	return m.do(ctx, "symlink", path, func() error {
		return m.add(path, &node{mode: backup.ModeSymlink | 0o777, target: target, mtime: m.now, safe: true})
	})
}

func (m *memory) SyncDir(ctx context.Context, path string) error {
	return m.do(ctx, "syncdir", path, func() error {
		if m.unsync {
			return errors.ErrUnsupported
		}
		dir, err := m.find(path)
		if err != nil {
			return err
		}
		var left []change
		for _, c := range m.pending {
			if c.from != dir && c.to != dir {
				left = append(left, c)
				continue
			}
			apply(c, true)
			if c.what.children != nil { // a directory has one name: that it got the one before is over
				left = slices.DeleteFunc(left, func(old change) bool {
					return old.what == c.what && old.to == c.from && old.toName == c.fromName
				})
			}
		}
		m.pending = left
		return nil
	})
}

func (m *memory) Install(ctx context.Context, from, to string) (bool, error) {
	if err := m.Rename(ctx, from, to); err != nil {
		return false, err
	}
	return m.synced(m.SyncDir(ctx, dest.Parent(to)))
}

func (m *memory) SyncDirAttributes(ctx context.Context, path string, a dest.Attributes) (bool, error) {
	if err := m.SetAttributes(ctx, path, a); err != nil {
		return false, err
	}
	return m.synced(m.SyncDir(ctx, path))
}

func (m *memory) synced(err error) (bool, error) {
	if errors.Is(err, errors.ErrUnsupported) {
		return false, nil
	}
	return err == nil, err
}

func (m *memory) Space(context.Context, string) (dest.Space, error) {
	return dest.Space{Bytes: 1 << 40, Files: -1}, nil
}

// Put takes the steps that a server takes one after the other.
func (m *memory) Put(ctx context.Context, path string, content []byte, a dest.Attributes, sync bool) (bool, error) {
	out, err := m.Create(ctx, path, dest.Create{})
	if err != nil {
		return false, err
	}
	for half := (len(content) + 1) / 2; len(content) > 0; {
		if _, err := out.WriteAt(ctx, content[:half], int64(len(out.(*memoryOutput).n.data))); err != nil {
			return false, err
		}
		content = content[half:]
		half = len(content)
	}
	if err := m.SetAttributes(ctx, path, a); err != nil {
		return false, err
	}
	if sync && !m.unsync {
		if err := out.Sync(ctx); err != nil {
			return false, err
		}
	}
	return sync && !m.unsync, out.Close(ctx)
}

func (m *memory) Copy(ctx context.Context, from, to string, size int64, a dest.Attributes, sync bool) (bool, error) {
	var content []byte
	err := m.do(ctx, "copy", from, func() error {
		n, err := m.find(from)
		if err == nil && int64(len(n.data)) < size {
			err = io.ErrUnexpectedEOF
		}
		if err == nil {
			content = bytes.Clone(n.data[:size])
		}
		return err
	})
	if err != nil {
		return false, err
	}
	return m.Put(ctx, to, content, a, sync)
}

// CopyRanges has what no range says be zeros, and counts what it copied.
func (m *memory) CopyRanges(ctx context.Context, from, to string, size int64, ranges []dest.Range, a dest.Attributes, sync bool) (bool, error) {
	content := make([]byte, size)
	err := m.do(ctx, "copy", from, func() error {
		n, err := m.find(from)
		if err != nil {
			return err
		}
		for _, r := range ranges {
			if copy(content[r.Offset:r.Offset+r.Length], n.data[r.Offset:]) < int(r.Length) {
				return io.ErrUnexpectedEOF
			}
			m.ranged += r.Length
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	return m.Put(ctx, to, content, a, sync)
}
