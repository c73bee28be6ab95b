package session

import (
	"context"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/sftpdest/wire"
)

// NewFile are the flags of a file that is made to be written.
const NewFile = wire.OpenWrite | wire.OpenCreate | wire.OpenExclude

// OpenHandle opens path as flags say.
func (s *Session) OpenHandle(ctx context.Context, path string, flags uint32, a wire.Attributes) (string, error) {
	return s.handleOf(ctx, s.sendOpen(path, flags, a))
}

func (s *Session) sendOpen(path string, flags uint32, a wire.Attributes) *Request {
	return s.Send(SmallCost, func(b []byte, id uint32) []byte { return wire.AppendOpen(b, id, path, flags, a) })
}

// handleOf waits for the reply to an open.
func (s *Session) handleOf(ctx context.Context, r *Request) (string, error) {
	reply, err := s.Wait(ctx, r, s.CloseLate)
	if err != nil {
		return "", err
	}
	if reply.Type != wire.Handle {
		return "", Unexpected(reply)
	}
	return wire.HandleOf(reply.Body)
}

// OpenRegular opens the file at path, which must be no link: LSTAT and OPEN travel together. What LSTAT tells is returned also with an
// error. A server that was asked to open a FIFO waits in open(2) for somebody who writes, and answers nobody else: the session ends then.
func (s *Session) OpenRegular(ctx context.Context, path string) (handle string, a wire.Attributes, err error) {
	looking := s.SendString(wire.Lstat, path)
	opening := s.sendOpen(path, wire.OpenRead, wire.Attributes{})
	reply, err := s.Wait(ctx, looking, nil)
	if err == nil {
		a, err = AttributesOf(reply)
	}
	if err == nil && a.Mode&backup.ModeType != backup.ModeRegular {
		err = dest.ErrNotRegular
	}
	if err != nil {
		s.Leave(opening, s.CloseLate)
		if a.Mode&backup.ModeType == backup.ModeFIFO {
			s.Fail(dest.ErrNotRegular)
		}
		return "", a, err
	}
	handle, err = s.handleOf(ctx, opening)
	return handle, a, err
}
