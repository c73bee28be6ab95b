package service

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"slotfs/cache/index"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/api"
)

// OpenIndex opens the index of the state directory.
func (e *Environment) OpenIndex() (*index.Index, error) {
	if err := e.State.Make(); err != nil {
		return nil, err
	}
	x, err := index.Open(e.State.Index(), index.Options{Log: e.Log})
	if errors.Is(err, index.ErrBusy) {
		return nil, exit.Hinted(err, "another slotfs works with it; `slotfs status` tells whether a mount does")
	}
	if err != nil {
		return nil, e.State.Fault(err)
	}
	return x, nil
}

// Owner is the client of the process that owns the index; api.ErrNoOwner from it says that none does.
func (e *Environment) Owner() *api.Client { return api.NewClient(e.State.Socket()) }

// own opens the index and serves the control socket for as long as this process has it: it asks itself there, as other commands do
// meanwhile. release ends both. The error is index.ErrBusy where another process has the index.
func (e *Environment) own(ctx context.Context) (release func() error, err error) {
	conf, err := e.Config()
	if err != nil {
		return nil, err
	}
	x, err := e.OpenIndex()
	if err != nil {
		return nil, err
	}
	d := newDestinations(e, conf, x)
	s := newService(e, x, d)
	work, cancel := context.WithCancel(ctx)
	socket, handlers, err := s.listen(work)
	if err != nil {
		cancel()
		d.close()
		return nil, errors.Join(err, x.Close())
	}
	var wait sync.WaitGroup
	wait.Go(func() { s.serve(socket) })
	release = func() error {
		cancel()
		err := socket.Close()
		handlers.Wait()
		wait.Wait()
		d.close()
		if closeErr := x.Close(); closeErr != nil {
			err = errors.Join(err, e.State.Fault(closeErr))
		}
		return err
	}
	return release, nil
}

// listen takes the control socket. What requests begin ends with ctx.
func (s *Service) listen(ctx context.Context) (*api.Server, *api.Handlers, error) {
	handlers := api.New(ctx, s, s.Version)
	s.handlers = handlers
	socket, err := api.Listen(ctx, s.State.Socket(), s.controls())
	return socket, handlers, err
}

// serve answers on the control socket until it is closed.
func (s *Service) serve(socket *api.Server) {
	if err := socket.Serve(); err != nil {
		s.Log.Error("control socket", "error", err)
	}
}

// WithIndex has do ask the process that owns the index: this one where none does.
func (e *Environment) WithIndex(ctx context.Context, do func(*api.Client) error) error {
	return retryWhileEnding(ctx, func() (again bool, err error) {
		owner := e.Owner()
		defer owner.Close()
		if err := do(owner); !errors.Is(err, api.ErrNoOwner) {
			return false, err
		}
		release, err := e.own(ctx)
		if err != nil {
			return busy(err), err
		}
		return false, errors.Join(do(owner), release())
	})
}

// busy reports whether another process has the index.
func busy(err error) bool { return errors.Is(err, index.ErrBusy) || errors.Is(err, api.ErrOwned) }

// endingTime is how long an owner of the index is waited for that may be about to end: of a process that was killed the kernel
// closes one file after the other, and that of its mount may come first.
const endingTime = 20 * time.Second

// retryWhileEnding repeats f as long as it asks for that, for endingTime at most.
func retryWhileEnding(ctx context.Context, f func() (again bool, err error)) error {
	ctx, cancel := context.WithTimeout(ctx, endingTime)
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

// RemoveIndex deletes the index, unless a process works with it.
func (e *Environment) RemoveIndex(ctx context.Context) error {
	r, err := e.Owner().Report(ctx, true)
	switch {
	case err == nil && r.Mountpoint == "":
		return exit.Hinted(fmt.Errorf("rebuild: %w: process %d works with it", index.ErrBusy, r.PID), "wait until it has ended")
	case err == nil:
		err = fmt.Errorf("rebuild: %w: process %d shows it at %s", index.ErrBusy, r.PID, r.Mountpoint)
		return exit.Hinted(err, "slotfs umount "+r.Mountpoint)
	}
	if !errors.Is(err, api.ErrNoOwner) {
		return err
	}
	if err := index.Remove(e.State.Index()); err != nil {
		return e.State.Fault(err)
	}
	return nil
}

// ForgetDestination removes what the index has of a destination.
func (e *Environment) ForgetDestination(ctx context.Context, name string) error {
	return e.WithIndex(ctx, func(x *api.Client) error { return x.Forget(ctx, name) })
}

// ReloadOwner tells the process that owns the index, if one does, that the configuration is another one.
func (e *Environment) ReloadOwner(ctx context.Context) error {
	err := e.Owner().Reload(ctx)
	if err == nil || errors.Is(err, api.ErrNoOwner) {
		return nil
	}
	return exit.Hinted(fmt.Errorf("the running mount does not know it yet: %w", err), "send it SIGHUP, or mount again")
}
