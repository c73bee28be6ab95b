package restore

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// Place is the directory that everything goes into, open. Its path was walked by handles.
type Place struct {
	Dir  string // for messages
	Name string // that a single file gets in it; "": its own
	Made bool   // the directory was made for this
	fd   int
}

// Destination says which Place is wanted.
type Destination struct {
	Path     string // absolute; a slash at its end: it must be a directory
	File     bool   // one file alone is restored: it may be given another name
	Private  bool   // a directory that is made gets its mode later
	Rehearse bool   // make nothing
}

// ErrNoDirectory says that there is something at the path of a Destination, and that it is no directory.
var ErrNoDirectory = errors.New("not a directory")

// Locate opens the directory of a Destination, or makes it. Root refuses a path that somebody else can lead elsewhere: see
// trail. For everybody else the rights of the process decide.
func Locate(d Destination) (*Place, error) {
	t := newTrail()
	defer t.close()
	clean := path.Clean(d.Path)
	above, base := path.Split(clean)
	if err := t.walk(above); err != nil {
		return nil, err
	}
	if base == "" {
		return t.place(clean)
	}
	err := t.walk(base)
	switch {
	case err == nil && t.isDir():
		return t.place(clean)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	case d.File && !strings.HasSuffix(d.Path, "/"):
		parent := newTrail()
		defer parent.close()
		if err := parent.walk(above); err != nil {
			return nil, err
		}
		p, err := parent.place(path.Clean(above))
		if p != nil {
			p.Name = base
		}
		return p, err
	case err == nil:
		return nil, ErrNoDirectory
	}
	return t.make(d, clean, base)
}

// place opens the directory that the trail has reached for reading.
func (t *trail) place(dir string) (*Place, error) {
	if err := t.owned(); err != nil {
		return nil, err
	}
	fd, err := openDirectory(t.fd, ".")
	if err != nil {
		return nil, err
	}
	return &Place{Dir: dir, fd: fd}, nil
}

// make makes the directory in the one that the trail has reached.
func (t *trail) make(d Destination, dir, name string) (*Place, error) {
	if t.missing != name {
		return nil, unix.ENOENT // a link leads to nothing
	}
	if d.Rehearse {
		return &Place{Dir: dir, Made: true, fd: absent}, nil
	}
	mode := uint32(0o755)
	if d.Private {
		mode = 0o700
	}
	if err := unix.Mkdirat(t.fd, name, mode); err != nil {
		return nil, err
	}
	fd, err := openDirectory(t.fd, name)
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	err = unix.Fstat(fd, &st)
	if err == nil && int(st.Uid) != os.Geteuid() {
		err = errExchanged
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return &Place{Dir: dir, Made: true, fd: fd}, nil
}

func openDirectory(at int, name string) (int, error) {
	return retried(func() (int, error) { return unix.Openat(at, name, openDir|unix.O_NOFOLLOW, 0) })
}

// Enter goes on to a directory below the Place without following links.
func (p *Place) Enter(below string) error {
	if below == "" {
		return nil
	}
	fd, err := openWay(p.fd, false, below)
	if err != nil {
		return target("open "+below, err)
	}
	unix.Close(p.fd)
	p.fd, p.Dir = fd, path.Join(p.Dir, below)
	return nil
}

// Close gives up a Place that no Run was given.
func (p *Place) Close() {
	if p.fd != absent {
		unix.Close(p.fd)
	}
}

// Free is how many bytes can be written there; false where that is unknown.
func (p *Place) Free() (int64, bool) {
	var st unix.Statfs_t
	if p == nil || p.fd == absent || unix.Fstatfs(p.fd, &st) != nil {
		return 0, false
	}
	return int64(st.Bavail) * st.Bsize, true
}
