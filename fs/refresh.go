package fs

import (
	"context"
	"fmt"

	"github.com/hanwen/go-fuse/v2/fuse"

	"slotfs/fs/view"
)

// Refresh reads the catalog again and tells the kernel what changed, so that new snapshots appear at once although it
// may keep names and listings for hours. Call it after every pass, never from a request of the mount itself.
func (m *Server) Refresh(ctx context.Context) error {
	m.refreshing.Lock()
	defer m.refreshing.Unlock()
	changes, err := m.raw.load(ctx)
	if err != nil {
		return fmt.Errorf("refresh %s: %w", m.mountpoint, err)
	}
	m.notify(changes)
	return nil
}

// notify tells the kernel what to forget. It waits for look-ups in the directories concerned, so no lock may be held that
// those need. That the kernel does not know a node is no failure.
func (m *Server) notify(c view.Changes) {
	for _, n := range c.Names {
		if n.Gone != 0 {
			m.told(m.server.DeleteNotify(n.Parent, n.Gone, n.Name), n.Name)
		}
		m.told(m.server.EntryNotify(n.Parent, n.Name), n.Name)
	}
	for _, id := range c.Nodes {
		m.told(m.server.InodeNotify(id, 0, 0), "")
	}
}

func (m *Server) told(status fuse.Status, name string) {
	switch status {
	case fuse.OK, fuse.ENOENT, fuse.EBUSY:
		return
	}
	m.raw.c.Log.Debug("notify kernel", "name", name, "status", status.String())
}
