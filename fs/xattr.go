package fs

import (
	"github.com/hanwen/go-fuse/v2/fuse"
)

// GetXAttr tells the value of one extended attribute, or its size to an empty dest.
func (r *raw) GetXAttr(_ <-chan struct{}, header *fuse.InHeader, attr string, dest []byte) (uint32, fuse.Status) {
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
