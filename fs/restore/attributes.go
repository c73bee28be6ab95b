package restore

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"slotfs/indexer/backup"
)

// Extended attributes with a meaning of their own.
const (
	accessACL  = "system.posix_acl_access"
	defaultACL = "system.posix_acl_default"
)

// inheritsACL reports whether what is made in a directory inherits an access control list.
func inheritsACL(fd int) bool {
	_, err := unix.Fgetxattr(fd, defaultACL, nil)
	return err == nil
}

// dropACL removes lists that were inherited. What is made is private, so that they gave no rights so far.
func dropACL(fd int) {
	_ = unix.Fremovexattr(fd, accessACL) // most have none
	_ = unix.Fremovexattr(fd, defaultACL)
}

// capability is the attribute that gives a program rights. No restore sets it.
const capability = "security.capability"

// foreign reports whether an attribute is left out: it would give rights, is for another machine, or is what overlay file
// systems mean by theirs.
func (r *run) foreign(name string) bool {
	if strings.HasPrefix(name, "security.") {
		return name == capability || !slices.Contains(r.o.Security, name)
	}
	return strings.HasPrefix(name, "trusted.overlay.")
}

// handle is something that gets attributes.
type handle struct {
	chown func() error
	chmod func(mode uint32) error
	xattr func(*backup.Xattr) error
}

// dress gives what fd is open on its owner, attributes, mode, access control lists and time.
func (r *run) dress(fd int, e *Entry) error {
	err := r.dressAs(e, handle{
		chown: func() error { return unix.Fchown(fd, int(e.UID), int(e.GID)) },
		chmod: func(mode uint32) error { return unix.Fchmod(fd, mode) },
		xattr: func(x *backup.Xattr) error { return unix.Fsetxattr(fd, x.Name, []byte(x.Value), 0) },
	})
	return errors.Join(err, setTime(fd, e))
}

// dressAs sets all but the time. Changing the owner would take rights away, setting attributes needs the right to write,
// and the mode would narrow a list that is there already. What fails does not keep the rest from being set.
func (r *run) dressAs(e *Entry, h handle) error {
	all := []error{r.own(h.chown), r.setXattrs(e, h.xattr, false)}
	mode := e.Mode & backup.ModePerm &^ 0o6000
	if slices.ContainsFunc(e.Xattrs, func(x backup.Xattr) bool { return x.Name == accessACL }) {
		// The bits of the group are those of everybody in the list, which sets them. Without it they gave too much.
		mode &^= 0o070
	}
	if err := h.chmod(mode); err != nil {
		all = append(all, incomplete("mode", target("set mode", err)))
	}
	return errors.Join(append(all, r.setXattrs(e, h.xattr, true))...)
}

func isACL(name string) bool { return name == accessACL || name == defaultACL }

func setTime(fd int, e *Entry) error {
	err := unix.UtimesNanoAt(fd, "", times(e), unix.AT_EMPTY_PATH)
	if err != nil {
		err = unix.UtimesNanoAt(unix.AT_FDCWD, procPath(fd), times(e), 0)
	}
	if err != nil {
		return incomplete("time", target("set time", err))
	}
	return nil
}

// procPath is a name of what fd is open on. Kernels before 5.8 take no empty path for setting times, and none sets modes
// through handles that open nothing.
func procPath(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

// times are those that are set. Backups have one time only.
func times(e *Entry) []unix.Timespec {
	t := unix.Timespec{Sec: e.MTime.Sec, Nsec: int64(e.MTime.Nsec)}
	return []unix.Timespec{t, t}
}

// own gives away what was made. Only root can; for everybody else things stay their own, as with cp.
func (r *run) own(chown func() error) error {
	if r.euid != 0 {
		return nil
	}
	if err := chown(); err != nil {
		return incomplete("owner", target("set owner", err))
	}
	return nil
}

// setXattrs sets the access control lists, or all other attributes.
func (r *run) setXattrs(e *Entry, set func(*backup.Xattr) error, lists bool) error {
	var all []error
	for i := range e.Xattrs {
		x := &e.Xattrs[i]
		if isACL(x.Name) != lists || r.foreign(x.Name) {
			continue
		}
		err := set(x)
		if err == nil || r.euid != 0 && !lists && !strings.HasPrefix(x.Name, "user.") {
			continue
		}
		all = append(all, incomplete("attribute "+x.Name, target("set", err)))
	}
	return errors.Join(all...)
}

// dressLink is dress for a handle that opens nothing (O_PATH): of links, pipes and sockets.
func (r *run) dressLink(fd int, e *Entry) error {
	chown := func() error { return unix.Fchownat(fd, "", int(e.UID), int(e.GID), unix.AT_EMPTY_PATH) }
	var err error
	if e.Mode&backup.ModeType == backup.ModeSymlink {
		err = r.own(chown)
	} else {
		// The handle's name leads to what it is open on, whatever has its name by now.
		err = r.dressAs(e, handle{
			chown: chown,
			chmod: func(mode uint32) error { return unix.Fchmodat(unix.AT_FDCWD, procPath(fd), mode, 0) },
			xattr: func(x *backup.Xattr) error { return unix.Setxattr(procPath(fd), x.Name, []byte(x.Value), 0) },
		})
	}
	return errors.Join(err, setTime(fd, e))
}
