package main

import (
	"context"
	"sync"
	"time"

	"slotfs/fs"
)

const (
	// withheldMost is how long a pass waits for what it found to be shown where the mount has to be replaced for that.
	withheldMost = 15 * time.Second
	// quietLeast is how long nobody may have used a mount that is replaced: who copies from it would meet an empty folder.
	quietLeast = time.Second
	// busyMost is after what time it is replaced although somebody uses it: what somebody opens in that millisecond is not there.
	busyMost = 10 * time.Minute
)

// mounts is the mount, and those that it took the place of and that somebody still has something open in.
type mounts struct {
	mount func() (*fs.Server, error)
	gone  chan struct{} // closed when the mount is gone and was not replaced
	used  sync.WaitGroup

	replacing sync.Mutex // held while one takes the place of another, and at the end

	mu sync.Mutex
	// mu guards what follows.
	server   *fs.Server
	replaced chan struct{} // closed when another one takes its place
	asked    time.Time     // when it was to be replaced first; zero: it is not to be
	ended    bool
	err      error
}

// begin mounts.
func (m *mounts) begin(mount func() (*fs.Server, error)) error {
	m.mount, m.gone = mount, make(chan struct{})
	s, err := mount()
	if err == nil {
		m.take(s)
	}
	return err
}

// take makes s the mount.
func (m *mounts) take(s *fs.Server) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.replaced != nil {
		close(m.replaced)
	}
	m.server, m.replaced, m.asked = s, make(chan struct{}), time.Time{}
	m.used.Go(func() {
		s.Wait()
		m.replacing.Lock()
		defer m.replacing.Unlock()
		if m.now() == s {
			close(m.gone)
		}
	})
}

// now is the mount as it is.
func (m *mounts) now() *fs.Server {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.server
}

// due reports whether the mount is to be replaced now, and whether nobody asked for that before.
func (m *mounts) due() (now, first bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if first = m.asked.IsZero(); first {
		m.asked = time.Now()
	}
	return m.server.Quiet() >= quietLeast || time.Since(m.asked) > busyMost, first
}

// replace mounts anew in the place of the mount, which serves on who has something open in it. An error is the end: then
// nothing is mounted.
func (m *mounts) replace() error {
	m.replacing.Lock()
	defer m.replacing.Unlock()
	old := m.now()
	if m.ended || !old.Withholds() {
		return nil
	}
	if err := old.Unmount(); err != nil {
		return err
	}
	s, err := m.mount()
	if err != nil {
		m.err = err
		return err
	}
	m.take(s)
	return nil
}

// await returns when the mount was replaced, or after a while.
func (m *mounts) await(ctx context.Context, most time.Duration) {
	m.mu.Lock()
	replaced := m.replaced
	m.mu.Unlock()
	late := time.NewTimer(most)
	defer late.Stop()
	select {
	case <-replaced:
	case <-late.C:
	case <-ctx.Done():
	}
}

// end takes the mount away.
func (m *mounts) end() error {
	m.replacing.Lock()
	defer m.replacing.Unlock()
	m.ended = true
	return m.now().Unmount()
}

// wait returns when nobody has anything open any more, with why there is no mount if it could not be replaced.
func (m *mounts) wait() error {
	m.used.Wait()
	return m.err
}

// show refreshes the mount. One that cannot show everything is replaced, as soon as nobody uses it.
func (o *owner) show(ctx context.Context) error {
	s := o.mounts.now()
	if err := s.Refresh(ctx); err != nil || !s.Withholds() {
		return err
	}
	now, first := o.mounts.due()
	if first {
		o.log.Info("mounts anew as soon as nobody uses the mount, to show extended attributes", "mountpoint", s.Mountpoint())
	}
	if !now {
		time.AfterFunc(refreshPause, o.wake)
		return nil
	}
	return o.mounts.replace()
}
