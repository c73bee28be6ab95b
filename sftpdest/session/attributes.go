package session

import (
	"context"
	"fmt"

	"slotfs/sftpdest/wire"
)

// Attributes asks Stat, Lstat or Fstat.
func (s *Session) Attributes(ctx context.Context, typ byte, of string) (wire.Attributes, error) {
	reply, err := s.Ask(ctx, typ, of)
	if err != nil {
		return wire.Attributes{}, err
	}
	return AttributesOf(reply)
}

func AttributesOf(reply wire.Reply) (wire.Attributes, error) {
	if reply.Type != wire.Attrs {
		return wire.Attributes{}, Unexpected(reply)
	}
	return wire.AttrsOf(reply.Body)
}

// Name asks ReadLink or RealPath.
func (s *Session) Name(ctx context.Context, typ byte, path string) (string, error) {
	reply, err := s.Ask(ctx, typ, path)
	if err != nil {
		return "", err
	}
	if reply.Type != wire.Name {
		return "", Unexpected(reply)
	}
	names, err := wire.NamesOf(nil, reply.Body)
	if err != nil {
		return "", err
	}
	if len(names) != 1 {
		return "", fmt.Errorf("%d names instead of one: %w", len(names), wire.ErrMalformed)
	}
	return names[0].Name, nil
}

// SetPath sets attributes of a path.
func (s *Session) SetPath(ctx context.Context, path string, a wire.Attributes) error {
	return s.DoStatus(ctx, func(b []byte, id uint32) []byte { return wire.AppendAttributes(b, wire.SetStat, id, path, a) })
}

// WriteLastByte writes the last byte of a file that is shorter than size.
func (s *Session) WriteLastByte(ctx context.Context, remote string, size int64) error {
	handle, err := s.OpenHandle(ctx, remote, wire.OpenWrite, wire.Attributes{})
	if err != nil {
		return err
	}
	writing := s.Send(SmallCost, func(b []byte, id uint32) []byte { return wire.AppendWrite(b, id, handle, size-1, []byte{0}) })
	return s.Statuses(ctx, []*Request{writing, s.SendString(wire.Close, handle)})
}
