package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"slotfs/cache/index"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/api"
	"slotfs/fs"
)

// Mount is a mount that is asked for.
type Mount struct {
	*Environment
	Mountpoint string
	AllowOther bool
	Kernel     []string // mount options that the kernel takes
	Source     string   // what df and mount show; "": slotfs
	// ReadDeadline is how long one read may wait for a destination.
	ReadDeadline time.Duration
	CacheSize    int64 // bytes; -1: as the configuration says
	// IgnoreHangup is called before the mount is there: from then on a SIGHUP has the configuration read again.
	IgnoreHangup func()
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
	// A thread that comes out of the kernel with a request must not wait for a processor behind decoders.
	m.Processors = runtime.GOMAXPROCS(0)
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(m.Processors + 2)
	}
	conf, err := m.Config()
	if err != nil {
		return err
	}
	LimitMemory(memoryToMount(conf))
	x, err := m.openIndex(ctx)
	if err != nil {
		return err
	}
	d := newDestinations(m.Environment, conf, x)
	d.deadline, d.known = m.ReadDeadline, true
	if d.cache, err = m.openCache(ctx, conf.Cache); err == nil {
		err = m.run(ctx, newService(m.Environment, x, d), ready)
	}
	d.close()
	if d.cache != nil {
		d.cache.Close() // nothing in it would be missed
	}
	if closeErr := x.Close(); closeErr != nil {
		err = errors.Join(err, m.State.Fault(closeErr))
	}
	return err
}

// run mounts what s shows and has s work until the mount is gone.
func (m *Mount) run(ctx context.Context, s *Service, ready func(error)) error {
	hangups := make(chan os.Signal, 1)
	m.IgnoreHangup()
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	mount := func() (*fs.Server, error) { return fs.Mount(ctx, m.Mountpoint, m.fsConfig(s)) }
	if err := s.mounts.begin(mount); err != nil {
		return err
	}
	// Passes, schedules and requests end before the mount does.
	work, cancel := context.WithCancel(ctx)
	defer cancel()
	socket, err := api.Listen(work, m.State.Socket(), s)
	if err != nil {
		return errors.Join(err, s.mounts.end(), s.mounts.wait())
	}
	var wait sync.WaitGroup
	wait.Go(func() { s.serve(socket) })
	wait.Go(func() { s.refresh(work) })
	wait.Go(func() { s.remount(work) })
	wait.Go(func() { s.oversee(work) })
	wait.Go(func() { s.reloadOn(work, hangups) })
	s.startSchedules(work)
	m.tellManager("READY=1\n" + statusLine("mounted at "+m.Mountpoint))
	wait.Go(func() { s.keepManagerInformed(work, m.tellManager) })
	wait.Go(func() { s.keepWatchdogQuiet(work, 2*m.ReadDeadline+time.Minute, m.tellManager) })
	ready(nil)

	select {
	case <-s.mounts.gone:
	case <-ctx.Done():
	}
	m.tellManager("STOPPING=1")
	cancel()
	err = errors.Join(s.mounts.end(), socket.Close())
	switch { // wait for those who have something open
	case err != nil:
	case ctx.Err() != nil:
		err = s.mounts.linger(m.Log, m.tellManager)
	default:
		err = s.mounts.wait()
	}
	s.scheduler.Wait()
	wait.Wait()
	return err
}

// fsConfig says what is mounted.
func (m *Mount) fsConfig(s *Service) fs.Config {
	return fs.Config{
		Destinations: s.destinations.names, Catalog: s.index, Nodes: s.index, Content: s.content,
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

// openIndex opens the index, and says who owns it if another mount does.
func (m *Mount) openIndex(ctx context.Context) (x *index.Index, err error) {
	err = retryWhileEnding(ctx, func() (again bool, err error) {
		if x, err = m.OpenIndex(); !errors.Is(err, index.ErrBusy) {
			return false, err
		}
		r, reportErr := m.Owner().Report(ctx, true)
		if reportErr != nil {
			return true, fmt.Errorf("mount %s: %w", m.Mountpoint, err)
		}
		if r.Mountpoint == "" {
			err = fmt.Errorf("mount %s: %w: process %d works with it", m.Mountpoint, index.ErrBusy, r.PID)
			return r.Passes == 0, exit.Hinted(err, "wait until it has ended; `slotfs status` tells what it does")
		}
		if !fs.Mounted(ctx, r.Mountpoint) {
			return true, fmt.Errorf("mount %s: %w: process %d is about to end", m.Mountpoint, index.ErrBusy, r.PID)
		}
		if resolved(r.Mountpoint) == resolved(m.Mountpoint) {
			return false, exit.With(fmt.Errorf("mount %s: %w", m.Mountpoint, fs.ErrAlreadyMounted), exit.Busy, "")
		}
		err = fmt.Errorf("mount %s: %w: process %d shows it at %s", m.Mountpoint, index.ErrBusy, r.PID, r.Mountpoint)
		return false, exit.Hinted(err, "one mount shows everything; for another place use `mount --bind`, or umount "+r.Mountpoint+" first")
	})
	return x, err
}
