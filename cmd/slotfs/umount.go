package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"slotfs/cmd/internal/control"
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

// endTime is how long umount waits for the process behind the mount.
const endTime = 10 * time.Second

// umount returns when the process behind the mount is gone, so that what comes next finds the index free. It does not
// wait for those who have files open.
func (s *settings) umount(ctx context.Context, mountpoint string) error {
	process := -1
	var r report
	if control.NewClient(s.state.socket()).Brief(ctx, &r) == nil && r.Mountpoint == mountpoint {
		if fd, err := unix.PidfdOpen(r.PID, 0); err == nil {
			process = fd
			defer unix.Close(fd)
		}
	}
	if err := fs.Unmount(mountpoint); err != nil || process < 0 {
		return err
	}
	for end := time.Now().Add(endTime); time.Now().Before(end); {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(process), Events: unix.POLLIN}}, 100)
		if n > 0 || err != nil && !errors.Is(err, unix.EINTR) {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	fmt.Fprintf(s.err, "%s is detached; it is still in use, and ends when the last open file is closed\n", mountpoint)
	return nil
}
