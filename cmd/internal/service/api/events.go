package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"slotfs/cmd/internal/progress"
	"slotfs/cmd/internal/service/live"
	"slotfs/cmd/internal/service/restores"
)

// Event is something that goes on in the service. It has one of its keys.
type Event struct {
	Pass    *progress.Event `json:"pass,omitempty"`
	Restore *restores.State `json:"restore,omitempty"`
	Live    *live.State     `json:"live,omitempty"`
}

// hub hands events to everybody who follows them.
type hub struct {
	mu sync.Mutex
	// mu guards what follows.
	followers map[chan Event]bool
}

func newHub() *hub { return &hub{followers: map[chan Event]bool{}} }

// backlog is how many events a follower may be behind: of what he misses then the next ones tell.
const backlog = 256

func (h *hub) follow() (events chan Event, leave func()) {
	c := make(chan Event, backlog)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.followers[c] = true
	return c, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.followers, c)
	}
}

func (h *hub) publish(e Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.followers {
		select {
		case c <- e:
		default:
		}
	}
}

// keepAlive is how often a stream of events says that it is there: proxies close connections that are silent.
const keepAlive = 20 * time.Second

// progress streams what goes on, as server-sent events named pass, restore and live.
func (h *Handlers) progress(c *Call, _ none) error {
	events, leave := h.events.follow()
	defer leave()
	c.w.Header().Set("Content-Type", contentEvents)
	c.w.Header().Set("Cache-Control", "no-store")
	flush := http.NewResponseController(c.w)
	tick := time.NewTicker(keepAlive)
	defer tick.Stop()
	fmt.Fprint(c.w, ": slotfs\n\n")
	for {
		if flush.Flush() != nil {
			return nil // who listened is gone
		}
		select {
		case e := <-events:
			writeEvent(c.w, e)
		case <-tick.C:
			fmt.Fprint(c.w, ":\n\n")
		case <-c.Context.Done():
			return nil
		case <-h.work.Done():
			return nil
		}
	}
}

// writeEvent writes one event. What it has is JSON in one line.
func writeEvent(w http.ResponseWriter, e Event) {
	name, v := "pass", any(e.Pass)
	switch {
	case e.Restore != nil:
		name, v = "restore", e.Restore
	case e.Live != nil:
		name, v = "live", e.Live
	}
	data, err := json.Marshal(v)
	if err == nil {
		fmt.Fprintf(w, "event: %s\ndata: %s\n\n", name, data)
	}
}
