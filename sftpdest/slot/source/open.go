package source

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// errElse says that a name is not what it was a moment ago.
var errElse = errors.New("something else now")

// openDirectory opens a directory by its name in the directory parent.
func openDirectory(parent int, name string) (int, error) {
	return ignoringEINTR(func() (int, error) {
		return unix.Openat(parent, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	})
}

// isElse reports whether opening a directory, or something on the way to a file, met something that is none.
func isElse(err error) bool { return err == unix.ENOTDIR || err == unix.ELOOP }

// pin gets hold of what stands at path below the directory root, without opening it and without following links.
func pin(root int, path string) (int, error) {
	const flags = unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC
	for name := range strings.SplitSeq(path, "/") {
		if name == "" || name == "." || name == ".." {
			return -1, unix.ENOENT // directories have no such names
		}
	}
	if !strings.Contains(path, "/") {
		return ignoringEINTR(func() (int, error) { return unix.Openat(root, path, flags, 0) })
	}
	how := unix.OpenHow{Flags: flags, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS}
	fd, err := ignoringEINTR(func() (int, error) { return unix.Openat2(root, path, &how) })
	switch err {
	// Older kernels and seccomp filters do not have it, it takes no long paths, and it gives up when directories are moved
	// at the same time.
	case unix.ENOSYS, unix.EPERM, unix.ENAMETOOLONG, unix.EAGAIN:
		return pinByElements(root, path)
	}
	return fd, err
}

// pinByElements is pin, opening one directory after the other.
func pinByElements(root int, path string) (int, error) {
	const way = unix.O_PATH | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	at := root
	for {
		name, rest, more := strings.Cut(path, "/")
		flags := way
		if !more {
			flags = unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC
		}
		next, err := ignoringEINTR(func() (int, error) { return unix.Openat(at, name, flags, 0) })
		if at != root {
			unix.Close(at)
		}
		if err != nil || !more {
			return next, err
		}
		at, path = next, rest
	}
}

// openRegular opens the regular file at path below root for reading. Anything else that stands there is not even
// opened: errElse. So is a file that expected is false of. what tells of the file that was opened.
func openRegular(root int, path string, what *unix.Stat_t, expected func(found *unix.Stat_t) bool) (int, error) {
	pinned, err := pin(root, path)
	if err != nil {
		return -1, err
	}
	defer unix.Close(pinned)
	var st unix.Stat_t
	if err := unix.Fstat(pinned, &st); err != nil {
		return -1, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || !expected(&st) {
		return -1, errElse
	}
	*what = st
	const flags = unix.O_RDONLY | unix.O_NONBLOCK | unix.O_CLOEXEC | unix.O_NOCTTY
	proc := strings.TrimSuffix(procPath(pinned, ""), "/")
	// A backup is no reading that anybody wants to see in access times. Only owners and root may say so.
	fd, err := openLeased(proc, flags|unix.O_NOATIME)
	if err == unix.EPERM {
		fd, err = openLeased(proc, flags)
	}
	return fd, err
}

// How long openLeased waits: programs that take leases (Samba) give them back at once.
const (
	leaseTries = 20
	leasePause = 50 * time.Millisecond
)

// openLeased opens a file that is regular. Somebody may have a lease on it (F_SETLEASE, fcntl(2)) that the first try
// asks to be given back; waiting in open(2) would let the holder keep us for minutes.
func openLeased(path string, flags int) (int, error) {
	for tries := 1; ; tries++ {
		fd, err := ignoringEINTR(func() (int, error) { return unix.Open(path, flags, 0) })
		if err != unix.EAGAIN || tries == leaseTries {
			return fd, err
		}
		time.Sleep(leasePause)
	}
}

// readHead reads the first bytes of a regular file in the directory dir, at most n.
func readHead(dir int, name string, n int) ([]byte, error) {
	var st unix.Stat_t
	fd, err := openRegular(dir, name, &st, func(*unix.Stat_t) bool { return true })
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), name)
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, int64(n)))
}

// gone reports whether an error says that there is no such file any more.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, errElse) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP)
}
