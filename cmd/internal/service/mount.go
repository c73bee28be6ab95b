package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"slotfs/cache/index"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/api"
	"slotfs/fs"
)

// Mount is a mount that is asked for.
type Mount struct {
	Serving
	Mountpoint string
	AllowOther bool
	Kernel     []string // mount options that the kernel takes
	Source     string   // what df and mount show; "": slotfs
}

// CheckDisjoint refuses a mount that would hide its own state, or show itself in it.
func (m *Mount) CheckDisjoint() error {
	state := resolved(string(m.State))
	mountpoint := resolved(m.Mountpoint)
	if within(mountpoint, state) || within(state, mountpoint) {
		err := fmt.Errorf("mount %s: not apart from the state directory %s", m.Mountpoint, m.State)
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

// Serve mounts and returns when the mount is gone: unmounted by somebody, or because ctx ended. ready is called when the
// mount answers.
func (m *Mount) Serve(ctx context.Context, ready func(error)) error {
	m.mountpoint = m.Mountpoint
	return m.with(ctx, func(s *Service) error { return m.run(ctx, s, ready) })
}

// run mounts what s shows and has s work until the mount is gone.
func (m *Mount) run(ctx context.Context, s *Service, ready func(error)) error {
	m.IgnoreHangup()
	mount := func() (*fs.Server, error) { return fs.Mount(ctx, m.Mountpoint, m.fsConfig(s)) }
	if err := s.mounts.begin(mount); err != nil {
		return err
	}
	// Passes, schedules and requests end before the mount does.
	work, err := m.start(ctx, s)
	if err != nil {
		return errors.Join(err, s.mounts.end(), s.mounts.wait())
	}
	work.wait.Go(func() { s.remount(work.ctx) })
	m.tellManager("READY=1\n" + statusLine("mounted at "+m.Mountpoint))
	work.inform()
	ready(nil)

	select {
	case <-s.mounts.gone:
	case <-ctx.Done():
	}
	m.tellManager("STOPPING=1")
	work.cancel()
	err = errors.Join(s.mounts.end(), work.interrupt())
	switch { // wait for those who have something open
	case err != nil:
	case ctx.Err() != nil:
		err = s.mounts.linger(m.Log, m.tellManager)
	default:
		err = s.mounts.wait()
	}
	work.end()
	return err
}

// fsConfig says what is mounted.
func (m *Mount) fsConfig(s *Service) fs.Config {
	return fs.Config{
		Destinations: s.destinations.names, Catalog: s.catalog, Nodes: s.index, Content: s.content,
		Owner: m.accountOwners(s.destinations.current), Accounts: localAccounts(), AllowOther: m.AllowOther, Source: m.Source, Options: m.Kernel,
		Log: m.Log, Status: s.lastPass,
	}
}

// reloadOn reads the configuration again with each signal.
func (s *Service) reloadOn(ctx context.Context, signals <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
			if err := s.Reload(ctx); err != nil {
				s.Log.Error("configuration not read again", "error", err)
			} else {
				s.Log.Info("configuration read again")
			}
			s.wake()
		}
	}
}

// behindMount says that a mount has the index, unless it is about to end.
func (v *Serving) behindMount(ctx context.Context, r *api.Report) (again bool, err error) {
	if !fs.Mounted(ctx, r.Mountpoint) {
		return true, fmt.Errorf("%s: %w: process %d is about to end", v.purpose(), index.ErrBusy, r.PID)
	}
	if v.mountpoint != "" && resolved(r.Mountpoint) == resolved(v.mountpoint) {
		return false, exit.With(fmt.Errorf("%s: %w", v.purpose(), fs.ErrAlreadyMounted), exit.Busy, "")
	}
	err = fmt.Errorf("%s: %w: process %d shows it at %s", v.purpose(), index.ErrBusy, r.PID, r.Mountpoint)
	if v.mountpoint == "" {
		return false, exit.Hinted(err, "a mount does all that serve does")
	}
	return false, exit.Hinted(err, "one mount shows everything; for another place use `mount --bind`, or umount "+r.Mountpoint+" first")
}
