package sftpserver

import (
	"net/netip"
	"time"

	"slotfs/cmd/internal/login"
)

// doors counts the connections of each address and the passwords that were wrong.
type doors struct {
	failures login.Throttle
	crowd    login.Crowd[netip.Prefix]
}

func newDoors(l Limits, now func() time.Time) *doors {
	return &doors{crowd: login.Crowd[netip.Prefix]{Most: l.Connections, Each: l.PerAddress},
		failures: login.Throttle{Failures: l.Failures, Interval: l.FailureInterval, Now: now}}
}

// enter counts a connection, unless there are too many or too many of its log-ins failed.
func (d *doors) enter(from netip.Prefix) bool {
	if !d.failures.May(from) {
		return false
	}
	return d.crowd.Enter(from)
}

func (d *doors) leave(from netip.Prefix) { d.crowd.Leave(from) }

// failed notes a wrong password, and reports whether the next one may be tried.
func (d *doors) failed(from netip.Prefix) bool {
	d.failures.Failed(from)
	return d.failures.May(from)
}
