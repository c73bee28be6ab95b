package session

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"slotfs/sftpdest/foreign"
	"slotfs/sftpdest/wire"
)

// repeated reports whether a name comes twice.
func repeated(list []wire.Entry) bool {
	names := make([]string, len(list))
	for i := range list {
		names[i] = list[i].Name
	}
	slices.Sort(names)
	for i := 1; i < len(names); i++ {
		if names[i] == names[i-1] {
			return true
		}
	}
	return false
}

// unique drops names that came before: the directory changed while it was listed.
func unique(list []wire.Entry) []wire.Entry {
	seen := make(map[string]struct{}, len(list))
	kept := list[:0]
	for _, e := range list {
		if _, again := seen[e.Name]; !again {
			seen[e.Name] = struct{}{}
			kept = append(kept, e)
		}
	}
	return kept
}

// complete asks for the attributes that a server left out of its listing. A name that is gone by then is emptied.
func (s *Session) complete(ctx context.Context, dir string, list []wire.Entry) error {
	const needed = wire.HasMode | wire.HasSize | wire.HasTimes
	var lacking []int
	for i := range list {
		if list[i].Flags&needed != needed {
			lacking = append(lacking, i)
		}
	}
	var flight []*Request
	defer func() {
		for _, r := range flight {
			s.Leave(r, nil)
		}
	}()
	for done := 0; done < len(lacking); done++ {
		for len(flight) < statAhead && done+len(flight) < len(lacking) {
			flight = append(flight, s.SendString(wire.Lstat, dir+"/"+list[lacking[done+len(flight)]].Name))
		}
		r := flight[0]
		flight = flight[1:]
		reply, err := s.Wait(ctx, r, nil)
		if err != nil {
			return err
		}
		e := &list[lacking[done]]
		a, err := AttributesOf(reply)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			e.Name = ""
		case err != nil:
			return fmt.Errorf("%s: %w", foreign.Show(e.Name), err)
		default:
			e.Attributes = a
		}
	}
	return nil
}
