package restore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"slotfs/indexer/backup"
)

// list restores what is in a directory into f.
func (r *run) list(ctx context.Context, from Source, f *directory, dir *Entry, path string) error {
	err := from.List(ctx, dir, func(e *Entry) error {
		return r.entry(ctx, from, f, e, e.Name, below(path, e.Name))
	})
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if err != nil {
		r.fail(path, err)
	}
	return context.Cause(ctx)
}

// errName says that a name cannot be had.
var errName = errors.New("no name that a file can have")

// entry restores e as name in f, with all that is below it. An error says that everything ends.
func (r *run) entry(ctx context.Context, from Source, f *directory, e *Entry, name, path string) error {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		r.fail(path, errName)
		return context.Cause(ctx)
	}
	if e.Fault != nil {
		r.fail(path, e.Fault)
		return context.Cause(ctx)
	}
	var err error
	switch e.Mode & backup.ModeType {
	case backup.ModeDir:
		return r.directory(ctx, from, f, e, name, path)
	case backup.ModeRegular:
		err = r.regular(ctx, from, f, e, name, path)
	case backup.ModeSymlink:
		err = r.link(f, e, name)
	case backup.ModeFIFO, backup.ModeSocket:
		err = r.node(f, e, name)
	}
	if err != nil {
		r.fail(path, err)
	}
	return context.Cause(ctx)
}

func (r *run) directory(ctx context.Context, from Source, f *directory, e *Entry, name, path string) error {
	sub, err := f.enter(e, name, path)
	if err != nil {
		r.fail(path, err)
		return context.Cause(ctx)
	}
	defer sub.leave(ctx)
	if sub.holdsDeliveries() {
		return context.Cause(ctx)
	}
	return r.list(ctx, from, sub, e, path)
}

// found is what is in the place of something that is to be restored.
type found struct {
	there bool
	stat  unix.Stat_t
}

// look looks for name in f.
func (f *directory) look(name string) (found, error) {
	var at found
	if f.fresh || f.fd == absent {
		return at, nil
	}
	err := unix.Fstatat(f.fd, name, &at.stat, unix.AT_SYMLINK_NOFOLLOW)
	at.there = err == nil
	if errors.Is(err, unix.ENOENT) {
		err = nil
	}
	return at, target("look for it", err)
}

// same reports whether what is there is a regular file of e's size and time. What this package leaves under a final name
// with this time is whole. Some file systems keep whole seconds only.
func (at *found) same(e *Entry) bool {
	want := times(e)[1]
	return at.there && at.stat.Mode&unix.S_IFMT == unix.S_IFREG && at.stat.Size == e.Size && at.stat.Mtim.Sec == want.Sec &&
		(at.stat.Mtim.Nsec == want.Nsec || at.stat.Mtim.Nsec == 0)
}

// dressed reports whether what is there has e's owner and mode.
func (at *found) dressed(e *Entry, euid int) bool {
	const bits = backup.ModePerm &^ 0o6000
	return at.stat.Mode&backup.ModePerm == e.Mode&bits && (euid != 0 || at.stat.Uid == e.UID && at.stat.Gid == e.GID)
}

// free reports whether e may take the place.
func (r *run) free(at *found) error {
	switch {
	case !at.there:
	case at.stat.Mode&unix.S_IFMT == unix.S_IFDIR:
		return fmt.Errorf("%w: a directory", ErrExists)
	case !r.o.Overwrite:
		return ErrExists
	}
	return nil
}

// regular restores a regular file, or begins to.
func (r *run) regular(ctx context.Context, from Source, f *directory, e *Entry, name, path string) error {
	if first := r.links[e.Link]; e.Link != 0 && first != nil {
		return r.hardLink(ctx, f, first, name, path)
	}
	at, err := f.look(name)
	if err != nil {
		return err
	}
	if f.merged(name, &at) {
		r.same.Add(1)
		r.sent(1, e.Size)
		return nil
	}
	if at.same(e) && !r.elsewhere(&at, e) {
		return r.keep(f, e, name, &at)
	}
	if err := r.free(&at); err != nil {
		return err
	}
	j := &job{r: r, in: f, entry: *e, name: name, path: path, replaces: at.there, first: r.firstOf(f, e, name)}
	if r.o.Rehearse {
		r.wrote(j, e.Size)
		j.first.settle(0, 0, nil)
		return nil
	}
	if j.file, err = from.Open(ctx, &j.entry); err != nil {
		j.first.settle(0, 0, err)
		return err
	}
	f.refs.Add(1)
	j.left = j.entry.stored()
	return j.begin(ctx)
}

// elsewhere reports whether giving what is there its owner and mode would give them to something outside too: it has other
// names, which may be anybody's.
func (r *run) elsewhere(at *found, e *Entry) bool {
	return r.o.Overwrite && at.stat.Nlink > 1 && !at.dressed(e, r.euid)
}

// keep leaves a file as it is that is there already.
func (r *run) keep(f *directory, e *Entry, name string, at *found) error {
	r.firstOf(f, e, name).settle(at.stat.Dev, at.stat.Ino, nil)
	r.same.Add(1)
	r.sent(1, e.Size)
	if !r.o.Overwrite || r.o.Rehearse || at.dressed(e, r.euid) {
		return nil
	}
	fd, err := unix.Openat(f.fd, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return incomplete("attributes", target("open", err))
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	err = unix.Fstat(fd, &st)
	if err == nil && (st.Dev != at.stat.Dev || st.Ino != at.stat.Ino || st.Nlink != at.stat.Nlink) {
		err = errExchanged
	}
	if err != nil {
		return incomplete("attributes", target("stat", err))
	}
	return r.dress(fd, e)
}

// stored is how many bytes of a file are no holes.
func (e *Entry) stored() int64 {
	if e.Extents == nil {
		return e.Size
	}
	n := int64(0)
	for _, x := range e.Extents {
		n += x.Length
	}
	return n
}
