package fs

import (
	"errors"
	iofs "io/fs"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// Lookup finds a name. That there is none is an answer with node 0, which the kernel may keep, unlike ENOENT.
func (r *raw) Lookup(_ <-chan struct{}, header *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	r.activity.begin()
	defer r.activity.end()
	if len(name) > 255 {
		return fuse.Status(syscall.ENAMETOOLONG)
	}
	n, err := r.view.Lookup(r.ctx, header.NodeId, name)
	switch {
	case errors.Is(err, iofs.ErrNotExist):
		*out = fuse.EntryOut{}
		out.SetEntryTimeout(entryTTL)
		return fuse.OK
	case err != nil:
		return r.failed(header.NodeId, name, err)
	}
	fillEntry(&n, out)
	return fuse.OK
}

// Forget has nothing to forget.
func (r *raw) Forget(_, _ uint64) {}

// GetAttr tells attributes by id.
func (r *raw) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	n, err := r.view.Node(r.ctx, in.NodeId)
	if err != nil {
		return r.failed(in.NodeId, "", err)
	}
	fillAttr(&n, &out.Attr)
	out.SetTimeout(attrTimeout(&n))
	return fuse.OK
}

// Readlink tells the text of a link, raw.
func (r *raw) Readlink(_ <-chan struct{}, header *fuse.InHeader) ([]byte, fuse.Status) {
	n, err := r.view.Node(r.ctx, header.NodeId)
	if err != nil {
		return nil, r.failed(header.NodeId, "", err)
	}
	if n.Attr.Mode&syscall.S_IFMT != syscall.S_IFLNK {
		return nil, fuse.EINVAL
	}
	return []byte(n.Target), fuse.OK
}
