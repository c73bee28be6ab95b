// Package fleet asks the services of other machines how they are, all at once. It knows how they are reached, by OpenSSH or by HTTPS, and
// that a machine which does not answer delays no other one; what they tell is what package api has.
package fleet

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/service/api"
	"slotfs/cmd/internal/service/browse"
)

// Deadline is how long a machine may take to be reached and to tell how it is.
const Deadline = 5 * time.Second

// ErrSilent says that a machine did not answer in time.
var ErrSilent = errors.New("no answer in time")

// Status is how a machine is: Report, or why there is none.
type Status struct {
	Host   string
	Report *api.Report
	Err    error
}

// Ask asks all machines how they are. told is called as the answers come, one at a time.
func Ask(ctx context.Context, hosts []*config.FleetHost, told func(Status)) error {
	return each(ctx, hosts, func(ctx context.Context, h *config.FleetHost, lock sync.Locker) {
		s := Status{Host: h.Name}
		c, err := reach(ctx, h, &s)
		if err == nil {
			c.Close()
		}
		s.Err = err
		lock.Lock()
		defer lock.Unlock()
		told(s)
	})
}

// Find searches on all machines. found and ended are called one at a time; ended with how the search on a machine ended. An error of found
// ends the search on that machine.
func Find(ctx context.Context, hosts []*config.FleetHost, q browse.Query, found func(host string, m browse.Match) error, ended func(host string, err error)) error {
	return each(ctx, hosts, func(ctx context.Context, h *config.FleetHost, lock sync.Locker) {
		c, err := reach(ctx, h, &Status{})
		if err == nil {
			err = c.client.Find(ctx, q, func(m browse.Match) error {
				lock.Lock()
				defer lock.Unlock()
				return found(h.Name, m)
			})
			c.Close()
		}
		lock.Lock()
		defer lock.Unlock()
		ended(h.Name, err)
	})
}

// each does something for each machine, side by side. It returns ctx's error.
func each(ctx context.Context, hosts []*config.FleetHost, do func(context.Context, *config.FleetHost, sync.Locker)) error {
	var machines sync.WaitGroup
	var lock sync.Mutex
	for _, h := range hosts {
		machines.Go(func() { do(ctx, h, &lock) })
	}
	machines.Wait()
	return ctx.Err()
}

// connection is one to the service of another machine.
type connection struct {
	client *api.Client
	end    func()
}

// Close ends the connection.
func (c *connection) Close() {
	c.client.Close()
	c.end()
}

// reach connects to a machine and asks how it is, which shows that it answers.
func reach(ctx context.Context, h *config.FleetHost, s *Status) (*connection, error) {
	timely, cancel := context.WithTimeout(ctx, Deadline)
	defer cancel()
	c, err := open(timely, h)
	if err == nil {
		s.Report, err = c.client.Health(timely)
		if err != nil {
			c.Close()
		}
	}
	switch {
	case err == nil:
		return c, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case timely.Err() != nil:
		err = fmt.Errorf("%w: %v", ErrSilent, Deadline)
	}
	return nil, fmt.Errorf("fleet %s: %w", h.Name, err)
}
