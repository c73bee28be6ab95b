package api

import (
	"fmt"
	iofs "io/fs"
	"time"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/destinations"
	"slotfs/sftpdest/probe"
)

// Test says how a destination is tested.
type Test struct {
	Write   *bool   `json:"write,omitempty"`   // measure writing too; nothing: with destinations that jobs write to
	Seconds float64 `json:"seconds,omitempty"` // that each rate is measured for; nothing: 3
}

// longestTest bounds the time that a rate is measured for.
const longestTest = time.Minute

func (h *Handlers) testDestination(c *Call, p nameParams, q Test) (*destinations.Report, error) {
	conf, err := h.service.Config()
	if err != nil {
		return nil, err
	}
	d := conf.Destinations[p.Name]
	if d == nil {
		return nil, fmt.Errorf("destination %s: not in the configuration: %w", p.Name, iofs.ErrNotExist)
	}
	may := probe.Options{Write: destinations.WritesInTest(d), Time: time.Duration(q.Seconds * float64(time.Second))}
	if q.Write != nil {
		may.Write = *q.Write
	}
	if q.Seconds < 0 || q.Seconds > longestTest.Seconds() {
		return nil, exit.Usagef("seconds %v: want more than nothing and at most %v", q.Seconds, longestTest)
	}
	r, err := destinations.Test(c.Context, h.service, d, may)
	if err != nil {
		return nil, err
	}
	return r, nil
}
