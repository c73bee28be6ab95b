package desttest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
)

func (d *Fake) local(p string) string {
	if p == "" {
		return d.root
	}
	return d.root + "/" + p
}

// List implements dest.Reader. A symbolic link to a directory is listed like the directory, as OPENDIR does.
func (d *Fake) List(ctx context.Context, dir string) ([]dest.Info, error) {
	c := Call{Op: OpList, Path: dir}
	if err := d.begin(ctx, c); err != nil {
		return nil, err
	}
	st, err := os.Stat(d.local(dir))
	if err != nil {
		return nil, callError(c, cause(err))
	}
	if st.IsDir() && st.Mode().Perm()&0o400 == 0 {
		return nil, callError(c, syscall.EACCES)
	}
	f, err := os.Open(d.local(dir))
	if err != nil {
		return nil, callError(c, cause(err))
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, callError(c, cause(err))
	}
	list := make([]dest.Info, 0, len(names))
	for _, name := range names {
		info, err := lstat(d.local(dir)+"/"+name, name)
		if errors.Is(err, os.ErrNotExist) {
			continue // removed since it was listed
		}
		if err != nil {
			return nil, callError(c, err)
		}
		list = append(list, info)
	}
	return list, nil
}

// ReadLink implements dest.Reader.
func (d *Fake) ReadLink(ctx context.Context, p string) (string, error) {
	c := Call{Op: OpReadLink, Path: p}
	if err := d.begin(ctx, c); err != nil {
		return "", err
	}
	text, err := os.Readlink(d.local(p))
	if err != nil {
		return "", callError(c, cause(err))
	}
	return text, nil
}

// Stat implements dest.Stater.
func (d *Fake) Stat(ctx context.Context, p string) (dest.Info, error) {
	c := Call{Op: OpStat, Path: p}
	if err := d.begin(ctx, c); err != nil {
		return dest.Info{}, err
	}
	info, err := lstat(d.local(p), base(p))
	if err != nil {
		return dest.Info{}, callError(c, err)
	}
	return info, nil
}

// Open implements dest.Reader.
func (d *Fake) Open(ctx context.Context, p string) (dest.File, error) {
	c := Call{Op: OpOpen, Path: p}
	if err := d.begin(ctx, c); err != nil {
		return nil, err
	}
	info, err := lstat(d.local(p), base(p))
	if err != nil {
		return nil, callError(c, err)
	}
	if info.Mode&backup.ModeType != backup.ModeRegular {
		return nil, callError(c, dest.ErrNotRegular)
	}
	if info.Mode&0o400 == 0 {
		return nil, callError(c, syscall.EACCES)
	}
	f, err := os.OpenFile(d.local(p), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ELOOP) {
		return nil, callError(c, dest.ErrNotRegular)
	}
	if err != nil {
		return nil, callError(c, cause(err))
	}
	d.mu.Lock()
	d.counts.Handles++
	d.mu.Unlock()
	return &file{d: d, f: f, path: p}, nil
}

type file struct {
	d     *Fake
	f     *os.File
	path  string
	close sync.Once
}

var _ dest.File = (*file)(nil)

func (f *file) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	c := Call{Op: OpRead, Path: f.path, Off: off, Len: len(p)}
	if err := f.d.begin(ctx, c); err != nil {
		return 0, err
	}
	n, err := f.f.ReadAt(p, off)
	f.d.mu.Lock()
	f.d.counts.Bytes += int64(n)
	f.d.mu.Unlock()
	if err != nil && err != io.EOF {
		err = callError(c, cause(err))
	}
	return n, err
}

func (f *file) Stat(ctx context.Context) (dest.Info, error) {
	c := Call{Op: OpFileStat, Path: f.path}
	if err := f.d.begin(ctx, c); err != nil {
		return dest.Info{}, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.f.Fd()), &st); err != nil {
		return dest.Info{}, callError(c, err)
	}
	return info(&st, base(f.path)), nil
}

func (f *file) Close() error {
	err := fmt.Errorf("close %q: %w", f.path, os.ErrClosed)
	f.close.Do(func() {
		err = f.f.Close()
		f.d.mu.Lock()
		f.d.counts.Handles--
		f.d.mu.Unlock()
	})
	return err
}

func lstat(local, name string) (dest.Info, error) {
	var st unix.Stat_t
	if err := unix.Lstat(local, &st); err != nil {
		return dest.Info{}, err
	}
	return info(&st, name), nil
}

func info(st *unix.Stat_t, name string) dest.Info {
	return dest.Info{
		Name: name, Mode: st.Mode, UID: st.Uid, GID: st.Gid,
		Size: st.Size, MTime: st.Mtim.Sec,
	}
}

func base(p string) string {
	if p == "" {
		return ""
	}
	return path.Base(p)
}

// cause takes the local path out of an error of package os: a destination does not know it.
func cause(err error) error {
	var at *os.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}
