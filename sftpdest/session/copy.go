package session

import (
	"context"
	"fmt"
	"io"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/wire"
)

// copySlice is how much one copy-data asks for: the server answers nothing else in that session meanwhile.
const copySlice = 16 << 20

// OpenPair opens a file to be read, and a new one.
func (s *Session) OpenPair(ctx context.Context, from, to string, made wire.Attributes) (source, target string, err error) {
	reading := s.sendOpen(from, wire.OpenRead, wire.Attributes{})
	writing := s.sendOpen(to, NewFile, made)
	if source, err = s.handleOf(ctx, reading); err != nil {
		s.Leave(writing, s.CloseLate)
		return "", "", err
	}
	if target, err = s.handleOf(ctx, writing); err != nil {
		s.Close(source)
	}
	return source, target, err
}

// CopyPlan is a copy between two handles. The target's path is to.
type CopyPlan struct {
	Source, Target, To string
	Size               int64
	Ranges             []dest.Range
}

// Requests of a copy that are in flight at once: more of small ones, so that many ranges do not take a round trip each.
const (
	copyFlight      = 64
	copyFlightBytes = 2 * copySlice
)

// Copy copies between two handles, sets the attributes a of the target, and closes both.
func (s *Session) Copy(ctx context.Context, c CopyPlan, a wire.Attributes, sync bool) (bool, error) {
	defer s.Close(c.Source)
	flight, err := s.copyRanges(ctx, c)
	if err != nil {
		s.Close(c.Target)
		return false, err
	}
	target, to, size := c.Target, c.To, c.Size
	look := s.SendString(wire.Fstat, target)
	flight, attributes, synced := s.finish(flight, target, a, sync)
	if err := s.copied(ctx, flight, look, size); err != nil {
		return false, err
	}
	if !attributes {
		return synced, s.SetPath(ctx, to, a)
	}
	return synced, nil
}

// copyRanges asks for all ranges, and returns the requests that are still in flight. A hole at the end is made by its last byte.
func (s *Session) copyRanges(ctx context.Context, c CopyPlan) (flight []*Request, err error) {
	var waiting []int64
	total, end := int64(0), int64(0)
	for _, r := range c.Ranges {
		end = r.Offset + r.Length
		for off := r.Offset; off < end; off += copySlice {
			n := min(copySlice, end-off)
			flight = append(flight, s.Send(n, func(b []byte, id uint32) []byte {
				return wire.AppendCopyData(b, id, c.Source, c.Target, off, n)
			}))
			waiting, total = append(waiting, n), total+n
			for len(flight) == copyFlight || len(flight) > 1 && total >= copyFlightBytes {
				if err := s.Statuses(ctx, flight[:1]); err != nil {
					_ = s.Statuses(ctx, flight[1:]) // the first one tells
					return nil, err
				}
				total -= waiting[0]
				flight, waiting = flight[1:], waiting[1:]
			}
		}
	}
	if end < c.Size {
		// The length of the target would hide that the source is shorter.
		if err := s.measured(ctx, s.SendString(wire.Fstat, c.Source), c.Size); err != nil {
			_ = s.Statuses(ctx, flight)
			return nil, err
		}
		flight = append(flight, s.Send(SmallCost, func(b []byte, id uint32) []byte {
			return wire.AppendWrite(b, id, c.Target, c.Size-1, []byte{0})
		}))
	}
	return flight, nil
}

// copied waits for the end of a copy and compares its length.
func (s *Session) copied(ctx context.Context, flight []*Request, look *Request, size int64) error {
	if err := s.Statuses(ctx, flight); err != nil {
		s.Leave(look, nil)
		return err
	}
	return s.measured(ctx, look, size)
}

// measured waits for the answer to an Fstat, and compares the length that it tells.
func (s *Session) measured(ctx context.Context, look *Request, size int64) error {
	reply, err := s.Wait(ctx, look, nil)
	if err != nil {
		return err
	}
	a, err := AttributesOf(reply)
	if err == nil && a.Size != size {
		err = fmt.Errorf("copied %d bytes of %d: %w", a.Size, size, io.ErrUnexpectedEOF)
	}
	return err
}
