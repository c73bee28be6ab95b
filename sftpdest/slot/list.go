package slot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
)

const (
	slotPrefix = "slot-"
	stateName  = manifest.StateName
	mostState  = 4096
)

// errNotComplete says that a slot calls itself complete without its manifest.
var errNotComplete = errors.New("its manifest or archive is missing or has another size")

// slotPath is the folder of a slot.
func slotPath(folder string, n int) string { return fmt.Sprintf("%s/%s%02d", folder, slotPrefix, n) }

// slotNumber is the reverse of slotPath for the last element.
func slotNumber(name string) (int, bool) {
	n, err := strconv.Atoi(strings.TrimPrefix(name, slotPrefix))
	return n, err == nil && n > 0 && fmt.Sprintf("%s%02d", slotPrefix, n) == name
}

// List tells the slots of an account, newest first. A slot is complete only if its State.Phase is Complete and Err is
// nil.
func List(ctx context.Context, store dest.Reader, folder string) ([]Slot, error) {
	names, err := store.List(ctx, folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list slots of %s: %w", folder, err)
	}
	return readSlots(ctx, store, folder, slotsAmong(names, folder))
}

// slotsAmong are the slots among the names of an account's folder, not read yet.
func slotsAmong(names []dest.Info, folder string) []Slot {
	var slots []Slot
	for _, info := range names {
		if n, ok := slotNumber(info.Name); ok {
			slots = append(slots, Slot{Path: slotPath(folder, n), State: manifest.State{Slot: n}})
		}
	}
	return slots
}

// readSlots reads all of them and sorts them.
func readSlots(ctx context.Context, store dest.Reader, folder string, slots []Slot) ([]Slot, error) {
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for i := range slots {
		g.Go(func() error { return slots[i].read(inner, store) })
	}
	if err := g.Wait(); err != nil {
		return nil, fmt.Errorf("list slots of %s: %w", folder, err)
	}
	slices.SortFunc(slots, func(a, b Slot) int {
		return cmp.Or(cmp.Compare(b.State.Gen, a.State.Gen), cmp.Compare(a.State.Slot, b.State.Slot))
	})
	return slots, nil
}

// read fills s in. What cannot be a state is noted in s; what could not be read is an error.
func (s *Slot) read(ctx context.Context, store dest.Reader) error {
	ctx, cancel := context.WithCancel(ctx)
	meta := ahead(ctx, store, s.Path+"/meta")
	defer func() {
		cancel()
		<-meta.done
	}()
	text, err := loadState(ctx, store, s.Path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errTooLong) || errors.Is(err, dest.ErrNotRegular) {
		s.Err = err
		return nil
	}
	if err != nil {
		return err
	}
	state, err := manifest.DecodeState(text)
	if err != nil {
		s.Err = err
		return nil
	}
	if state.Slot != s.State.Slot {
		s.Err = fmt.Errorf("state of slot %d in %s: %w", state.Slot, s.Path, fs.ErrInvalid)
		return nil
	}
	s.State = *state
	if state.Phase != manifest.Complete {
		return nil
	}
	<-meta.done
	there := meta.err == nil && among(meta.names, state.Manifest)
	if !there { // it may have come between the listing and the state
		there, err = holds(ctx, store, s.Path+"/meta", state.Manifest)
	}
	if err == nil && there && state.Archive != nil {
		there, err = holds(ctx, store, s.Path+"/archive", &state.Archive.File)
	}
	if err == nil && !there {
		s.Err = errNotComplete
	}
	return err
}

// holds reports whether a file that a state names lies in its folder.
func holds(ctx context.Context, store dest.Reader, folder string, file *manifest.File) (bool, error) {
	list, err := store.List(ctx, folder)
	if err != nil {
		return false, missing(err)
	}
	return among(list, file), nil
}

// among reports whether a file that a state names is in a listing.
func among(list []dest.Info, file *manifest.File) bool {
	return slices.ContainsFunc(list, func(info dest.Info) bool { return info.Name == file.Name && info.Size == file.Size })
}

// Complete reports whether s is a backup.
func (s *Slot) Complete() bool { return s.Err == nil && s.State.Phase == manifest.Complete }
