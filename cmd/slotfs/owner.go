package main

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"slotfs/cache/index"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/progress"
	"slotfs/cmd/internal/schedule"
	"slotfs/cmd/internal/service/api"
	"slotfs/cmd/internal/service/browse"
	"slotfs/cmd/internal/service/passes"
	"slotfs/fs"
	"slotfs/fs/view"
	"slotfs/indexer/backup"
)

// owner is the process that has the index: it makes passes and answers on the control socket. That of a mount runs the
// schedules too.
type owner struct {
	*settings
	index     *index.Index
	remotes   *remotes
	runner    *passes.Runner
	scheduler *passes.Scheduler
	mounts    mounts // none of a command that only works with the index
	alone     loneView
	since     time.Time
	changed   chan struct{} // the catalog is another one

	mu sync.Mutex
	// mu guards what follows.
	work context.Context // what schedules end with; nil before the mount stands
}

var _ api.Owner = (*owner)(nil)

// newOwner wires an owner up. It mounts nothing yet.
func newOwner(s *settings, x *index.Index, r *remotes) *owner {
	o := &owner{settings: s, index: x, remotes: r, since: time.Now(), changed: make(chan struct{}, 1)}
	o.runner = &passes.Runner{Index: x, Targets: r, Dir: s.state.Passes(), Log: s.log, Now: time.Now, Changed: o.wake}
	o.scheduler = &passes.Scheduler{Runner: o.runner, Log: s.log, Now: time.Now}
	return o
}

// wake has what is shown refreshed soon.
func (o *owner) wake() {
	o.alone.outdated()
	select {
	case o.changed <- struct{}{}:
	default:
	}
}

// refreshPause is the least time between two refreshes: each one reads the whole catalog.
const refreshPause = time.Second

// refresh shows what changed until ctx ends.
func (o *owner) refresh(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-o.changed:
		}
		if err := o.mounts.refresh(ctx); err != nil && ctx.Err() == nil {
			o.log.Error("refresh", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(refreshPause):
		}
	}
}

// Index makes passes and shows what they found before it returns.
func (o *owner) Index(ctx context.Context, q passes.Request, emit func(progress.Event)) error {
	if err := o.Reload(ctx); err != nil {
		return err
	}
	if _, err := destinationsNamed(o.remotes.current(), q.Destinations); err != nil {
		return err
	}
	var last *progress.Event
	err := o.runner.Run(ctx, q, func(e progress.Event) {
		// The last word is spoken when the mount shows what was found.
		if last != nil {
			emit(*last)
			last = nil
		}
		if e.Kind == progress.Finished {
			last = &e
			return
		}
		emit(e)
	})
	if refreshErr := o.mounts.refresh(context.WithoutCancel(ctx)); refreshErr != nil {
		o.log.Error("refresh", "error", refreshErr)
	}
	o.mounts.await(ctx)
	if last != nil {
		emit(*last)
	}
	return err
}

// Report tells what `slotfs status` shows.
func (o *owner) Report(ctx context.Context, brief bool) (any, error) {
	r := o.emptyReport()
	if !brief {
		var err error
		if r, err = o.report(ctx, o.remotes.current(), o.index); err != nil {
			return nil, err
		}
	}
	r.PID, r.Since, r.Cache, r.Passes = os.Getpid(), &o.since, o.remotes.cacheReport(), o.runner.Passes()
	if m := o.mounts.now(); m != nil {
		r.Mountpoint = m.Mountpoint()
	}
	for i := range r.Destinations {
		d := &r.Destinations[i]
		d.Running = o.runner.Running(d.Name)
		if due, ok := o.scheduler.Due(d.Name); ok {
			d.NextPass = &due
		}
	}
	return r, nil
}

// Find looks for names in all snapshots.
func (o *owner) Find(ctx context.Context, q browse.Query, yield func(browse.Match) error) error {
	v, err := o.view(ctx)
	if err != nil {
		return err
	}
	return (&browse.Search{View: v, Query: q, Yield: yield, Replaced: o.replaced}).Run(ctx)
}

// replaced reports whether the index has another snapshot in the place of s, or none.
func (o *owner) replaced(ctx context.Context, s *backup.Snapshot) bool {
	now, err := o.index.Snapshot(ctx, s.Destination, s.Key())
	return errors.Is(err, iofs.ErrNotExist) || err == nil && (now.Serial != s.Serial || now.Root.Child != s.Root.Child)
}

// view is what is shown, by the mount if there is one.
func (o *owner) view(ctx context.Context) (*view.View, error) {
	if m := o.mounts.now(); m != nil {
		return m.View(), nil
	}
	return o.alone.get(ctx, o)
}

// Tree is what is shown, for those who ask over the socket.
func (o *owner) Tree(ctx context.Context) (browse.Tree, error) {
	v, err := o.view(ctx)
	if err != nil {
		return nil, err
	}
	return &browse.Local{View: v, Content: o.content}, nil
}

// Reload reads the configuration again.
func (o *owner) Reload(ctx context.Context) error {
	c, err := o.config()
	if err != nil {
		return err
	}
	before := o.remotes.current()
	o.remotes.reload(c)
	if equalConfigs(before, c) {
		return nil
	}
	o.alone.outdated()
	o.setSchedules()
	return o.mounts.refresh(ctx)
}

// Forget removes what the index knows of a destination.
func (o *owner) Forget(ctx context.Context, name string) error {
	if o.runner.Running(name) != nil {
		return exit.With(fmt.Errorf("forget %s: %w", name, passes.ErrRunning), exit.Busy, "wait for it, or interrupt it")
	}
	if err := forgetSnapshots(ctx, o.index, name); err != nil {
		return err
	}
	o.alone.outdated()
	if err := o.mounts.refresh(ctx); err != nil {
		o.log.Error("refresh", "error", err)
	}
	return nil
}

// schedules are those of the configuration.
func (o *owner) schedules() map[string]schedule.Schedule {
	all := map[string]schedule.Schedule{}
	for name, d := range o.remotes.current().Destinations {
		if d.Reindex == "" {
			continue
		}
		when, err := schedule.Parse(d.Reindex)
		if err != nil { // it was checked when the file was read
			o.log.Error("schedule", "destination", name, "error", err)
			continue
		}
		all[name] = when
	}
	return all
}

// content reads a destination for the mount; nil if it is not configured any more.
func (o *owner) content(name string) fs.Content {
	if o.remotes.current().Destinations[name] == nil {
		return nil
	}
	return shownContent{o.remotes, name}
}

// lastPass is what status.json says of a destination.
func (o *owner) lastPass(name string) any {
	r, err := passes.Last(o.state.Passes(), name)
	if err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			o.log.Log(context.Background(), slog.LevelWarn, "last pass", "destination", name, "error", err)
		}
		return nil
	}
	return r
}
