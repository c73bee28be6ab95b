package passes

import (
	"fmt"
	"strings"
	"time"

	"slotfs/cmd/internal/service/history"
)

// remember adds how a pass ended to the history.
func (r *Runner) remember(p *Record, concerns []string, err error) error {
	if r.History == nil {
		return nil
	}
	h := history.Record{Kind: history.Pass, Began: p.Began, Ended: p.Ended, Destination: p.Destination, Account: p.Account, Result: history.Complete}
	h.Seconds, h.Bytes = r.spent(p.Destination)
	if s := p.Summary; s != nil {
		h.Found, h.Read, h.Unreadable, h.Gone = s.Found, s.Read, s.Failed, s.Gone
		if n := len(s.Errors); n > 0 {
			h.Result, h.Warning = history.Partial, s.Errors[0]
			if n > 1 {
				h.Warning += fmt.Sprintf("; and %d more", n-1)
			}
		}
	}
	h.Concerns = strings.ToValidUTF8(strings.Join(concerns, "; "), "?")
	h.Fail(err, p.Code)
	return r.History.Add(h)
}

// planned keeps how much a pass is going to read.
func (r *Runner) planned(name string, bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.running[name]; p != nil {
		p.bytes = bytes
	}
}

// spent is how long the pass over a destination has been going on, and how much it had to read.
func (r *Runner) spent(name string) (seconds float64, bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.running[name]
	if p == nil {
		return 0, 0
	}
	return time.Since(p.began).Seconds(), p.bytes
}
