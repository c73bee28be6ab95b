package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ErrForeignLink says that a path goes through a symbolic link that somebody else than root could have put there.
var ErrForeignLink = errors.New("a link in a directory that others than root may change is not followed")

// maxLinks bounds how many symbolic links one path may go through, as the kernel does.
const maxLinks = 40

// directory is a directory on the way to a source, held by its handle.
type directory struct {
	fd int
	// trusted says that nobody but root, or who runs this, may rename it, what is above it, or names in it that are not
	// his own.
	trusted bool
	shared  bool // anybody may make names of his own in it (sticky)
}

// openSlash opens the root of the file system.
func openSlash() (*directory, error) {
	fd, err := ignoringEINTR(func() (int, error) { return unix.Open("/", pathOnly, 0) })
	if err != nil {
		return nil, err
	}
	d := &directory{fd: fd, trusted: true}
	if err := d.judge(); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

const pathOnly = unix.O_PATH | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC

func (d *directory) close() { unix.Close(d.fd) }

// judge finds out whether others may change names in the directory.
func (d *directory) judge() error {
	var st unix.Stat_t
	if !d.trusted {
		return nil
	}
	if err := unix.Fstat(d.fd, &st); err != nil {
		return err
	}
	writable := st.Mode&0o002 != 0 || st.Mode&0o020 != 0 && st.Gid != 0
	d.shared = writable && st.Mode&unix.S_ISVTX != 0
	d.trusted = ownedByUs(&st) && (!writable || d.shared)
	return nil
}

// ownedByUs reports whether root, or who runs this, owns a file.
func ownedByUs(st *unix.Stat_t) bool { return st.Uid == 0 || int(st.Uid) == os.Geteuid() }

// child opens a directory by its name, which is no link.
func (d *directory) child(name string) (*directory, error) { return d.open(name, pathOnly) }

func (d *directory) open(name string, flags int) (*directory, error) {
	fd, err := ignoringEINTR(func() (int, error) { return unix.Openat(d.fd, name, flags, 0) })
	if err != nil {
		return nil, err
	}
	next := &directory{fd: fd, trusted: d.trusted}
	if err := next.judge(); err != nil {
		next.close()
		return nil, err
	}
	return next, nil
}

// link reads the symbolic link at a name: ENOTDIR if there is none, ErrForeignLink if it must not be followed.
func (d *directory) link(name string) (string, error) {
	fd, err := ignoringEINTR(func() (int, error) { return unix.Openat(d.fd, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0) })
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return "", err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFLNK {
		return "", unix.ENOTDIR
	}
	if !d.trusted || d.shared && !ownedByUs(&st) {
		return "", ErrForeignLink
	}
	target := make([]byte, unix.PathMax)
	n, err := ignoringEINTR(func() (int, error) { return unix.Readlinkat(fd, "", target) })
	if err == nil && n == 0 {
		err = unix.ENOENT
	}
	return string(target[:max(n, 0)]), err
}

// enter opens the directory at a relative path. Links are followed where nobody but root could have put them; links
// counts them.
func (d *directory) enter(path string, links *int) (*directory, error) {
	at := &directory{fd: -1, trusted: d.trusted, shared: d.shared}
	var err error
	if at.fd, err = ignoringEINTR(func() (int, error) { return unix.FcntlInt(uintptr(d.fd), unix.F_DUPFD_CLOEXEC, 0) }); err != nil {
		return nil, err
	}
	for path != "" {
		var name string
		name, path, _ = strings.Cut(path, "/")
		if name == "" || name == "." {
			continue
		}
		next, err := at.child(name)
		if err == unix.ENOTDIR || err == unix.ELOOP {
			if next, err = at.follow(name, links); err != nil {
				err = cause(err, name)
			}
		}
		at.close()
		if err != nil {
			return nil, err
		}
		at = next
	}
	return at, nil
}

func cause(err error, name string) error {
	if err == ErrForeignLink {
		return fmt.Errorf("%s: %w", name, err)
	}
	return err
}

// follow opens the directory that a link leads to.
func (d *directory) follow(name string, links *int) (*directory, error) {
	target, err := d.link(name)
	if err != nil {
		return nil, err
	}
	*links++
	if *links > maxLinks {
		return nil, unix.ELOOP
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(d.fd, &fs); err == nil && fs.Type == unix.PROC_SUPER_MAGIC {
		return d.open(name, pathOnly&^unix.O_NOFOLLOW) // a link to what a process has open: its text is for people
	}
	if !strings.HasPrefix(target, "/") {
		return d.enter(target, links)
	}
	slash, err := openSlash()
	if err != nil {
		return nil, err
	}
	defer slash.close()
	return slash.enter(target, links)
}

// openRoot opens the directory at a path for reading. Below the first directory that is not root's, no link
// is followed: its owner could lead us anywhere.
func openRoot(path string) (*os.File, error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	fd, err := resolve(full)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

func resolve(path string) (int, error) {
	slash, err := openSlash()
	if err != nil {
		return -1, err
	}
	defer slash.close()
	links := 0
	at, err := slash.enter(path, &links)
	if err != nil {
		return -1, err
	}
	defer at.close()
	return openDirectory(at.fd, ".")
}

// Check reports why Open could not open the directory at path; nil: it can. It waits so long for an answer.
func Check(path string, timeout time.Duration) error {
	_, err := answered(timeout, func() (struct{}, error) {
		dir, err := openRoot(path)
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, dir.Close()
	}, func(struct{}) {})
	return err
}
