package jobs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"time"

	exitcode "slotfs/cmd/internal/exit"
)

// Launch is a run that somebody asked a service for.
type Launch struct {
	Began time.Time  `json:"began"`
	Ended *time.Time `json:"ended,omitempty"`
	Error string     `json:"error,omitempty"` // what the run said last, where it did not end well
	Code  int        `json:"code"`            // exit code of the run, at the end
}

// Launches runs jobs in processes of their own, each job once at a time: a run may need other rights than the service has, and
// must not take its memory.
type Launches struct {
	// Command is a command of this program that ends with ctx.
	Command func(ctx context.Context, args ...string) (*exec.Cmd, error)

	wait sync.WaitGroup
	mu   sync.Mutex
	// mu guards what follows.
	runs map[string]*Launch
}

// ErrRuns says that a job runs.
var ErrRuns = errors.New("the job runs")

// Start begins a run of a job that ends with ctx.
func (l *Launches) Start(ctx context.Context, job string) (Launch, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r := l.runs[job]; r != nil && r.Ended == nil {
		return Launch{}, exitcode.With(fmt.Errorf("job %s: %w", job, ErrRuns), exitcode.Busy, "wait until it has ended")
	}
	cmd, err := l.Command(ctx, "sync", "--quiet", "--now", "--", job)
	if err != nil {
		return Launch{}, fmt.Errorf("job %s: %w", job, err)
	}
	said := &tail{}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		return Launch{}, fmt.Errorf("job %s: %w", job, err)
	}
	r := &Launch{Began: time.Now()}
	if l.runs == nil {
		l.runs = map[string]*Launch{}
	}
	l.runs[job] = r
	l.wait.Go(func() {
		err := cmd.Wait()
		l.mu.Lock()
		defer l.mu.Unlock()
		now := time.Now()
		r.Ended, r.Code = &now, cmd.ProcessState.ExitCode()
		if err != nil {
			r.Error = strings.TrimSpace(strings.ToValidUTF8(said.String(), "�"))
		}
	})
	return *r, nil
}

// Of is the last run of a job; nil: none was asked for.
func (l *Launches) Of(job string) *Launch {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.runs[job]
	if r == nil {
		return nil
	}
	out := *r
	return &out
}

// Wait returns when no run is left. Their contexts end them.
func (l *Launches) Wait() { l.wait.Wait() }

// maxTail is how much is kept of what a run says.
const maxTail = 4 << 10

// tail keeps the end of what is written to it.
type tail struct{ bytes.Buffer }

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.Buffer.Write(p)
	t.Next(max(0, t.Len()-maxTail))
	return len(p), nil
}
