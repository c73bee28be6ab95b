package restore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

const (
	openDir = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC
	// absent is the handle of a directory that a rehearsal did not make.
	absent = -1
)

// directory is a directory that is written to. Whoever works in it holds a reference; the last one who leaves gives it its
// attributes.
type directory struct {
	r        *run
	up       *directory // nil: the directory that everything goes into
	fd       int
	entry    *Entry // its attributes; nil: they stay as they are
	at       string // path below the directory that everything goes into
	path     string // for messages
	fresh    bool   // made by this run: nothing else is in it
	inherits bool   // what is made in it inherits an access control list
	refs     *atomic.Int64
	mail     map[string]bool   // messages that are in it or beside it; see Options.Maildir
	restored map[string]string // messages that were missing, by what their names have in common; r.mu guards it
}

func counted(n int64) *atomic.Int64 {
	c := new(atomic.Int64)
	c.Store(n)
	return c
}

// enter makes a directory in f, or opens the one that is there.
func (f *directory) enter(e *Entry, name, path string) (*directory, error) {
	own := *e
	sub := &directory{r: f.r, up: f, fd: absent, entry: &own, at: below(f.at, name), path: path, refs: counted(1)}
	err := sub.open(name)
	if err != nil {
		return nil, err
	}
	if sub.fresh {
		f.r.directories.Add(1)
	} else if !f.r.o.Rehearse {
		sub.clean()
	}
	f.refs.Add(1)
	return sub, nil
}

func below(at, name string) string {
	if at == "" {
		return name
	}
	return at + "/" + name
}

// open makes or opens the directory itself.
func (f *directory) open(name string) error {
	up := f.up
	if f.r.o.Rehearse {
		return f.rehearse(name)
	}
	err := up.mkdir(name)
	f.fresh = err == nil
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return err
	}
	f.fd, err = f.openAt(name)
	if (errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP)) && f.r.o.Overwrite {
		if err := up.clear(name); err != nil {
			return err
		}
		if err := unix.Mkdirat(up.fd, name, 0o700); err != nil {
			return target("make directory", err)
		}
		f.fresh = true
		f.r.replaced.Add(1)
		f.fd, err = f.openAt(name)
	}
	if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		return fmt.Errorf("%w, and it is no directory", ErrExists)
	}
	if err != nil {
		return target("open directory", err)
	}
	return f.opened()
}

// mkdir makes a directory. What is there already is not made a note of.
func (f *directory) mkdir(name string) error {
	if f.r.keeper != nil {
		var st unix.Stat_t
		if unix.Fstatat(f.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil {
			return unix.EEXIST
		}
	}
	return f.r.keeper.making(f, name, func() error { return target("make directory", unix.Mkdirat(f.fd, name, 0o700)) })
}

// clear takes away what is no directory and in the way of one.
func (f *directory) clear(name string) error {
	if f.r.keeper != nil {
		return f.r.keeper.save(f, name, true)
	}
	return target("remove what is in the way", unix.Unlinkat(f.fd, name, 0))
}

func (f *directory) openAt(name string) (int, error) {
	return retried(func() (int, error) { return unix.Openat(f.up.fd, name, openDir|unix.O_NOFOLLOW, 0) })
}

// opened looks at a directory that was just opened.
func (f *directory) opened() error {
	if !f.fresh {
		f.inherits = inheritsACL(f.fd)
		return nil
	}
	var st unix.Stat_t
	err := unix.Fstat(f.fd, &st)
	if err == nil && int(st.Uid) != f.r.euid {
		err = errors.New("it was exchanged for another one")
	}
	if err != nil {
		unix.Close(f.fd)
		return target("open directory", err)
	}
	if f.up.inherits {
		dropACL(f.fd)
	}
	return nil
}

// rehearse looks whether the directory is there.
func (f *directory) rehearse(name string) error {
	f.fresh = f.up.fd == absent
	if f.fresh {
		return nil
	}
	fd, err := f.openAt(name)
	switch {
	case err == nil:
		f.fd = fd
		return nil
	case errors.Is(err, unix.ENOENT):
	case errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP):
		if !f.r.o.Overwrite {
			return fmt.Errorf("%w, and it is no directory", ErrExists)
		}
		f.r.replaced.Add(1)
	default:
		return target("open directory", err)
	}
	f.fresh = true
	return nil
}

// leave gives one reference back. The last one closes the directory, and it gets its attributes unless the run was ended.
func (f *directory) leave(ctx context.Context) {
	if f.refs.Add(-1) > 0 {
		return
	}
	if f.fd != absent {
		if f.mail != nil {
			f.removeTwins()
		}
		if f.entry != nil && !f.r.o.Rehearse && context.Cause(ctx) == nil && (f.fresh || !f.r.o.Maildir) {
			if err := f.r.dress(f.fd, f.entry); err != nil {
				f.r.fail(f.path, err)
			}
		}
		unix.Close(f.fd)
	}
	if f.up != nil {
		f.up.leave(ctx)
	}
}

// tempPrefix begins the names of files that are not whole.
const tempPrefix = ".slotfs-restore-"

// clean removes what a restore that was killed left behind. Files that somebody writes are locked.
func (f *directory) clean() {
	fd, err := unix.Openat(f.fd, ".", openDir, 0)
	if err != nil {
		return // whoever writes there will be told
	}
	err = readNames(fd, func(name string) {
		if strings.HasPrefix(name, tempPrefix) {
			f.cleanOne(name)
		}
	})
	if err != nil {
		f.r.fail(f.path, err)
	}
}

func (f *directory) cleanOne(name string) {
	var st unix.Stat_t
	if unix.Fstatat(f.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil || int(st.Uid) != f.r.euid {
		return
	}
	if st.Mode&unix.S_IFMT == unix.S_IFREG {
		fd, err := unix.Openat(f.fd, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return
		}
		defer unix.Close(fd)
		if unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) != nil {
			return
		}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		_ = unix.Unlinkat(f.fd, name, 0) // what stays behind is in nobody's way
	}
}
