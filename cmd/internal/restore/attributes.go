package restore

import (
	"errors"
	"fmt"
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

// foreign are attributes that no backup may give: rights, and what overlay file systems mean by theirs.
func foreign(name string) bool {
	return name == "security.capability" || strings.HasPrefix(name, "trusted.overlay.")
}

// dress gives what fd is open on its owner, attributes, mode and time, in this order: changing the owner would take
// rights away, and setting attributes needs them.
func (r *run) dress(fd int, e *Entry) error {
	var all []error
	if err := r.own(func() error { return unix.Fchown(fd, int(e.UID), int(e.GID)) }); err != nil {
		all = append(all, err)
	}
	if err := r.setXattrs(e, func(x *backup.Xattr) error { return unix.Fsetxattr(fd, x.Name, []byte(x.Value), 0) }); err != nil {
		all = append(all, err)
	}
	if err := unix.Fchmod(fd, e.Mode&backup.ModePerm&^0o6000); err != nil {
		all = append(all, incomplete("mode", target("set mode", err)))
	}
	if err := setTime(fd, e); err != nil {
		all = append(all, err)
	}
	return errors.Join(all...)
}

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
	seconds, ns := e.MTime/1e9, e.MTime%1e9
	if ns < 0 {
		seconds, ns = seconds-1, ns+1e9
	}
	t := unix.Timespec{Sec: seconds, Nsec: ns}
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

func (r *run) setXattrs(e *Entry, set func(*backup.Xattr) error) error {
	for i := range e.Xattrs {
		x := &e.Xattrs[i]
		if foreign(x.Name) {
			continue
		}
		err := set(x)
		if err == nil || r.euid != 0 && !strings.HasPrefix(x.Name, "user.") {
			continue
		}
		return incomplete("extended attributes", target(fmt.Sprintf("set %s", x.Name), err))
	}
	return nil
}

// dressLink is dress for a handle that opens nothing (O_PATH): of links, pipes and sockets.
func (r *run) dressLink(fd int, e *Entry) error {
	var all []error
	if err := r.own(func() error { return unix.Fchownat(fd, "", int(e.UID), int(e.GID), unix.AT_EMPTY_PATH) }); err != nil {
		all = append(all, err)
	}
	if e.Mode&backup.ModeType != backup.ModeSymlink {
		// The handle's name leads to what it is open on, whatever has its name by now.
		if err := unix.Fchmodat(unix.AT_FDCWD, procPath(fd), e.Mode&backup.ModePerm&^0o6000, 0); err != nil {
			all = append(all, incomplete("mode", target("set mode", err)))
		}
		set := func(x *backup.Xattr) error { return unix.Setxattr(procPath(fd), x.Name, []byte(x.Value), 0) }
		if err := r.setXattrs(e, set); err != nil {
			all = append(all, err)
		}
	}
	if err := setTime(fd, e); err != nil {
		all = append(all, err)
	}
	return errors.Join(all...)
}
