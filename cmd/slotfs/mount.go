package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"slotfs/cache/index"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/api"
	"slotfs/fs"
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
			m := &mounting{settings: g, options: o}
			if m.mountpoint, err = absolute("mountpoint", c.Args().First()); err != nil {
				return err
			}
			return m.run(c.Context, c.Bool("foreground"))
		},
	}
}

// mounting is a mount that is asked for.
type mounting struct {
	*settings
	options    mountOptions
	mountpoint string
}

func (m *mounting) run(ctx context.Context, foreground bool) error {
	if err := m.apart(); err != nil {
		return err
	}
	if !foreground {
		return m.background(ctx)
	}
	ready := readiness()
	err := m.serve(ctx, ready.tell)
	ready.tell(err)
	return err
}

// apart refuses a mount that would hide its own state, or show itself in it.
func (m *mounting) apart() error {
	state := resolved(string(m.state))
	mountpoint := resolved(m.mountpoint)
	if within(mountpoint, state) || within(state, mountpoint) {
		err := fmt.Errorf("mount %s: not apart from the state directory %s", m.mountpoint, m.state)
		return exit.With(err, exit.Usage, "mount somewhere else, such as /mnt/backups")
	}
	return nil
}

// resolved follows the links of the parent only: the mountpoint itself may be a mount that does not answer.
func resolved(path string) string {
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		return filepath.Join(dir, filepath.Base(path))
	}
	return path
}

func within(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}

// ending is how long a mount waits for an owner that may be about to end: of a process that was killed the kernel closes one file
// after the other, and that of its mount may come first.
const ending = 20 * time.Second

// patiently repeats f as long as it asks for that, until ending is over.
func patiently(ctx context.Context, f func() (again bool, err error)) error {
	ctx, cancel := context.WithTimeout(ctx, ending)
	defer cancel()
	for {
		again, err := f()
		if !again {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// openOwned opens the index, and says who owns it if another mount does.
func (m *mounting) openOwned(ctx context.Context) (x *index.Index, err error) {
	err = patiently(ctx, func() (again bool, err error) {
		if x, err = m.openIndex(); !errors.Is(err, index.ErrBusy) {
			return false, err
		}
		var r report
		if statusErr := api.NewClient(m.state.Socket()).Brief(ctx, &r); statusErr != nil {
			return true, fmt.Errorf("mount %s: %w", m.mountpoint, err)
		}
		if r.Mountpoint == "" {
			err = fmt.Errorf("mount %s: %w: process %d works with it", m.mountpoint, index.ErrBusy, r.PID)
			return r.Passes == 0, exit.Hinted(err, "wait until it has ended; `slotfs status` tells what it does")
		}
		if !fs.Mounted(ctx, r.Mountpoint) {
			return true, fmt.Errorf("mount %s: %w: process %d is about to end", m.mountpoint, index.ErrBusy, r.PID)
		}
		if resolved(r.Mountpoint) == resolved(m.mountpoint) {
			return false, exit.With(fmt.Errorf("mount %s: %w", m.mountpoint, fs.ErrAlreadyMounted), exit.Busy, "")
		}
		err = fmt.Errorf("mount %s: %w: process %d shows it at %s", m.mountpoint, index.ErrBusy, r.PID, r.Mountpoint)
		return false, exit.Hinted(err, "one mount shows everything; for another place use `mount --bind`, or umount "+r.Mountpoint+" first")
	})
	return x, err
}

// environReady names the descriptor on which a parent waits for the mount to answer.
const environReady = "SLOTFS_READY_FD"

// commandLine is what the background process is called with.
func (m *mounting) commandLine() []string {
	args := []string{"--config", m.configPath, "--state-dir", string(m.state)}
	if m.logLevel != "" {
		args = append(args, "--log-level", m.logLevel)
	}
	args = append(args, "mount", "--foreground")
	if m.options.allowOther {
		args = append(args, "--allow-other")
	}
	options := append([]string{"read_deadline=" + m.options.readDeadline.String()}, m.options.kernel...)
	if m.options.source != "" {
		options = append(options, "fsname="+m.options.source)
	}
	if m.options.cacheSize >= 0 {
		options = append(options, fmt.Sprintf("cache_size=%d", m.options.cacheSize))
	}
	args = append(args, "-o", strings.Join(options, ","))
	return append(args, "--", m.mountpoint)
}
