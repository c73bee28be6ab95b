package jobs

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/alarm/send"
	"slotfs/cmd/internal/service/history"
	"slotfs/cmd/internal/term"
)

// pinging tells a watching service of a run.
type pinging struct {
	*Sync
	job     *config.Job
	started chan error // nil: nobody is told
}

// startPing tells that a run begins. The run does not wait for that.
func (y *Sync) startPing(ctx context.Context, j *config.Job) *pinging {
	p := &pinging{Sync: y, job: j}
	if j.Ping == "" {
		return p
	}
	p.started = make(chan error, 1)
	go func() { p.started <- send.Ping(ctx, j.Ping, send.Start, "") }()
	return p
}

// lastPing bounds telling of a run that was interrupted.
const lastPing = 10 * time.Second

// end tells how the run ended. What cannot be told is a line for people, and no more.
func (p *pinging) end(ctx context.Context, r *history.Record, results []Result) {
	if p.started == nil {
		return
	}
	if r.Result == history.Busy {
		_ = <-p.started
		return // the run that goes on tells
	}
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), lastPing)
		defer cancel()
	}
	p.complain(<-p.started)
	signal, text := runSignal(r, results)
	p.complain(send.Ping(ctx, p.job.Ping, signal, text))
}

// runSignal is what is told of a run, and more of it for people.
func runSignal(r *history.Record, results []Result) (send.Signal, string) {
	accounts, failed, lines := 0, 0, ""
	for i := range results {
		a := &results[i]
		if a.Account != "" {
			accounts++
		}
		if a.Account != "" && a.Error != "" {
			failed++
		}
		if why := cmp.Or(a.Error, a.Warning); why != "" {
			lines += "\n" + term.Clean(a.Subject()+": "+strings.TrimPrefix(why, a.Subject()+": "))
		}
	}
	if r.Error != "" {
		lines += "\n" + term.Clean(r.Error)
	}
	text := fmt.Sprintf("%s: %d of %s failed", r.Object(), failed, term.Count(int64(accounts), "account", "accounts")) + lines
	if failed > 0 || !r.Good() {
		return send.Fail, text
	}
	return send.Success, text
}

func (p *pinging) complain(err error) {
	if err != nil {
		p.Warn(fmt.Sprintf("job %s: %v", p.job.Name, err), exit.Hint(err))
	}
}
