package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"slotfs/cmd/internal/service/api"
	"slotfs/fs"
)

func umountCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "umount",
		Usage:     "take a mount away",
		ArgsUsage: "MOUNTPOINT",
		Action: func(c *cli.Context) error {
			g, err := s.begin(c, "MOUNTPOINT")
			if err != nil {
				return err
			}
			mountpoint, err := absolute("mountpoint", c.Args().First())
			if err != nil {
				return err
			}
			return g.umount(c.Context, mountpoint)
		},
	}
}

// How long umount waits for the process behind the mount: a mount that nobody uses ends soon, on a slow machine a
// little later; one that is in use ends when its users like.
const (
	endTime     = 2 * time.Minute
	endTimeBusy = 10 * time.Second
)

// umount returns when the process behind the mount is gone, so that what comes next finds mountpoint and index free. It
// does not wait for those who have files open.
func (s *settings) umount(ctx context.Context, mountpoint string) error {
	process := -1
	var r report
	if api.NewClient(s.state.Socket()).Brief(ctx, &r) == nil && resolved(r.Mountpoint) == resolved(mountpoint) {
		if fd, err := unix.PidfdOpen(r.PID, 0); err == nil {
			process = fd
			defer unix.Close(fd)
		}
	}
	busy, err := fs.Unmount(mountpoint)
	if err != nil || process < 0 {
		return err
	}
	limit := endTime
	if busy {
		limit = endTimeBusy
	}
	ended, err := awaitEnd(ctx, process, limit)
	if err != nil || ended {
		return err
	}
	if busy {
		fmt.Fprintf(s.err, "%s is detached; it is still in use, and ends when the last open file is closed\n", mountpoint)
		return nil
	}
	return fmt.Errorf("umount %s: process %d is still there", mountpoint, r.PID)
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
