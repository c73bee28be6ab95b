package restore

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Keep says where what is replaced is kept: below a directory of the home, at the path that it had below the home.
type Keep struct {
	Home  string // absolute
	Name  string // of the directory in it, which must not be there yet, unless More
	Below string // path of the Place below Home; "" for Home itself
	More  bool   // an earlier step of the same restore may have made the directory
}

// madeName is the file of a Keep that says what was done where nothing was replaced. Each note ends with a NUL and is written before what it
// tells of: a mark and the path below the home, or what the mark says.
const madeName = ".slotfs-made"

// mark begins a note.
type mark byte

const (
	made    mark = '+' // something is made where nothing is
	notMade mark = '-' // it was not, after all: something appeared there
	swapped mark = '=' // a directory takes the place of that with the device and inode "DEV:INO:", or of none ("0:0:"); the path follows
	added   mark = '>' // a line is added to a file: its path, a newline, and the line
)

// keeper keeps what is replaced. A nil keeper keeps nothing.
type keeper struct {
	Keep
	home, dir, made int // open: the home, the directory, the file madeName

	mu sync.Mutex
	// mu guards what follows.
	at   string // path of the directory that last is open at
	last int
	used bool
}

func newKeeper(k *Keep) (*keeper, error) {
	home, err := unix.Open(k.Home, openDir, 0)
	if err != nil {
		return nil, target("open home", err)
	}
	out := &keeper{Keep: *k, home: home, dir: absent, made: absent, last: absent}
	err = unix.Mkdirat(home, k.Name, 0o700)
	if k.More && errors.Is(err, unix.EEXIST) {
		out.used, err = true, nil
	}
	if err == nil {
		out.dir, err = openDirectory(home, k.Name)
	}
	if err == nil {
		flags := unix.O_WRONLY | unix.O_CREAT | unix.O_APPEND | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC
		if !k.More {
			flags |= unix.O_EXCL
		}
		out.made, err = unix.Openat(out.dir, madeName, flags, 0o600)
	}
	if err != nil {
		out.close()
		return nil, target("make directory "+k.Name, err)
	}
	return out, nil
}

// close gives the handles back. What has kept nothing goes away.
func (k *keeper) close() {
	if k == nil {
		return
	}
	if !k.used && k.dir != absent {
		_ = unix.Unlinkat(k.dir, madeName, 0)
		_ = unix.Unlinkat(k.home, k.Name, unix.AT_REMOVEDIR)
	}
	for _, fd := range []int{k.last, k.made, k.dir, k.home} {
		if fd != absent {
			unix.Close(fd)
		}
	}
}

// save keeps what is called name in f, which is about to be replaced. What is moved is not there any more afterwards.
func (k *keeper) save(f *directory, name string, move bool) error {
	if k == nil {
		return nil
	}
	return k.saveAt(f.fd, k.path(f), name, move)
}

// path is the path of f below the home.
func (k *keeper) path(f *directory) string {
	if f.at == "" {
		return k.Below
	}
	return below(k.Below, f.at)
}

func (k *keeper) saveAt(fd int, at, name string, move bool) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	to, err := k.enter(at)
	if err != nil {
		return target("keep what is replaced", err)
	}
	k.used = true
	if !move {
		err = unix.Linkat(fd, name, to, name, 0)
		if err == nil || errors.Is(err, unix.EEXIST) { // it was kept before
			return nil
		}
	}
	// Some file systems have no links, and a file of somebody else's may not be linked to.
	return target("keep what is replaced", unix.Renameat2(fd, name, to, name, unix.RENAME_NOREPLACE))
}

// enter opens the directory at a path of the Keep, and makes it. The caller holds k.mu.
func (k *keeper) enter(at string) (int, error) {
	if k.last != absent && k.at == at {
		return k.last, nil
	}
	fd, err := openWay(k.dir, true, at)
	if err != nil {
		return absent, err
	}
	if k.last != absent {
		unix.Close(k.last)
	}
	k.last, k.at = fd, at
	return fd, nil
}

// openWay opens the directory at a path below another one, without following links. With missing it makes what is missing.
func openWay(from int, missing bool, at string) (int, error) {
	fd, err := unix.FcntlInt(uintptr(from), unix.F_DUPFD_CLOEXEC, 0)
	for _, name := range strings.Split(at, "/") {
		if err != nil {
			return absent, err
		}
		if name == "" {
			continue
		}
		if missing {
			err = unix.Mkdirat(fd, name, 0o700)
		}
		next := absent
		if err == nil || errors.Is(err, unix.EEXIST) {
			next, err = openDirectory(fd, name)
		}
		unix.Close(fd)
		fd = next
	}
	return fd, err
}

// making has do make what is called name in f, where nothing is, and notes that.
func (k *keeper) making(f *directory, name string, do func() error) error {
	if k == nil {
		return do()
	}
	at := below(k.path(f), name)
	if err := k.note(made, at); err != nil {
		return err
	}
	err := do()
	if err != nil {
		err = errors.Join(err, k.note(notMade, at))
	}
	return err
}

// note writes a note.
func (k *keeper) note(m mark, text string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.used = true
	line := append(append([]byte{byte(m)}, text...), 0)
	n, err := unix.Write(k.made, line)
	if err == nil && n < len(line) {
		err = unix.ENOSPC
	}
	return target("note what is done", err)
}

// Discard removes what a restore kept in a home. What is not there is no error.
func Discard(home, name string) error {
	root, err := os.OpenRoot(home)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.RemoveAll(name); err != nil {
		return fmt.Errorf("remove %s: %w", name, err)
	}
	return nil
}
