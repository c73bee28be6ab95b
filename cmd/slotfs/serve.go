package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/service/api"
	"slotfs/fs"
)

// serve mounts and returns when the mount is gone: unmounted by somebody, or because ctx ended. ready hears when the
// mount answers.
func (m *mounting) serve(ctx context.Context, ready func(error)) error {
	// A thread that comes out of the kernel with a request must not stand in line behind what is being unpacked.
	m.processors = runtime.GOMAXPROCS(0)
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(m.processors + 2)
	}
	conf, err := m.config()
	if err != nil {
		return err
	}
	limitMemory(memoryToMount(conf))
	x, err := m.openOwned(ctx)
	if err != nil {
		return err
	}
	r := newRemotes(m.settings, conf, x)
	r.deadline, r.known = m.options.readDeadline, true
	if r.cache, err = m.openCache(ctx, conf.Cache); err == nil {
		err = m.own(ctx, newOwner(m.settings, x, r), ready)
	}
	r.close()
	if r.cache != nil {
		r.cache.Close() // nothing in it would be missed
	}
	if closeErr := x.Close(); closeErr != nil {
		err = errors.Join(err, m.state.Fault(closeErr))
	}
	return err
}

// own mounts and serves with an owner that is wired up.
func (m *mounting) own(ctx context.Context, o *owner, ready func(error)) error {
	// From here on a hang-up is no end, also for who sends one as soon as the mount answers.
	hangups := make(chan os.Signal, 1)
	m.survives.Store(true)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	mount := func() (*fs.Server, error) { return fs.Mount(ctx, m.mountpoint, m.mountConfig(o)) }
	if err := o.mounts.begin(mount); err != nil {
		return err
	}
	// Passes, schedules and requests end before the mount does.
	work, cancel := context.WithCancel(ctx)
	defer cancel()
	socket, err := api.Listen(work, m.state.Socket(), o)
	if err != nil {
		return errors.Join(err, o.mounts.end(), o.mounts.wait())
	}
	var wait sync.WaitGroup
	wait.Go(func() {
		if err := socket.Serve(); err != nil {
			m.log.Error("control socket", "error", err)
		}
	})
	wait.Go(func() { o.refresh(work) })
	wait.Go(func() { o.renew(work) })
	wait.Go(func() { o.hangups(work, hangups) })
	o.schedule(work)
	m.tellManager("READY=1\nSTATUS=mounted at " + m.mountpoint)
	ready(nil)

	select {
	case <-o.mounts.gone:
	case <-ctx.Done():
	}
	m.tellManager("STOPPING=1")
	cancel()
	err = errors.Join(o.mounts.end(), socket.Close())
	if err == nil {
		err = o.mounts.wait() // for those who have something open
	}
	o.scheduler.Wait()
	wait.Wait()
	return err
}

func (m *mounting) tellManager(state string) {
	if err := notifyManager(state); err != nil {
		m.log.Warn("service manager", "error", err)
	}
}

// mountConfig says what is mounted.
func (m *mounting) mountConfig(o *owner) fs.Config {
	return fs.Config{
		Destinations: o.remotes.names, Catalog: o.index, Nodes: o.index, Content: o.content,
		Owner: m.accountOwners(o.remotes.current), Accounts: newAccounts("/etc/passwd", "/etc/group").now, AllowOther: m.options.allowOther, Source: m.options.source, Options: m.options.kernel,
		Deadline: m.options.readDeadline, Log: m.log, Status: o.lastPass,
	}
}

// hangups reads the configuration again with each SIGHUP.
func (o *owner) hangups(ctx context.Context, c <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c:
			if err := o.Reload(ctx); err != nil {
				o.log.Error("configuration not read again", "error", err)
			} else {
				o.log.Info("configuration read again")
			}
			o.wake()
		}
	}
}

// schedule runs the schedules of the configuration until ctx ends.
func (o *owner) schedule(ctx context.Context) {
	o.mu.Lock()
	o.work = ctx
	o.mu.Unlock()
	o.setSchedules()
}

// setSchedules takes the schedules of the configuration as it is now.
func (o *owner) setSchedules() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.work != nil {
		o.scheduler.Set(o.work, o.schedules())
	}
}

// equalConfigs compares the destinations of two configurations.
func equalConfigs(a, b *config.Config) bool {
	if len(a.Destinations) != len(b.Destinations) {
		return false
	}
	for name, d := range a.Destinations {
		if other := b.Destinations[name]; other == nil || !other.Equal(d) {
			return false
		}
	}
	return true
}
