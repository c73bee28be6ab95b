package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"slotfs/cache/index"
	"slotfs/cmd/internal/service/api"
	"slotfs/fs/view"
)

// ownIndex opens the index and serves the control socket for as long as this process has it, so that other commands
// work through it meanwhile. release ends both. The error is index.ErrBusy where another process has the index.
func (s *settings) ownIndex(ctx context.Context) (o *owner, release func() error, err error) {
	conf, err := s.config()
	if err != nil {
		return nil, nil, err
	}
	x, err := s.openIndex()
	if err != nil {
		return nil, nil, err
	}
	r := newRemotes(s, conf, x)
	o = newOwner(s, x, r)
	work, cancel := context.WithCancel(ctx)
	socket, err := api.Listen(work, s.state.Socket(), o)
	if err != nil {
		cancel()
		r.close()
		return nil, nil, errors.Join(err, x.Close())
	}
	var wait sync.WaitGroup
	wait.Go(func() {
		if err := socket.Serve(); err != nil {
			s.log.Error("control socket", "error", err)
		}
	})
	release = func() error {
		cancel()
		err := socket.Close()
		wait.Wait()
		r.close()
		if closeErr := x.Close(); closeErr != nil {
			err = errors.Join(err, s.state.Fault(closeErr))
		}
		return err
	}
	return o, release, nil
}

// withIndex asks the process that has the index, or has do work with it in this one.
func (s *settings) withIndex(ctx context.Context, ask func(*api.Client) error, do func(*owner) error) error {
	return patiently(ctx, func() (again bool, err error) {
		if err := ask(api.NewClient(s.state.Socket())); !errors.Is(err, api.ErrNoOwner) {
			return false, err
		}
		o, release, err := s.ownIndex(ctx)
		if err != nil {
			return busy(err), err
		}
		return false, errors.Join(do(o), release())
	})
}

// busy reports whether another process has the index.
func busy(err error) bool { return errors.Is(err, index.ErrBusy) || errors.Is(err, api.ErrOwned) }

// loneView is what an owner without a mount shows.
type loneView struct {
	mu sync.Mutex
	// mu guards what follows.
	view    *view.View
	read    time.Time // when the catalog was read
	changed bool      // since then
}

// outdated says that the catalog or the configuration is another one.
func (l *loneView) outdated() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changed = true
}

// get gives the view, with what changed until a moment ago.
func (l *loneView) get(ctx context.Context, o *owner) (*view.View, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.view != nil && (!l.changed || time.Since(l.read) < refreshPause) {
		return l.view, nil
	}
	all, err := o.index.Snapshots(ctx, "")
	if err != nil {
		return nil, err
	}
	if l.view == nil {
		l.view = view.New(view.Options{Nodes: o.index, Owner: o.accountOwners(o.remotes.current), Accounts: newAccounts("/etc/passwd", "/etc/group").now})
	}
	l.view.Update(o.remotes.names(), all)
	l.read, l.changed = time.Now(), false
	return l.view, nil
}
