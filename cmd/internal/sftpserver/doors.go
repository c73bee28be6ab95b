package sftpserver

import (
	"net/netip"
	"sync"
	"time"

	"slotfs/cmd/internal/login"
)

// doors counts the connections of each address and the passwords that were wrong.
type doors struct {
	limits   Limits
	failures login.Throttle

	mu sync.Mutex
	// mu guards what follows.
	open int
	from map[netip.Prefix]int
}

func newDoors(l Limits, now func() time.Time) *doors {
	return &doors{limits: l, from: make(map[netip.Prefix]int),
		failures: login.Throttle{Failures: l.Failures, Interval: l.FailureInterval, Now: now}}
}

// enter counts a connection, unless there are too many or too many of its log-ins failed.
func (d *doors) enter(from netip.Prefix) bool {
	if !d.failures.May(from) {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open >= d.limits.Connections || d.from[from] >= d.limits.PerAddress {
		return false
	}
	d.open++
	d.from[from]++
	return true
}

func (d *doors) leave(from netip.Prefix) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open--
	d.from[from]--
	if d.from[from] == 0 {
		delete(d.from, from)
	}
}

// failed notes a wrong password, and reports whether the next one may be tried.
func (d *doors) failed(from netip.Prefix) bool {
	d.failures.Failed(from)
	return d.failures.May(from)
}
