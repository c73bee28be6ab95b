package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"slotfs/fs"
)

// How long Unmount waits for the process behind the mount: that of a mount that nobody uses ends soon, on a slow machine a
// little later; that of one in use ends when its users like.
const (
	unmountTime     = 2 * time.Minute
	unmountTimeBusy = 10 * time.Second
)

// Unmount returns when the process behind the mount is gone, so that what comes next finds mountpoint and index free. It
// does not wait for those who have files open: inUse says that there are some.
func (e *Environment) Unmount(ctx context.Context, mountpoint string) (inUse bool, err error) {
	process := -1
	r, err := e.Owner().Report(ctx, true)
	if err == nil && resolved(r.Mountpoint) == resolved(mountpoint) {
		if fd, err := unix.PidfdOpen(r.PID, 0); err == nil {
			process = fd
			defer unix.Close(fd)
		}
	}
	inUse, err = fs.Unmount(mountpoint)
	if err != nil || process < 0 {
		return false, err
	}
	limit := unmountTime
	if inUse {
		limit = unmountTimeBusy
	}
	ended, err := awaitEnd(ctx, process, limit)
	if err != nil || ended {
		return false, err
	}
	if inUse {
		return true, nil
	}
	return false, fmt.Errorf("umount %s: process %d is still there", mountpoint, r.PID)
}

// awaitEnd waits for the end of a process.
func awaitEnd(ctx context.Context, pidfd int, limit time.Duration) (ended bool, err error) {
	for end := time.Now().Add(limit); time.Now().Before(end); {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, 100)
		if n > 0 || err != nil && !errors.Is(err, unix.EINTR) {
			return true, nil
		}
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
	}
	return false, nil
}
