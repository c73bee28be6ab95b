package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/control"
	"slotfs/fs"
)

func umountCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "umount",
		Usage:     "take a mount away",
		ArgsUsage: "MOUNTPOINT",
		Action: func(c *cli.Context) error {
			g, err := s.settings(c, slog.LevelWarn)
			if err != nil {
				return err
			}
			if err := arguments(c, "MOUNTPOINT"); err != nil {
				return err
			}
			mountpoint, err := absolute("mountpoint", c.Args().First())
			if err != nil {
				return err
			}
			var r report
			owned := control.NewClient(g.state.socket()).Brief(c.Context, &r) == nil && r.Mountpoint == mountpoint
			if err := fs.Unmount(mountpoint); err != nil {
				return err
			}
			if owned {
				return g.ended(c.Context, mountpoint)
			}
			return nil
		},
	}
}

// How long umount waits for the process behind the mount, and how often it looks.
const (
	endLooks = 100
	endPause = 100 * time.Millisecond
)

// ended waits until the process behind a mount is gone, so that what comes next finds the index free. It does not wait
// for those who have files open.
func (s *settings) ended(ctx context.Context, mountpoint string) error {
	client := control.NewClient(s.state.socket())
	for range endLooks {
		var r report
		if client.Brief(ctx, &r) != nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(endPause):
		}
	}
	fmt.Fprintf(s.err, "%s is detached; it is still in use, and ends when the last open file is closed\n", mountpoint)
	return nil
}
