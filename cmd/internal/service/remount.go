package service

import (
	"context"
	"slices"
	"sync"
	"time"

	"slotfs/fs"
)

const (
	// maxAwait is how long a pass waits for the mount to be replaced where only that shows what the pass found.
	maxAwait = 15 * time.Second
	// minIdle is how long nobody may have used a mount that is replaced: who copies from it would meet an empty directory.
	minIdle = time.Second
	// maxDefer is how long replacing a mount in use is put off. An open() during the switch may fail with ENOENT.
	maxDefer = 10 * time.Minute
)

// mounts is the mount, and those that it took the place of and that somebody still has something open in.
type mounts struct {
	mount func() (*fs.Server, error)
	asked chan struct{} // has one when the mount is to be replaced
	gone  chan struct{} // closed when the mount is gone and was not replaced
	used  sync.WaitGroup

	replacing sync.Mutex // held while one takes the place of another, and at the end
	// replacing guards what follows.
	ended bool
	err   error

	mu sync.Mutex
	// mu guards what follows.
	server   *fs.Server
	serving  []*fs.Server  // it, and those that somebody has something open in
	replaced chan struct{} // closed when another one takes its place
}

// begin mounts.
func (m *mounts) begin(mount func() (*fs.Server, error)) error {
	m.mount, m.asked, m.gone = mount, make(chan struct{}, 1), make(chan struct{})
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
	m.server, m.replaced = s, make(chan struct{})
	m.serving = append(m.serving, s)
	m.used.Go(func() {
		s.Wait()
		m.left(s)
		m.replacing.Lock()
		defer m.replacing.Unlock()
		if m.now() == s {
			close(m.gone)
		}
	})
}

// left says that nobody has anything open in s any more.
func (m *mounts) left(s *fs.Server) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.serving = slices.DeleteFunc(m.serving, func(other *fs.Server) bool { return other == s })
}

// inUse are the mount and those before it that somebody has something open in.
func (m *mounts) inUse() []*fs.Server {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.serving)
}

// now is the mount as it is; nil where nothing is mounted.
func (m *mounts) now() *fs.Server {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.server
}

// refresh shows what the catalog has, as far as the mount can. It asks for another one where it cannot.
func (m *mounts) refresh(ctx context.Context) error {
	s := m.now()
	if s == nil {
		return nil
	}
	err := s.Refresh(ctx)
	if s.Withholds() {
		select {
		case m.asked <- struct{}{}:
		default:
		}
	}
	return err
}

// await returns when the mount withholds nothing, or after a while.
func (m *mounts) await(ctx context.Context) {
	m.mu.Lock()
	s, replaced := m.server, m.replaced
	m.mu.Unlock()
	if s == nil || !s.Withholds() {
		return
	}
	late := time.NewTimer(maxAwait)
	defer late.Stop()
	select {
	case <-replaced:
	case <-late.C:
	case <-ctx.Done():
	}
}

// awaitIdle returns when nobody uses the mount, or after maxDefer; false: ctx ended.
func (m *mounts) awaitIdle(ctx context.Context) bool {
	late := time.NewTimer(maxDefer)
	defer late.Stop()
	check := time.NewTicker(minIdle / 4)
	defer check.Stop()
	for m.now().IdleFor() < minIdle {
		select {
		case <-check.C:
		case <-late.C:
			return true
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// replace mounts anew in the place of a mount that withholds something. That one serves on who has something open in it. If
// mounting fails nothing is mounted, and that is the end.
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

// remount replaces the mount when that is asked for and nobody uses it, until ctx ends.
func (s *Service) remount(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.mounts.asked:
		}
		m := s.mounts.now()
		if !m.Withholds() {
			continue
		}
		s.Log.Info("mounts anew as soon as nobody uses the mount, to show extended attributes", "mountpoint", m.Mountpoint())
		if !s.mounts.awaitIdle(ctx) {
			return
		}
		if err := s.mounts.replace(); err != nil {
			s.Log.Error("mount anew", "error", err)
		}
	}
}
