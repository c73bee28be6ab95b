package sftpdest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/wire"
)

// syncCost is what an fsync counts as: the server answers nothing else in that session meanwhile, so that others
// better go elsewhere.
const syncCost = 128 << 10

// copySlice is how much one copy-data asks for: the server answers nothing else in that session meanwhile.
const copySlice = 16 << 20

var (
	_ dest.Linker      = (*Destination)(nil)
	_ dest.Symlinker   = (*Destination)(nil)
	_ dest.Copier      = (*Destination)(nil)
	_ dest.RangeCopier = (*Destination)(nil)
	_ dest.FileWriter  = (*Destination)(nil)
	_ dest.StatFS      = (*Destination)(nil)
)

func (s *session) offers(extension string) bool {
	_, can := s.extensions[extension]
	return can
}

// Link implements dest.Linker.
func (d *Destination) Link(ctx context.Context, from, to string) error {
	old, err := d.remote(from)
	if err != nil {
		return err
	}
	name, err := d.remote(to)
	if err != nil {
		return err
	}
	err = d.doOnce(ctx, func(s *session) error {
		if !s.offers(wire.HardLinkExtension) {
			return errors.ErrUnsupported
		}
		return s.order(ctx, func(b []byte, id uint32) []byte { return wire.AppendHardLink(b, id, old, name) })
	})
	if err != nil {
		return d.fail("link", to, d.explain(ctx, err, []string{old, above(name)}, []string{name}))
	}
	return nil
}

// Symlink implements dest.Symlinker. OpenSSH takes target and path in the other order than the draft, and most servers
// do as OpenSSH does.
func (d *Destination) Symlink(ctx context.Context, target, p string) error {
	name, err := d.remote(p)
	if err != nil {
		return err
	}
	err = d.doOnce(ctx, func(s *session) error {
		return s.order(ctx, func(b []byte, id uint32) []byte { return wire.AppendStrings(b, wire.SymLink, id, target, name) })
	})
	if err != nil {
		return d.taken(ctx, "make link", p, name, err)
	}
	return nil
}

// Space implements dest.StatFS.
func (d *Destination) Space(ctx context.Context, p string) (dest.Space, error) {
	v, err := d.volume(ctx, p)
	if err != nil {
		return dest.Space{}, d.fail("measure", p, err)
	}
	space := dest.Space{Bytes: math.MaxInt64, Files: -1}
	if v.Fragment == 0 || v.Available <= math.MaxInt64/v.Fragment {
		space.Bytes = int64(v.Available * v.Fragment)
	}
	// As df(1) counts: what is kept for root is nobody's.
	if usable := v.Blocks - v.Free + v.Available; v.Fragment != 0 && v.Free <= v.Blocks && usable <= math.MaxInt64/v.Fragment {
		space.Size = int64(usable * v.Fragment)
	}
	if v.Files > 0 { // btrfs and others have no fixed number
		space.Files = int64(min(v.FreeFiles, math.MaxInt64))
	}
	return space, nil
}

// volume asks for the file system at p.
func (d *Destination) volume(ctx context.Context, p string) (v wire.Volume, err error) {
	remote, err := d.remote(p)
	if err != nil {
		return v, err
	}
	err = d.do(ctx, func(s *session) error {
		if !s.offers(wire.StatVFSExtension) {
			return errors.ErrUnsupported
		}
		reply, err := s.wait(ctx, s.send(smallCost, func(b []byte, id uint32) []byte {
			return wire.AppendStrings(b, wire.Extended, id, wire.StatVFSExtension, remote)
		}), nil)
		if err != nil {
			return err
		}
		if reply.Type != wire.ExtReply {
			return unexpected(reply)
		}
		v, err = wire.VolumeOf(reply.Body)
		return err
	})
	return v, err
}

// openHandle opens path as flags say.
func (s *session) openHandle(ctx context.Context, path string, flags uint32, a wire.Attributes) (string, error) {
	return s.handleOf(ctx, s.sendOpen(path, flags, a))
}

func (s *session) sendOpen(path string, flags uint32, a wire.Attributes) *request {
	return s.send(smallCost, func(b []byte, id uint32) []byte { return wire.AppendOpen(b, id, path, flags, a) })
}

// handleOf waits for the reply to an open.
func (s *session) handleOf(ctx context.Context, r *request) (string, error) {
	reply, err := s.wait(ctx, r, s.closeLate)
	if err != nil {
		return "", err
	}
	if reply.Type != wire.Handle {
		return "", unexpected(reply)
	}
	return wire.HandleOf(reply.Body)
}

// statuses waits for requests that are answered by a status. It returns the error of the first one that has one.
func (s *session) statuses(ctx context.Context, flight []*request) error {
	var first error
	// Servers that answer in order, which are most, let the first wait be the only one.
	for i := len(flight) - 1; i >= 0; i-- {
		if ctx.Err() != nil {
			s.leave(flight[i], nil)
			continue
		}
		reply, err := s.wait(ctx, flight[i], nil)
		if err == nil {
			err = statusReply(reply)
		}
		if err != nil {
			first = err
		}
	}
	if first == nil && len(flight) > 0 {
		first = ctx.Err()
	}
	return first
}

// newFile are the flags of a file that is made to be written.
const newFile = wire.OpenWrite | wire.OpenCreate | wire.OpenExclude

// newMode are the permissions of a new file that gets the attributes a.
func newMode(a wire.Attributes) uint32 {
	if a.Flags&wire.HasMode != 0 {
		return a.Mode & 0o777
	}
	return 0o600
}

// finish queues what follows the content of a new file. Servers that work on requests of one session side by side
// could set times before they write; those that offer fsync (OpenSSH, ProFTPD) keep the order.
func (s *session) finish(flight []*request, handle string, a wire.Attributes, sync bool) (all []*request, attributes, synced bool) {
	ordered := s.offers(wire.FsyncExtension)
	if ordered && a.Flags != 0 {
		flight = append(flight, s.send(smallCost, func(b []byte, id uint32) []byte {
			return wire.AppendAttributes(b, wire.FSetStat, id, handle, a)
		}))
	}
	if ordered && sync {
		flight = append(flight, s.send(syncCost, func(b []byte, id uint32) []byte {
			return wire.AppendStrings(b, wire.Extended, id, wire.FsyncExtension, handle)
		}))
	}
	return append(flight, s.sendString(wire.Close, handle)), ordered || a.Flags == 0, ordered && sync
}

// setPath sets attributes of a path.
func (s *session) setPath(ctx context.Context, path string, a wire.Attributes) error {
	return s.order(ctx, func(b []byte, id uint32) []byte { return wire.AppendAttributes(b, wire.SetStat, id, path, a) })
}

// Put implements dest.FileWriter: two round trips where the server keeps the order of requests.
func (d *Destination) Put(ctx context.Context, p string, content []byte, set dest.Attributes, sync bool) (synced bool, err error) {
	remote, err := d.remote(p)
	if err != nil {
		return false, err
	}
	a, err := wireAttributes(set)
	if err != nil {
		return false, d.fail("put", p, err)
	}
	made := creation{remote: remote, permissions: newMode(a), fresh: true}
	err = d.create(ctx, made, func(made wire.Attributes) (opened bool, err error) {
		err = d.doHandle(ctx, opening{once: true}, func(s *session) error {
			handle, err := s.openHandle(ctx, remote, newFile, made)
			if opened = err == nil; opened {
				synced, err = s.put(ctx, handle, remote, content, a, sync)
			}
			return err
		})
		return opened, err
	})
	if err != nil {
		return false, d.fail("put", p, err)
	}
	return synced, nil
}

// put fills a new file, sets a, and closes it.
func (s *session) put(ctx context.Context, handle, remote string, content []byte, a wire.Attributes, sync bool) (synced bool, err error) {
	waiting := min(int64(len(content)), backlog(0))
	if err := s.small.Acquire(ctx, waiting); err != nil {
		s.close(handle)
		return false, err
	}
	defer s.small.Release(waiting)
	var flight []*request
	for off := 0; off < len(content); off += s.written {
		part := content[off:min(off+s.written, len(content))]
		flight = append(flight, s.send(int64(len(part)), func(b []byte, id uint32) []byte {
			return wire.AppendWrite(b, id, handle, int64(off), part)
		}))
	}
	flight, set, synced := s.finish(flight, handle, a, sync)
	if err := s.statuses(ctx, flight); err != nil || set {
		return synced, err
	}
	return synced, s.setPath(ctx, remote, a)
}

// Copy implements dest.Copier.
func (d *Destination) Copy(ctx context.Context, from, to string, size int64, set dest.Attributes, sync bool) (synced bool, err error) {
	return d.CopyRanges(ctx, from, to, size, []dest.Range{{Length: size}}, set, sync)
}

// CopyRanges implements dest.RangeCopier.
func (d *Destination) CopyRanges(ctx context.Context, from, to string, size int64, ranges []dest.Range, set dest.Attributes, sync bool) (synced bool, err error) {
	old, err := d.remote(from)
	if err != nil {
		return false, err
	}
	name, err := d.remote(to)
	if err != nil {
		return false, err
	}
	a, err := wireAttributes(set)
	if err != nil {
		return false, d.fail("copy", to, err)
	}
	made := creation{remote: name, permissions: newMode(a), fresh: true, there: []string{old}}
	err = d.create(ctx, made, func(made wire.Attributes) (opened bool, err error) {
		err = d.doHandle(ctx, opening{once: true}, func(s *session) error {
			if !s.offers(wire.CopyDataExtension) || s.room.Load() == 1 {
				return errors.ErrUnsupported
			}
			s.opened.Add(1) // it takes two
			defer d.pool.freeHandle(s)
			source, target, err := s.openPair(ctx, old, name, made)
			if opened = err == nil; opened {
				synced, err = s.copy(ctx, copying{source, target, name, size, ranges}, a, sync)
			}
			return err
		})
		return opened, err
	})
	if err != nil {
		return false, d.fail("copy", to, err)
	}
	return synced, nil
}

// openPair opens a file to be read, and a new one.
func (s *session) openPair(ctx context.Context, from, to string, made wire.Attributes) (source, target string, err error) {
	reading := s.sendOpen(from, wire.OpenRead, wire.Attributes{})
	writing := s.sendOpen(to, newFile, made)
	if source, err = s.handleOf(ctx, reading); err != nil {
		s.leave(writing, s.closeLate)
		return "", "", err
	}
	if target, err = s.handleOf(ctx, writing); err != nil {
		s.close(source)
	}
	return source, target, err
}

// copying is a copy between two handles. The target's path is to.
type copying struct {
	source, target, to string
	size               int64
	ranges             []dest.Range
}

// Requests of a copy that are in flight at once: more of small ones, so that many ranges do not take a round trip each.
const (
	copyFlight      = 64
	copyFlightBytes = 2 * copySlice
)

// copy copies between two handles, sets the attributes a of the target, and closes both.
func (s *session) copy(ctx context.Context, c copying, a wire.Attributes, sync bool) (bool, error) {
	defer s.close(c.source)
	flight, err := s.copyRanges(ctx, c)
	if err != nil {
		s.close(c.target)
		return false, err
	}
	target, to, size := c.target, c.to, c.size
	look := s.sendString(wire.Fstat, target)
	flight, attributes, synced := s.finish(flight, target, a, sync)
	if err := s.copied(ctx, flight, look, size); err != nil {
		return false, err
	}
	if !attributes {
		return synced, s.setPath(ctx, to, a)
	}
	return synced, nil
}

// copyRanges asks for all ranges, and returns the requests that are still in flight. A hole at the end is made by its last byte.
func (s *session) copyRanges(ctx context.Context, c copying) (flight []*request, err error) {
	var waiting []int64
	total, end := int64(0), int64(0)
	for _, r := range c.ranges {
		end = r.Offset + r.Length
		for off := r.Offset; off < end; off += copySlice {
			n := min(copySlice, end-off)
			flight = append(flight, s.send(n, func(b []byte, id uint32) []byte {
				return wire.AppendCopyData(b, id, c.source, c.target, off, n)
			}))
			waiting, total = append(waiting, n), total+n
			for len(flight) == copyFlight || len(flight) > 1 && total >= copyFlightBytes {
				if err := s.statuses(ctx, flight[:1]); err != nil {
					_ = s.statuses(ctx, flight[1:]) // the first one tells
					return nil, err
				}
				total -= waiting[0]
				flight, waiting = flight[1:], waiting[1:]
			}
		}
	}
	if end < c.size {
		// The length of the target would hide that the source is shorter.
		if err := s.measured(ctx, s.sendString(wire.Fstat, c.source), c.size); err != nil {
			_ = s.statuses(ctx, flight)
			return nil, err
		}
		flight = append(flight, s.send(smallCost, func(b []byte, id uint32) []byte {
			return wire.AppendWrite(b, id, c.target, c.size-1, []byte{0})
		}))
	}
	return flight, nil
}

// copied waits for the end of a copy and compares its length.
func (s *session) copied(ctx context.Context, flight []*request, look *request, size int64) error {
	if err := s.statuses(ctx, flight); err != nil {
		s.leave(look, nil)
		return err
	}
	return s.measured(ctx, look, size)
}

// measured waits for the answer to an Fstat, and compares the length that it tells.
func (s *session) measured(ctx context.Context, look *request, size int64) error {
	reply, err := s.wait(ctx, look, nil)
	if err != nil {
		return err
	}
	a, err := attributesOf(reply)
	if err == nil && a.Size != size {
		err = fmt.Errorf("copied %d bytes of %d: %w", a.Size, size, io.ErrUnexpectedEOF)
	}
	return err
}
