package session

import (
	"context"
	"errors"

	"slotfs/sftpdest/wire"
)

func (s *Session) SyncHandle(ctx context.Context, handle string) error {
	return s.DoStatus(ctx, func(b []byte, id uint32) []byte {
		return wire.AppendStrings(b, wire.Extended, id, wire.FsyncExtension, handle)
	})
}

// ChangeThenSyncDir sends a change of a name in a directory, or of the directory itself, and syncs the directory once the change is answered.
// The directory is opened meanwhile; where that is refused synced is false.
func (s *Session) ChangeThenSyncDir(ctx context.Context, directory string, change func(b []byte, id uint32) []byte) (synced bool, err error) {
	changing := s.Send(SmallCost, change)
	if !s.Offers(wire.FsyncExtension) {
		return false, s.Statuses(ctx, []*Request{changing})
	}
	opening := s.sendOpen(directory, wire.OpenRead, wire.Attributes{})
	if err := s.Statuses(ctx, []*Request{changing}); err != nil {
		s.Leave(opening, s.CloseLate)
		return false, err
	}
	handle, err := s.handleOf(ctx, opening)
	var status *StatusError
	if errors.As(err, &status) {
		return false, nil // SyncDir finds out why
	}
	if err != nil {
		return false, err
	}
	defer s.Close(handle)
	if err := s.SyncHandle(ctx, handle); err != nil {
		return false, err
	}
	return true, nil
}
