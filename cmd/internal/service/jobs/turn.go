package jobs

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/schedule"
	"slotfs/cmd/internal/state"
	"slotfs/cmd/internal/term"
	"slotfs/sftpdest/slot/queue"
)

// errWindow says that no further account begins.
var errWindow = errors.New("the destination's window is over, and the next run begins with what is left")

// turn is a job's right to run: no other process runs it, and its destination takes one more that writes.
type turn struct {
	locked *state.Lock   // nil: it is no run over all accounts
	ticket *queue.Ticket // nil: the destination has no queue
	waited time.Duration
	until  time.Time // no account begins later; zero: no end
}

// turn waits for the turn of a job. The error is what Run tells of a job that could not begin.
func (y *Sync) turn(ctx context.Context, j *config.Job, store Store) (*turn, error) {
	t := &turn{}
	if y.DryRun {
		return t, nil
	}
	if y.Account == "" {
		var err error
		if t.locked, err = y.State.LockJob(j.Destination, j.Name); err != nil {
			return nil, err
		}
	}
	began := time.Now()
	err := y.await(ctx, j, store, t)
	t.waited = time.Since(began)
	if err != nil {
		t.end(ctx)
		return nil, err
	}
	return t, nil
}

func (t *turn) end(ctx context.Context) {
	if t.ticket != nil {
		t.ticket.Leave(ctx)
	}
	if t.locked != nil {
		t.locked.Release()
	}
}

// await waits for the window, a random time, and other runs that write.
func (y *Sync) await(ctx context.Context, j *config.Job, store Store, t *turn) error {
	d := y.Config.Destinations[j.Destination]
	if y.Now {
		return nil
	}
	window, late := d.Open(), d.Jitter
	if y.Account != "" {
		return y.queue(ctx, j, store, t)
	}
	if late > 0 {
		late = rand.N(late)
	}
	for {
		var begins time.Time
		if !schedule.Await(ctx, time.Now, schedule.Opening{Window: window, Late: late}, func(next time.Time) {
			begins = next
			if opens := next.Add(-late); time.Until(opens) > 0 {
				y.Waiting(fmt.Sprintf("job %s: %s takes backups from %s on, in %s", j.Name, d.Name, opens.Format("15:04"), term.Duration(time.Until(opens))))
			}
		}) {
			return ctx.Err()
		}
		late = 0 // once
		t.until = window.Closes(begins)
		if err := y.queue(ctx, j, store, t); err != nil {
			return err
		}
		if t.until.IsZero() || time.Now().Before(t.until) {
			return nil
		}
		if t.ticket != nil { // the window ended meanwhile
			t.ticket.Leave(ctx)
			t.ticket = nil
		}
	}
}

// queue waits until few enough others write to the destination. Where it lets nobody queue the run goes on.
func (y *Sync) queue(ctx context.Context, j *config.Job, store Store, t *turn) error {
	d := y.Config.Destinations[j.Destination]
	if d.MaxWriters == 0 {
		return nil
	}
	ticket, err := queue.Enter(ctx, store, queue.Options{
		Run: fmt.Sprintf("%s-%d-%d", ticketName(y.host), time.Now().UnixNano(), os.Getpid()), Host: y.host, Writers: d.MaxWriters,
		Wait: d.Limit(), Log: y.Log,
		Waiting: func(ahead int) {
			y.Waiting(fmt.Sprintf("job %s: waits for %s at %s, where %d may write at once", j.Name, term.Count(int64(ahead), "other run", "other runs"), d.Name, d.MaxWriters))
		},
	})
	switch {
	case err == nil:
		t.ticket = ticket
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, queue.ErrTooLong):
		return exit.With(err, exit.Failed, "`--now` does not wait; see max-writers and max-wait of the destination")
	case unserved(err): // the run tells of it
	default:
		y.Warn(fmt.Sprintf("job %s: it does not wait for other runs: %v", j.Name, err), "")
	}
	return nil
}

// ticketName makes the name of a machine a part of the name of a file.
func ticketName(host string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, host)
	return name[:min(len(name), 64)]
}
