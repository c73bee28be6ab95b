package service

import (
	"context"
	"errors"
	"os"
	"time"

	"slotfs/cache/index"
	"slotfs/cmd/internal/service/alarm"
	"slotfs/cmd/internal/service/api"
	"slotfs/cmd/internal/service/metrics"
)

// Health is how an installation is.
type Health struct {
	Report *api.Report
	Facts  *alarm.Facts
	Found  *alarm.Report
}

// Health asks the owner of the index, or looks into the index itself; see Status. maxAge, if not 0, is how old the newest good
// backup of anything may be, whatever the configuration says.
func (e *Environment) Health(ctx context.Context, maxAge time.Duration) (*Health, error) {
	r, seen, err := e.ask(ctx)
	if err != nil {
		return nil, err
	}
	return e.judge(r, seen, maxAge)
}

// judge adds what is wrong to a report.
func (e *Environment) judge(r *api.Report, seen alarm.Seen, maxAge time.Duration) (*Health, error) {
	c, err := e.Config()
	if err != nil {
		return nil, err
	}
	w := e.Watcher()
	f, err := w.Facts(c, seen)
	if err != nil {
		return nil, err
	}
	f.MaxAge = maxAge
	h := &Health{Report: r, Facts: f, Found: alarm.Find(f)}
	r.Wrong = h.Found.Wrong()
	r.Notifiers, err = w.Notifiers(c)
	return h, err
}

// ask asks for a report and for what the process that has the index sees, where that can be.
func (e *Environment) ask(ctx context.Context) (r *api.Report, seen alarm.Seen, err error) {
	if err := e.State.Make(); err != nil {
		return nil, seen, err
	}
	if _, err := os.Stat(e.State.Index()); errors.Is(err, os.ErrNotExist) {
		r, err := e.withoutIndex(ctx, nil)
		return r, alarm.Seen{Holdings: map[string][]alarm.Account{}}, err
	}
	err = e.WithIndex(ctx, func(x *api.Client) (err error) {
		if r, err = x.Report(ctx, false); err != nil {
			return err
		}
		if seen, err = x.Seen(ctx); err != nil {
			e.Log.Debug("what the process with the index sees", "error", err)
			seen = alarm.Seen{} // that of an earlier version cannot tell
		}
		return nil
	})
	if busy(err) || errors.Is(err, index.ErrVersion) || errors.Is(err, index.ErrDamaged) {
		r, err = e.withoutIndex(context.WithoutCancel(ctx), err)
		return r, alarm.Seen{}, err
	}
	if err == nil && r.PID == os.Getpid() { // this process has had the index for the report alone
		r.PID, r.Since = 0, nil
	}
	return r, seen, err
}

// LookAfter has people told of what a command did, and shows it in metrics, unless a process that has the index does. The errors say
// what of that was not possible, each with its cure.
func (e *Environment) LookAfter(ctx context.Context) []error {
	c, err := e.Config()
	if err != nil || !overseen(c) {
		return nil
	}
	seen, err := e.Owner().Seen(ctx)
	if seen.Watching || ctx.Err() != nil {
		return nil
	}
	if err != nil && !errors.Is(err, api.ErrNoOwner) {
		e.Log.Debug("what the process with the index sees", "error", err)
	}
	w := e.Watcher()
	f, err := w.Facts(c, seen)
	if err != nil {
		return []error{err}
	}
	found := alarm.Find(f)
	failures := w.Tell(ctx, f, found, true)
	if c.Metrics.Textfile == "" {
		return failures
	}
	v := w.Values(f, found)
	v.Version = e.Version
	if err := metrics.Write(c.Metrics.Textfile, metrics.NewRegistry(func() *metrics.Values { return v }, nil)); err != nil {
		failures = append(failures, err)
	}
	return failures
}
