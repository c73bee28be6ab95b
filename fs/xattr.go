package fs

import (
	"slices"
	"sync"

	"github.com/hanwen/go-fuse/v2/fuse"

	"slotfs/indexer/backup"
)

// noXattrs keeps the kernel from asking for extended attributes where nothing has any. It asks three times for each file that
// cp -a copies and keeps no answer, which takes longer than all the rest; after one ENOSYS it never asks again. Who told it so
// cannot show anything that has some in this mount any more: a mount in its place can.
type noXattrs struct {
	mu sync.Mutex // guards what follows
	// none says that all of what is shown is known to have no extended attributes.
	none     bool
	told     bool // the kernel knows
	withheld bool // something is left out
}

// admit leaves out of a new catalog what the kernel would not ask about.
func (b *noXattrs) admit(snapshots []*backup.Snapshot) []*backup.Snapshot {
	b.mu.Lock()
	defer b.mu.Unlock()
	attributed := slices.ContainsFunc(snapshots, (*backup.Snapshot).Attributed)
	b.none = len(snapshots) > 0 && !attributed
	b.withheld = b.told && attributed
	if !b.withheld {
		return snapshots
	}
	return slices.DeleteFunc(slices.Clone(snapshots), (*backup.Snapshot).Attributed)
}

// tell reports whether the kernel is to know that there are none.
func (b *noXattrs) tell() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.told = b.told || b.none
	return b.told
}

// Withholds reports whether Refresh left out snapshots because the kernel does not ask this mount for extended attributes any
// more, and they have some. One that is mounted in its place shows them.
func (m *Server) Withholds() bool {
	b := &m.raw.noXattrs
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.withheld
}

// GetXAttr tells the value of one extended attribute, or its size to an empty dest.
func (r *raw) GetXAttr(_ <-chan struct{}, header *fuse.InHeader, attr string, dest []byte) (uint32, fuse.Status) {
	if r.noXattrs.tell() {
		return 0, fuse.ENOSYS
	}
	n, err := r.view.Node(r.ctx, header.NodeId)
	if err != nil {
		return 0, r.failed(header.NodeId, "", err)
	}
	for _, x := range n.Xattrs {
		if x.Name == attr {
			return answer(x.Value, dest)
		}
	}
	return 0, fuse.ENODATA
}

// ListXAttr tells the names of the extended attributes, each with a 0 after it.
func (r *raw) ListXAttr(_ <-chan struct{}, header *fuse.InHeader, dest []byte) (uint32, fuse.Status) {
	if r.noXattrs.tell() {
		return 0, fuse.ENOSYS
	}
	n, err := r.view.Node(r.ctx, header.NodeId)
	if err != nil {
		return 0, r.failed(header.NodeId, "", err)
	}
	var names []byte
	for _, x := range n.Xattrs {
		names = append(append(names, x.Name...), 0)
	}
	return answer(string(names), dest)
}

// answer copies a value if it fits. Without a dest only its size is asked for.
func answer(value string, dest []byte) (uint32, fuse.Status) {
	if len(dest) < len(value) {
		return uint32(len(value)), fuse.ERANGE
	}
	return uint32(copy(dest, value)), fuse.OK
}
