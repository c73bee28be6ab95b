// Package state reads the states of an account's slots: which there are, and which of them are backups. It must not know how a
// slot is written. The format is in package manifest.
package state

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
	"slotfs/sftpdest/slot/store"
)

const (
	slotPrefix = "slot-"
	maxState   = 4096 // bytes
)

// ErrNotComplete says that a slot calls itself complete without its manifest.
var ErrNotComplete = errors.New("its manifest or archive is missing or has another size")

// Slot is one slot as it is on the destination.
type Slot struct {
	Path  string
	State manifest.State
	Err   error // the state cannot be read
}

// Complete reports whether s is a backup.
func (s *Slot) Complete() bool { return s.Err == nil && s.State.Phase == manifest.Complete }

// Path is the directory of a slot of the account in dir.
func Path(dir string, n int) string { return fmt.Sprintf("%s/%s%02d", dir, slotPrefix, n) }

// number is the reverse of Path for the last element.
func number(name string) (int, bool) {
	n, err := strconv.Atoi(strings.TrimPrefix(name, slotPrefix))
	return n, err == nil && n > 0 && fmt.Sprintf("%s%02d", slotPrefix, n) == name
}

// List tells the slots of the account in dir, newest first. A slot is complete only if its State.Phase is Complete and Err is
// nil.
func List(ctx context.Context, d dest.Reader, dir string) ([]Slot, error) {
	names, err := d.List(ctx, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list slots of %s: %w", dir, err)
	}
	return ReadAll(ctx, d, dir, Among(names, dir))
}

// Among are the slots among the names of an account's directory, not read yet.
func Among(names []dest.Info, dir string) []Slot {
	var slots []Slot
	for _, info := range names {
		if n, ok := number(info.Name); ok {
			slots = append(slots, Slot{Path: Path(dir, n), State: manifest.State{Slot: n}})
		}
	}
	return slots
}

// ReadAll reads all of them and sorts them.
func ReadAll(ctx context.Context, d dest.Reader, dir string, slots []Slot) ([]Slot, error) {
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for i := range slots {
		g.Go(func() error { return slots[i].Read(inner, d) })
	}
	if err := g.Wait(); err != nil {
		return nil, fmt.Errorf("list slots of %s: %w", dir, err)
	}
	slices.SortFunc(slots, func(a, b Slot) int {
		return cmp.Or(cmp.Compare(b.State.Gen, a.State.Gen), cmp.Compare(a.State.Slot, b.State.Slot))
	})
	return slots, nil
}

// reader is where a slot is looked for.
type reader interface {
	dest.Reader
	dest.Stater
}

// One reads one slot, which has to be there.
func One(ctx context.Context, d reader, dir string, n int) (Slot, error) {
	slot := Slot{Path: Path(dir, n), State: manifest.State{Slot: n}}
	if _, err := d.Stat(ctx, slot.Path); err != nil {
		return slot, err
	}
	return slot, slot.Read(ctx, d)
}

// Read fills s in. What cannot be a state is noted in s; what could not be read is an error.
func (s *Slot) Read(ctx context.Context, d dest.Reader) error {
	ctx, cancel := context.WithCancel(ctx)
	meta := store.StartList(ctx, d, s.Path+"/meta")
	defer func() {
		cancel()
		_, _ = meta.Wait()
	}()
	text, err := Load(ctx, d, s.Path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, store.ErrTooLong) || errors.Is(err, dest.ErrNotRegular) {
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
	names, err := meta.Wait()
	there := err == nil && among(names, state.Manifest)
	err = nil
	if !there { // it may have come between the listing and the state
		there, err = holds(ctx, d, s.Path+"/meta", state.Manifest)
	}
	if err == nil && there && state.Archive != nil {
		there, err = holds(ctx, d, s.Path+"/archive", &state.Archive.File)
	}
	if err == nil && !there {
		s.Err = ErrNotComplete
	}
	return err
}

// holds reports whether a file that a state names lies in its directory.
func holds(ctx context.Context, d dest.Reader, dir string, file *manifest.File) (bool, error) {
	list, err := d.List(ctx, dir)
	if err != nil {
		return false, store.Missing(err)
	}
	return among(list, file), nil
}

// among reports whether a file that a state names is in a listing.
func among(list []dest.Info, file *manifest.File) bool {
	return slices.ContainsFunc(list, func(info dest.Info) bool { return info.Name == file.Name && info.Size == file.Size })
}

// Load reads the state of a slot as it is stored. Where the server replaces nothing it may stand aside for a moment, or since a
// run broke.
func Load(ctx context.Context, d dest.Reader, slot string) (text []byte, err error) {
	for _, name := range []string{manifest.StateName, manifest.PriorStateName, manifest.StateName} {
		if text, err = store.Load(ctx, d, slot+"/"+name, maxState); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return text, err
}
