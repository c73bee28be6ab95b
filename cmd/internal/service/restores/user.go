package restores

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/users"
	"slotfs/fs/restore"
	"slotfs/fs/restore/asuser"
)

// WriterName is what the process is called that restores with the rights of a user: main has it run Write.
const WriterName = "slotfs-restore-as-user"

// Write is that process. Its connection is descriptor 3.
func Write(ctx context.Context) error { return asuser.Write(ctx, os.NewFile(3, "host")) }

// identity is the user with whose rights is written; nil: those of this process. Where nobody is named it is the user in
// whose home the directory lies.
func (r *Restore) identity(dir string) (*asuser.Identity, error) {
	if os.Geteuid() != 0 {
		if r.request.As == "" {
			return nil, nil
		}
		return nil, exit.Usagef("--as %s: only root can write with the rights of another user", r.request.As)
	}
	if r.request.As == "" {
		return homeOf(dir)
	}
	id, err := namedIdentity(r.request.As)
	if err != nil || id.UID == 0 {
		return nil, err
	}
	return id, nil
}

// namedIdentity looks a user up by name, by uid, or takes UID:GID.
func namedIdentity(name string) (*asuser.Identity, error) {
	u, err := user.Lookup(name)
	if err != nil {
		u, err = user.LookupId(name)
	}
	if err == nil {
		return userIdentity(u)
	}
	first, second, _ := strings.Cut(name, ":")
	uid, uidErr := strconv.ParseUint(first, 10, 31)
	gid, gidErr := strconv.ParseUint(second, 10, 31)
	if uidErr != nil || gidErr != nil {
		return nil, exit.Usagef("--as %s: no such user", name)
	}
	return &asuser.Identity{Name: name, UID: uint32(uid), GID: uint32(gid)}, nil
}

// Named is a user of this machine, for a process that writes with his rights.
func Named(name string) (*asuser.Identity, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("user %s: %w", name, err)
	}
	return userIdentity(u)
}

// userIdentity is a local user with all his groups.
func userIdentity(u *user.User) (*asuser.Identity, error) {
	uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
	groups, err := u.GroupIds()
	if err := errors.Join(uidErr, gidErr, err); err != nil {
		return nil, fmt.Errorf("user %s: %w", u.Username, err)
	}
	id := &asuser.Identity{Name: u.Username, UID: uint32(uid), GID: uint32(gid)}
	for _, g := range groups {
		if n, err := strconv.ParseUint(g, 10, 32); err == nil {
			id.Groups = append(id.Groups, uint32(n))
		}
	}
	return id, nil
}

// homeOf finds the user in whose home a directory lies, whether or not it is there.
func homeOf(dir string) (*asuser.Identity, error) {
	passed, resolved := restore.Way(dir)
	var best users.Home
	for _, h := range users.Homes(users.Passwd) {
		if len(h.Dir) <= len(best.Dir) || !inDirectory(dir, h.Dir) && !inDirectory(resolved, h.Dir) && !leadsThrough(&h, passed) || !ownHome(&h) {
			continue
		}
		best = h
	}
	if best.Dir == "" {
		return nil, nil
	}
	u, err := user.Lookup(best.User)
	if err != nil {
		return nil, fmt.Errorf("user %s: %w", best.User, err)
	}
	return userIdentity(u)
}

// inDirectory reports whether a path is that of a directory, or below it.
func inDirectory(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }

// leadsThrough reports whether a way leads through the home.
func leadsThrough(h *users.Home, passed []restore.Directory) bool {
	for _, d := range passed {
		var st unix.Stat_t
		if d.UID == h.UID && unix.Stat(h.Dir, &st) == nil && st.Dev == d.Dev && st.Ino == d.Ino {
			return true
		}
	}
	return false
}

// ownHome reports whether the home is a directory that is the user's, not one of the system that some service has as its home.
// Those of users who are locked into theirs are root's.
func ownHome(h *users.Home) bool {
	var st unix.Stat_t
	if unix.Stat(h.Dir, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return false
	}
	return st.Uid == h.UID || st.Uid == 0 && path.Base(h.Dir) == h.User
}

// Serve restores with the rights of a user, by way of a process that has no others. stderr gets what that says when it breaks.
func Serve(ctx context.Context, h *asuser.Host, stderr io.Writer) (s restore.Summary, placed bool, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return s, false, fmt.Errorf("restore as %s: %w", h.Identity.Name, err)
	}
	own, theirs := os.NewFile(uintptr(fds[0]), "writer"), os.NewFile(uintptr(fds[1]), "host")
	defer own.Close()
	child := exec.Command("/proc/self/exe")
	child.Args = []string{WriterName}
	child.Dir, child.Env = "/", []string{}
	child.Stderr = stderr
	child.ExtraFiles = []*os.File{theirs} // descriptor 3
	err = child.Start()
	theirs.Close()
	if err != nil {
		return s, false, fmt.Errorf("restore as %s: %w", h.Identity.Name, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = child.Process.Signal(syscall.SIGTERM) })
	defer stop()
	s, placed, err = h.Serve(ctx, own)
	kill := time.AfterFunc(writerGrace, func() { _ = child.Process.Kill() })
	defer kill.Stop()
	if waitErr := child.Wait(); errors.Is(err, asuser.ErrWriter) && waitErr != nil {
		err = fmt.Errorf("%w: %w", err, waitErr)
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return s, placed, err
}

// writerGrace is how long the process that writes may take to end after it has hung up.
const writerGrace = 5 * time.Second

// target is the destination of a restore.
func (q *Request) target(roots []restore.Root) restore.Destination {
	d := restore.Destination{Path: filepath.Clean(q.Directory), File: len(roots) == 1 && !isDirectory(&roots[0].Entry), Private: roots[0].Name == "", Rehearse: q.DryRun}
	if strings.HasSuffix(q.Directory, "/") {
		d.Path += "/"
	}
	return d
}
