package alarm

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/alarm/send"
)

// Desk tells people what is wrong, and when it is good again.
type Desk struct {
	Dir    string // where is kept what was told
	Host   string // this machine, for people
	Config *config.Config
	// Sender makes what delivers for a notifier.
	Sender func(*config.Notify) (send.Sender, error)
	Now    func() time.Time
	// Last says that nobody tells soon again: neither min-interval nor a delivery that failed a moment ago is a reason to wait.
	Last bool

	timeout time.Duration // of a delivery; 0: send.Timeout
}

const (
	// lockPatience is how long another process that is telling people is waited for.
	lockPatience = 2 * time.Minute
	// firstRetry and lastRetry bound the time to the next try of a delivery that failed; it doubles from one to the other.
	firstRetry = time.Minute
	lastRetry  = time.Hour
)

// Tell brings every notifier up to date with a report. It takes no longer than one delivery may, and waiting for another process
// that does the same. What cannot be delivered is kept and tried again; the errors say what that is, each with its cure.
func (d *Desk) Tell(ctx context.Context, r *Report) []error {
	if len(d.Config.Notify) == 0 {
		return nil
	}
	patient, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	release, err := lock(patient, d.Dir)
	if err != nil {
		return []error{err}
	}
	defer release()
	before, err := Load(d.Dir)
	if err != nil {
		return []error{err}
	}
	after := &State{Notifiers: map[string]*Told{}}
	changed, failures := d.tellAll(ctx, before, after, r)
	if changed || len(before.Notifiers) != len(after.Notifiers) {
		failures = append(failures, after.save(d.Dir))
	}
	return slices.DeleteFunc(failures, func(err error) bool { return err == nil })
}

// tellAll brings the notifiers up to date, side by side. It reports whether what is kept changed.
func (d *Desk) tellAll(ctx context.Context, before, after *State, r *Report) (bool, []error) {
	var wait sync.WaitGroup
	changed, failures := make([]bool, len(d.Config.Notify)), make([]error, len(d.Config.Notify))
	for i, name := range d.Config.NotifyNames() {
		told := before.Notifiers[name]
		if told == nil {
			told = &Told{}
		}
		after.Notifiers[name] = told
		wait.Go(func() { changed[i], failures[i] = d.tell(ctx, d.Config.Notify[name], told, r) })
	}
	wait.Wait()
	return slices.Contains(changed, true), failures
}

// tell brings one notifier up to date, and reports whether what is kept of it changed.
func (d *Desk) tell(ctx context.Context, n *config.Notify, told *Told, r *Report) (changed bool, err error) {
	now := d.Now()
	c := compare(n, told, r)
	missed := c.takeMissed(told)
	if c.empty() {
		if len(told.Tried) == 0 && told.Tries == 0 {
			return missed, nil
		}
		told.Tried, told.Tries, told.NextTry, told.Error, told.Hint = nil, 0, time.Time{}, "", ""
		return true, nil
	}
	if !d.Last && (told.waits(now) || now.Sub(told.LastSent) < n.MinInterval && !now.Before(told.LastSent)) {
		return missed, nil
	}
	err = d.deliver(ctx, n, c.message(d.Host))
	if ctx.Err() != nil {
		return missed, nil
	}
	if err != nil {
		told.Tries++
		told.NextTry = now.Add(min(lastRetry, firstRetry<<min(told.Tries-1, 10)))
		told.Error, told.Hint, told.Tried = err.Error(), exit.Hint(err), c.wrong
		return true, fmt.Errorf("notify %s: alarm not delivered: %w", n.Name, err)
	}
	*told = Told{Wrong: c.all, LastSent: now}
	return true, nil
}

// waits reports whether a delivery that failed is to be tried later. A time that is too far ahead is of a clock that was wrong.
func (t *Told) waits(now time.Time) bool {
	return now.Before(t.NextTry) && t.NextTry.Sub(now) <= lastRetry
}

// deliver tries once.
func (d *Desk) deliver(ctx context.Context, n *config.Notify, m send.Message) error {
	s, err := d.Sender(n)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(d.timeout, send.Timeout))
	defer cancel()
	return s.Send(ctx, m)
}

// Test delivers a message that says that it is a test.
func (d *Desk) Test(ctx context.Context, n *config.Notify) error {
	return d.deliver(ctx, n, send.Message{Subject: "slotfs on " + d.Host + ": a test",
		Text: "This is a test of the notifier " + n.Name + ". Alarms about the backups of " + d.Host + " come this way."})
}
