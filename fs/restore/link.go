package restore

import (
	"context"
	"errors"
	"strings"

	"golang.org/x/sys/unix"

	"slotfs/indexer/backup"
)

// first is the first name of a file that has several.
type first struct {
	at   string        // path below the directory that everything goes into
	done chan struct{} // closed when what follows is known
	dev  uint64
	ino  uint64
	err  error
}

// firstOf makes e known as the first name of its file; nil if it has no others.
func (r *run) firstOf(f *directory, e *Entry, name string) *first {
	if e.Link == 0 {
		return nil
	}
	it := &first{at: below(f.at, name), done: make(chan struct{})}
	r.links[e.Link] = it
	return it
}

// settle tells what became of the first name. Only the first word counts.
func (l *first) settle(dev, ino uint64, err error) {
	if l == nil {
		return
	}
	select {
	case <-l.done:
	default:
		l.dev, l.ino, l.err = dev, ino, err
		close(l.done)
	}
}

// hardLink begins to give a file another name.
func (r *run) hardLink(ctx context.Context, f *directory, to *first, name, path string) error {
	if r.o.Rehearse {
		r.linked.Add(1)
		r.sent(1, 0)
		return nil
	}
	f.refs.Add(1)
	return (&job{r: r, in: f, name: name, path: path, first: to, link: true}).begin(ctx)
}

// errFirst says that there is nothing to link to.
var errFirst = errors.New("another name of the same file was not restored")

// another gives the file of first, when it is there, another name.
func (j *job) another(ctx context.Context) error {
	select {
	case <-j.first.done: // it was begun before this one, so that somebody is at work on it
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if j.first.err != nil {
		return errFirst
	}
	at, err := j.in.look(j.name)
	if err != nil {
		return err
	}
	if at.there && at.stat.Dev == j.first.dev && at.stat.Ino == j.first.ino {
		j.r.same.Add(1)
		j.r.sent(1, 0)
		return nil
	}
	if err := j.r.free(&at); err != nil {
		return err
	}
	if err := j.linkTo(at.there); err != nil {
		return err
	}
	j.r.linked.Add(1)
	if at.there {
		j.r.replaced.Add(1)
	}
	j.r.sent(1, 0)
	return nil
}

// linkTo links to the first name, if it still is what was restored.
func (j *job) linkTo(replace bool) error {
	up, name, err := j.r.reach(j.first.at)
	if err != nil {
		return err
	}
	defer unix.Close(up)
	var st unix.Stat_t
	err = unix.Fstatat(up, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if err != nil || st.Dev != j.first.dev || st.Ino != j.first.ino {
		return errFirst
	}
	temp := tempName()
	if err := unix.Linkat(up, name, j.in.fd, temp, 0); err != nil {
		return target("link", err)
	}
	if err := j.in.place(temp, j.name, replace); err != nil {
		return errors.Join(err, j.in.remove(temp))
	}
	return nil
}

// reach opens the directory of a path below the directory that everything goes into, without following links.
func (r *run) reach(at string) (fd int, name string, err error) {
	fd, err = unix.Dup(r.root.fd)
	for err == nil {
		dir, rest, more := strings.Cut(at, "/")
		if !more {
			return fd, at, nil
		}
		next, openErr := retried(func() (int, error) { return unix.Openat(fd, dir, openDir|unix.O_NOFOLLOW, 0) })
		unix.Close(fd)
		fd, at, err = next, rest, openErr
	}
	return -1, "", target("open the directory of the other name", err)
}

// link restores a symbolic link.
func (r *run) link(f *directory, e *Entry, name string) error {
	at, err := f.look(name)
	if err != nil {
		return err
	}
	if at.there && at.stat.Mode&unix.S_IFMT == unix.S_IFLNK && f.leads(name, e.Target) {
		r.same.Add(1)
		if r.o.Rehearse || at.stat.Uid == e.UID && at.stat.Gid == e.GID && at.stat.Mtim.Sec == times(e)[1].Sec {
			return nil
		}
		return r.dressNode(f, e, name)
	}
	return r.make(f, e, name, &at, func(as string) error { return unix.Symlinkat(e.Target, f.fd, as) }, &r.linked)
}

// leads reports whether a link in f has this text.
func (f *directory) leads(name, text string) bool {
	buf := make([]byte, len(text)+1)
	n, err := unix.Readlinkat(f.fd, name, buf)
	return err == nil && string(buf[:n]) == text
}

// node restores a pipe or a socket.
func (r *run) node(f *directory, e *Entry, name string) error {
	at, err := f.look(name)
	if err != nil {
		return err
	}
	if at.there && at.stat.Mode&unix.S_IFMT == e.Mode&backup.ModeType {
		r.same.Add(1)
		if r.o.Rehearse || !r.o.Overwrite {
			return nil
		}
		return r.dressNode(f, e, name)
	}
	return r.make(f, e, name, &at, func(as string) error { return unix.Mknodat(f.fd, as, e.Mode&backup.ModeType|0o600, 0) }, &r.special)
}
