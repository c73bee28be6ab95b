package fs

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

var (
	// ErrAlreadyMounted says that a slotfs that works is mounted there.
	ErrAlreadyMounted = errors.New("slotfs is mounted there already")
	// ErrNotMounted says that no slotfs is mounted there.
	ErrNotMounted = errors.New("no slotfs is mounted there")
	// ErrNotEmpty says that the mountpoint holds something that the mount would hide.
	ErrNotEmpty = errors.New("mountpoint is not empty")
	// ErrNoFuse says that this machine cannot mount.
	ErrNoFuse = errors.New("no FUSE on this machine")
)

// hinted is an error that knows its cure.
type hinted struct {
	error
	hint string
}

func (h *hinted) Unwrap() error { return h.error }

// Hint tells the cure.
func (h *hinted) Hint() string { return h.hint }

// probeTime is how long a mount may take to show that it is alive.
const probeTime = 3 * time.Second

// maxStacked is how many dead mounts on one another are taken away.
const maxStacked = 64

// resolve makes a mountpoint the path that mountinfo has for it. A mount there is never asked, which might not answer.
func resolve(mountpoint string) (string, error) {
	path, err := filepath.Abs(mountpoint)
	if err != nil {
		return mountpoint, err
	}
	for range maxStacked {
		if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
			path = filepath.Join(dir, filepath.Base(path))
		}
		if len(mounts(path)) > 0 {
			return path, nil
		}
		target, err := os.Readlink(path)
		if err != nil {
			return path, nil // no link
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = target
	}
	return mountpoint, unix.ELOOP
}

// prepare makes sure that mountpoint can be mounted on. A dead mount of ours there is taken away.
func prepare(ctx context.Context, mountpoint string) error {
	if err := canFuse(); err != nil {
		return err
	}
	for range maxStacked {
		alive, dead := false, false
		for _, m := range mounts(mountpoint) {
			switch {
			case m.FSType == "autofs":
			case !ours(m):
				alive, dead = false, false // what lies below it is out of reach
			case probe(ctx, mountpoint, probeTime):
				alive = true
			default:
				dead = true
			}
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err() // a probe that was cut short proves nothing
		case alive:
			return &hinted{ErrAlreadyMounted, "unmount it first: slotfs umount " + mountpoint}
		case !dead:
			return usable(mountpoint)
		}
		if err := unix.Unmount(mountpoint, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
			return fmt.Errorf("take away the dead mount: %w", err)
		}
	}
	return fmt.Errorf("take away the dead mount: more than %d on one another", maxStacked)
}

// canFuse reports why nothing can be mounted.
func canFuse() error {
	_, err := os.Stat("/dev/fuse")
	if errors.Is(err, iofs.ErrNotExist) {
		return &hinted{fmt.Errorf("%w: %w", ErrNoFuse, err), "load the kernel module: modprobe fuse (containers need --device /dev/fuse and CAP_SYS_ADMIN); `slotfs ls`, `cat` and `restore` need no FUSE"}
	}
	return err
}

// withHint explains what mounting failed with.
func withHint(err error) error {
	switch {
	case errors.Is(err, iofs.ErrPermission):
		return &hinted{err, "mounting needs root, or fusermount3; in a container it needs CAP_SYS_ADMIN"}
	case errors.Is(err, unix.ENODEV):
		return &hinted{fmt.Errorf("%w: %w", ErrNoFuse, err), "load the kernel module: modprobe fuse; `slotfs ls`, `cat` and `restore` need no FUSE"}
	}
	return err
}

// usable reports why a path cannot be a mountpoint. Below an automount nothing is looked at, which would wait for
// the very mount that is being made.
func usable(mountpoint string) error {
	for _, m := range mounts(mountpoint) {
		if m.FSType == "autofs" {
			return nil
		}
	}
	info, err := os.Stat(mountpoint)
	switch {
	case errors.Is(err, iofs.ErrNotExist):
		return &hinted{fmt.Errorf("mountpoint: %w", err), "make it first: mkdir -p " + mountpoint}
	case err != nil:
		return fmt.Errorf("mountpoint: %w", err)
	case !info.IsDir():
		return fmt.Errorf("mountpoint: %w", unix.ENOTDIR)
	}
	names, err := readSome(mountpoint)
	if err != nil {
		return fmt.Errorf("mountpoint: %w", err)
	}
	if len(names) > 0 {
		return &hinted{ErrNotEmpty, "mount on an empty directory: it would hide what is in this one"}
	}
	return nil
}

// readSome returns one name in dir, if there is any.
func readSome(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(1)
	if len(names) == 0 {
		return nil, nil
	}
	return names, err
}

// probe reports whether what is mounted answers. It asks for something that the kernel does not answer by itself:
// stat of a dead mount comes from the cache. A mount that hangs keeps the goroutine that asked, and nobody else.
func probe(ctx context.Context, mountpoint string, limit time.Duration) bool {
	answer := make(chan error, 1)
	go func() {
		var s unix.Statfs_t
		answer <- unix.Statfs(mountpoint, &s)
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case err := <-answer:
		// Another user's private mount refuses, and is alive.
		return err == nil || errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM)
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// Unmount takes a slotfs mount away, whoever serves it. busy says that somebody uses it still: it has no name any more,
// and ends when the last one closes what he has open. What is not a mount of slotfs is left alone.
func Unmount(mountpoint string) (busy bool, err error) {
	abs, err := resolve(mountpoint)
	if err != nil {
		return false, fmt.Errorf("unmount %s: %w", mountpoint, err)
	}
	all := mounts(abs)
	if len(all) == 0 || !ours(all[len(all)-1]) {
		return false, fmt.Errorf("unmount %s: %w", abs, ErrNotMounted)
	}
	if busy, err = detach(abs); err != nil {
		return false, fmt.Errorf("unmount %s: %w", abs, err)
	}
	return busy, nil
}

// Mounted reports whether a slotfs that answers is mounted at mountpoint.
func Mounted(ctx context.Context, mountpoint string) bool {
	abs, err := resolve(mountpoint)
	if err != nil {
		return false
	}
	all := mounts(abs)
	return len(all) > 0 && ours(all[len(all)-1]) && probe(ctx, abs, probeTime)
}
