package restore

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// UnsafeError says that root will not go along a path because somebody else can change where it leads.
type UnsafeError struct {
	Path string // of the directory or link
	What string // is wrong with it
}

// Error tells what is unsafe.
func (e *UnsafeError) Error() string { return fmt.Sprintf("%s %s", e.Path, e.What) }

// trail walks a path one name at a time, by handles. As root it goes on only where nobody can exchange what it walks
// over: the directories on the way can be written by root, and by one other user at most, to whom the last one belongs too.
// Links are followed that root alone can change.
type trail struct {
	fd      int // the directory or file reached, O_PATH
	stat    unix.Stat_t
	at      string // its path, links resolved
	strict  bool
	owner   uint32 // who besides root may write to directories on the way; 0: nobody
	links   int
	missing string      // the name that was not there
	passed  []Directory // that were walked through
}

// Directory is one on the way to another.
type Directory struct {
	UID uint32
	Dev uint64
	Ino uint64
}

// maxLinks is how many links are followed on one way, as in the kernel.
const maxLinks = 40

func newTrail() *trail { return &trail{fd: absent, strict: os.Geteuid() == 0} }

func (t *trail) close() {
	if t.fd != absent {
		unix.Close(t.fd)
	}
}

// begin goes to the top.
func (t *trail) begin() error {
	fd, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return t.reach(fd, "/")
}

// reach makes fd what the trail has reached.
func (t *trail) reach(fd int, at string) error {
	t.close()
	t.fd, t.at = fd, at
	if err := unix.Fstat(fd, &t.stat); err != nil {
		return err
	}
	if t.isDir() {
		t.passed = append(t.passed, Directory{t.stat.Uid, t.stat.Dev, t.stat.Ino})
	}
	return nil
}

func (t *trail) isDir() bool { return t.stat.Mode&unix.S_IFMT == unix.S_IFDIR }

// walk goes along p, from the top if it begins with a slash.
func (t *trail) walk(p string) error {
	if path.IsAbs(p) {
		if err := t.begin(); err != nil {
			return err
		}
	}
	rest := strings.Split(p, "/")
	for len(rest) > 0 {
		name := rest[0]
		rest = rest[1:]
		if name == "" || name == "." {
			continue
		}
		target, err := t.step(name)
		if err != nil {
			return err
		}
		if path.IsAbs(target) {
			if err := t.begin(); err != nil {
				return err
			}
		}
		if target != "" {
			rest = append(strings.Split(target, "/"), rest...)
		}
	}
	return nil
}

// step goes to name, or tells the text of the link that has the name.
func (t *trail) step(name string) (target string, err error) {
	fd, err := retried(func() (int, error) { return unix.Openat(t.fd, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0) })
	if errors.Is(err, unix.ENOENT) {
		t.missing = name
		if unsafe := t.guard(nil, filepath.Join(t.at, name)); unsafe != nil {
			err = unsafe
		}
		return "", err
	}
	if err != nil {
		return "", err
	}
	var st unix.Stat_t
	at := filepath.Join(t.at, name)
	if err = unix.Fstat(fd, &st); err == nil {
		err = t.guard(&st, at)
	}
	if err != nil || st.Mode&unix.S_IFMT != unix.S_IFLNK {
		if err != nil {
			unix.Close(fd)
			return "", err
		}
		return "", t.reach(fd, at)
	}
	defer unix.Close(fd)
	t.links++
	if t.links > maxLinks {
		return "", unix.ELOOP
	}
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, "", buf)
	if err == nil && n == 0 {
		err = unix.ENOENT
	}
	return string(buf[:max(n, 0)]), err
}

// guard refuses to go from the directory that was reached to child, at a path, if others can exchange it. Nil: child is
// not there.
func (t *trail) guard(child *unix.Stat_t, at string) error {
	if !t.strict {
		return nil
	}
	shared := t.shared()
	switch sticky := t.stat.Mode&unix.S_ISVTX != 0; {
	case t.stat.Uid != 0:
		if !t.ownedBy(t.stat.Uid) {
			return &UnsafeError{t.at, fmt.Sprintf("belongs to uid %d, who can change where the path leads", t.stat.Uid)}
		}
		if shared && !sticky {
			return &UnsafeError{t.at, "can be written by others than its owner"}
		}
	case shared && !sticky:
		return &UnsafeError{t.at, "can be written by others than root"}
	}
	switch {
	case child == nil:
		return nil
	case child.Mode&unix.S_IFMT == unix.S_IFLNK:
		if t.stat.Uid != 0 || child.Uid != 0 || shared {
			return &UnsafeError{at, "is a link that others than root can change"}
		}
	case shared && child.Uid != 0 && !t.ownedBy(child.Uid): // the owner of what lies in a sticky directory can exchange it
		return &UnsafeError{at, fmt.Sprintf("belongs to uid %d, who can change where the path leads", child.Uid)}
	}
	return nil
}

// shared reports whether others than its owner, or the group of root, may write to the directory that was reached. Access
// control lists show in the bits of the group.
func (t *trail) shared() bool {
	if t.stat.Mode&0o020 != 0 && t.stat.Gid == 0 {
		_, err := unix.Getxattr(procPath(t.fd), accessACL, nil)
		return err == nil || t.stat.Mode&0o002 != 0
	}
	return t.stat.Mode&0o022 != 0
}

// ownedBy reports whether the directories on the way are root's and uid's alone.
func (t *trail) ownedBy(uid uint32) bool {
	t.owner = or(t.owner, uid)
	return t.owner == uid
}

// owned refuses a directory whose owner is another than the one who can exchange it.
func (t *trail) owned() error {
	if t.strict && t.owner != 0 && t.stat.Uid != t.owner {
		return &UnsafeError{t.at, fmt.Sprintf("lies in a directory of uid %d and belongs to uid %d", t.owner, t.stat.Uid)}
	}
	return nil
}

func or(a, b uint32) uint32 {
	if a != 0 {
		return a
	}
	return b
}

// Way tells which directories lead to p, as far as root may go along, and the path that they make with links resolved.
func Way(p string) (passed []Directory, resolved string) {
	t := newTrail()
	defer t.close()
	_ = t.walk(path.Clean(p)) // what is wrong with it is told when it is used
	return t.passed, t.at
}
