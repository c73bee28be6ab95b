package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service"
)

func mountCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "mount",
		Usage:     "show all snapshots below a directory",
		ArgsUsage: "MOUNTPOINT",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "foreground", Usage: "stay in the foreground, with messages on standard error"},
			&cli.BoolFlag{Name: "allow-other", Usage: "let other users in; everybody sees what belongs to him"},
			&cli.StringFlag{Name: "cache-size", Usage: "keep up to `SIZE` of what was read on the local disk; 0: nothing",
				DefaultText: "that of the configuration, or else 4GiB, or a tenth of the free space if that is less"},
			&cli.StringSliceFlag{Name: "o",
				Usage: "mount `OPTIONS`, with commas: allow_other, noexec, noatime, config=FILE, state_dir=DIR, log_level=LEVEL, read_deadline=DURATION, cache_size=SIZE"},
		},
		Action: func(c *cli.Context) error {
			if err := arguments(c, "MOUNTPOINT"); err != nil {
				return err
			}
			o, err := parseMountOptions(strings.Join(c.StringSlice("o"), ","))
			if err != nil {
				return err
			}
			for flag, value := range map[string]string{"config": o.config, "state-dir": o.stateDir, "log-level": o.logLevel} {
				if value != "" {
					if err := c.Set(flag, value); err != nil {
						return exit.Usagef("mount option %s: %w", flag, err)
					}
				}
			}
			g, err := s.settings(c, slog.LevelInfo)
			if err != nil {
				return err
			}
			o.allowOther = o.allowOther || c.Bool("allow-other")
			if c.IsSet("cache-size") {
				if o.cacheSize, err = cacheSize(c.String("cache-size")); err != nil {
					return err
				}
			}
			m := &mountCmd{g, o.mount(g)}
			if m.mount.Mountpoint, err = absolute("mountpoint", c.Args().First()); err != nil {
				return err
			}
			return m.run(c.Context, c.Bool("foreground"))
		},
	}
}

// mountCmd is a mount that is asked for.
type mountCmd struct {
	*settings
	mount *service.Mount
}

func (m *mountCmd) run(ctx context.Context, foreground bool) error {
	if err := m.mount.CheckDisjoint(); err != nil {
		return err
	}
	if !foreground {
		return m.background(ctx)
	}
	ready := readiness()
	err := m.mount.Serve(ctx, ready.tell)
	ready.tell(err)
	return err
}

// environReady names the descriptor on which a parent waits for the mount to answer.
const environReady = "SLOTFS_READY_FD"

// commandLine is what the background process is called with.
func (m *mountCmd) commandLine() []string {
	args := []string{"--config", m.ConfigPath, "--state-dir", string(m.State)}
	if m.logLevel != "" {
		args = append(args, "--log-level", m.logLevel)
	}
	args = append(args, "mount", "--foreground")
	if m.mount.AllowOther {
		args = append(args, "--allow-other")
	}
	options := append([]string{"read_deadline=" + m.mount.ReadDeadline.String()}, m.mount.Kernel...)
	if m.mount.Source != "" {
		options = append(options, "fsname="+m.mount.Source)
	}
	if m.mount.CacheSize >= 0 {
		options = append(options, fmt.Sprintf("cache_size=%d", m.mount.CacheSize))
	}
	args = append(args, "-o", strings.Join(options, ","))
	return append(args, "--", m.mount.Mountpoint)
}
