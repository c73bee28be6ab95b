package export

import (
	"context"
	"io"
	"path"
	"strings"
	"unicode/utf8"

	"slotfs/indexer/archive/pax"
	"slotfs/indexer/backup"
	"slotfs/indexer/manifest"
)

// tarball writes the members of a tar archive.
type tarball struct {
	w    io.Writer
	left int64 // of the last block of the file in hand
}

var _ encoder = (*tarball)(nil)

func writeTar(ctx context.Context, w io.Writer, members Members, o Options) (Summary, error) {
	s, err := run(ctx, members, o, &tarball{w: w})
	if err == nil {
		_, err = w.Write(pax.End())
	}
	return s, err
}

// add implements encoder.
func (t *tarball) add(m *Member, links string) error {
	head, size := tarHead(m, links)
	t.left = -size & (pax.BlockSize - 1)
	_, err := t.w.Write(head)
	return err
}

// content implements encoder.
func (t *tarball) content(p []byte) error {
	_, err := t.w.Write(p)
	return err
}

// end implements encoder.
func (t *tarball) end() error {
	_, err := t.w.Write(make([]byte, t.left))
	return err
}

// tarHead is what stands before the content of a member, and how many bytes of content there are.
func tarHead(m *Member, links string) (head []byte, size int64) {
	from := &m.Entry
	e := &manifest.Entry{Path: m.Path, User: m.User, Group: m.Group}
	e.Name, e.Mode, e.UID, e.GID, e.Size, e.Target = path.Base(m.Path), from.Mode, from.UID, from.GID, from.Size, from.Target
	e.SetTime(from.MTime)
	more := map[string]string{}
	if links == "" {
		e.Xattrs = attributes(from.Xattrs, more)
	}
	if !utf8.ValidString(m.Path + from.Target + links) {
		more["hdrcharset"] = "BINARY" // or bsdtar does not take the name
	}
	switch {
	case links != "":
		e.Link = links
		return pax.Headers(e, 0, false, more), 0
	case !isRegular(m):
		return pax.Headers(e, 0, false, more), 0
	case from.Extents == nil:
		return pax.Headers(e, from.Size, false, more), from.Size
	}
	e.Sparse = from.Extents
	holes := pax.SparseMap(e)
	size = stored(from, Tar)
	return append(pax.Headers(e, int64(len(holes))+size, true, more), holes...), size
}

// attributes are the extended attributes that an archive has. Access control lists are added to its records: tar programs take them from
// nowhere else. What begins with security. is for the machine that it comes from.
func attributes(all []backup.Xattr, records map[string]string) (rest []backup.Xattr) {
	for _, x := range all {
		record := map[string]string{"system.posix_acl_access": "SCHILY.acl.access", "system.posix_acl_default": "SCHILY.acl.default"}[x.Name]
		switch {
		case record != "":
			text, ok := aclText(x.Value)
			if ok {
				records[record] = text
			}
		case !strings.HasPrefix(x.Name, "security."):
			rest = append(rest, x)
		}
	}
	return rest
}

// tarLength is how long a tar archive is.
func tarLength(ctx context.Context, members Members) (int64, error) {
	n := int64(len(pax.End()))
	first := names{}
	err := members(ctx, func(m *Member) error {
		if err := check(m); err != nil {
			return err
		}
		links := first.of(m)
		if Tar.holds(m) {
			head, size := tarHead(m, links)
			n += int64(len(head)) + size + -size&(pax.BlockSize-1)
		}
		return ctx.Err()
	})
	return n, err
}
