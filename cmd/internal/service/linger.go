package service

import (
	"log/slog"
	"time"
)

const (
	// unusedTime is how long what is open must not have been used for a process that was told to end not to wait for it.
	unusedTime = 10 * time.Second
	// maxLinger is how long such a process waits at most. systemd kills it after TimeoutStopSec, which is longer.
	maxLinger = 90 * time.Second
)

// linger returns when nobody has anything open any more, when nobody has used what he has open for unusedTime, or after maxLinger.
// It is for a process that was told to end, with a shell somewhere that stands in the mount, or a copy that is under way.
func (m *mounts) linger(log *slog.Logger, tell func(string)) error {
	left := make(chan error, 1)
	go func() { left <- m.wait() }()
	select {
	case err := <-left:
		return err
	case <-time.After(time.Second / 4): // the kernel tells of the last file that was closed a little later
	}
	tell(statusLine("unmounted; serves those who have files open until they have not used them for " + unusedTime.String()))
	late := time.NewTimer(maxLinger)
	defer late.Stop()
	check := time.NewTicker(unusedTime / 10)
	defer check.Stop()
	for {
		select {
		case err := <-left:
			return err
		case <-late.C:
			return m.abandon(log)
		case <-check.C:
			if m.unused(unusedTime) {
				return m.abandon(log)
			}
		}
	}
}

// unused reports whether nobody has used what is open for a time.
func (m *mounts) unused(limit time.Duration) bool {
	for _, s := range m.inUse() {
		if s.IdleFor() < limit {
			return false
		}
	}
	return true
}

// abandon gives up those who have something open.
func (m *mounts) abandon(log *slog.Logger) error {
	for _, s := range m.inUse() {
		log.Warn("ends while somebody has files open", "mountpoint", s.Mountpoint())
		s.Abandon()
	}
	m.replacing.Lock()
	defer m.replacing.Unlock()
	return m.err
}
