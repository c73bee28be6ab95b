package session

import (
	"context"

	"slotfs/sftpdest/wire"
)

// syncCost is the load that an fsync counts as, in bytes: the server answers nothing else in that session until it is done, so that other
// requests are better sent in another one.
const syncCost = 128 << 10

// finish queues what follows the content of a new file. Servers that work on requests of one session side by side
// could set times before they write; those that offer fsync (OpenSSH, ProFTPD) keep the order.
func (s *Session) finish(flight []*Request, handle string, a wire.Attributes, sync bool) (all []*Request, attributes, synced bool) {
	ordered := s.Offers(wire.FsyncExtension)
	if ordered && a.Flags != 0 {
		flight = append(flight, s.Send(SmallCost, func(b []byte, id uint32) []byte {
			return wire.AppendAttributes(b, wire.FSetStat, id, handle, a)
		}))
	}
	if ordered && sync {
		flight = append(flight, s.Send(syncCost, func(b []byte, id uint32) []byte {
			return wire.AppendStrings(b, wire.Extended, id, wire.FsyncExtension, handle)
		}))
	}
	return append(flight, s.SendString(wire.Close, handle)), ordered || a.Flags == 0, ordered && sync
}

// Put fills a new file, sets a, and closes it.
func (s *Session) Put(ctx context.Context, handle, remote string, content []byte, a wire.Attributes, sync bool) (synced bool, err error) {
	waiting := min(int64(len(content)), backlogLimit(0))
	if err := s.unanswered.Acquire(ctx, waiting); err != nil {
		s.Close(handle)
		return false, err
	}
	defer s.unanswered.Release(waiting)
	var flight []*Request
	for off := 0; off < len(content); off += s.writeSize {
		part := content[off:min(off+s.writeSize, len(content))]
		flight = append(flight, s.Send(int64(len(part)), func(b []byte, id uint32) []byte {
			return wire.AppendWrite(b, id, handle, int64(off), part)
		}))
	}
	flight, set, synced := s.finish(flight, handle, a, sync)
	if err := s.Statuses(ctx, flight); err != nil || set {
		return synced, err
	}
	return synced, s.SetPath(ctx, remote, a)
}
