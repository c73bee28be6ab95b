package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/parallel"
)

// Grace is how long a run that ends early takes to leave things in order.
const Grace = 5 * time.Second

// TrialPrefix begins the names of what is made on a destination to try it, and removed again.
const TrialPrefix = ".slotfs-test-"

// trialName is a name that a server is tried with.
type trialName struct {
	name  string
	trait manifest.Trait // of a server that does not list it as it is
	twin  string         // another name; "" for none
	twins manifest.Trait // of a server that finds the twin
}

// trialNames are the names that tell traits.
func trialNames() []trialName {
	all := []trialName{
		{name: "Case-Of-Name", trait: manifest.Lowers, twin: "cASE-oF-nAME", twins: manifest.FoldsCase},
		{name: "dot.", trait: manifest.Trims, twin: "dot", twins: manifest.Trims},
		{name: "blank ", trait: manifest.Trims, twin: "blank", twins: manifest.Trims},
		{name: " front", trait: manifest.Trims},
		{name: "caf\u00e9", trait: manifest.Recodes, twin: "cafe\u0301", twins: manifest.Recodes},
		{name: "voila\u0300", trait: manifest.Recodes},
		{name: "latin-\xe9", trait: manifest.Recodes},
		{name: "emoji-\U0001f4be", trait: manifest.Recodes},
		{name: "nul", trait: manifest.Reserves},
		{name: strings.Repeat("l", 255), trait: manifest.Shortens},
	}
	for _, c := range "\x01\n\x7f\"\\:*?<>|" {
		all = append(all, trialName{name: "c" + string(c) + "x", trait: manifest.Rewrites})
	}
	return all
}

// FindTraits tries what the server does to names, in a directory that it makes and removes. Trials of runs that were killed are removed
// as well. It returns manifest.Plain alone if
// that is nothing.
func FindTraits(ctx context.Context, d dest.ReadWriter) (manifest.Traits, error) {
	s := New(d, NewBudget(0))
	dir := TrialPrefix + "names-" + s.Run
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), Grace)
		defer cancel()
		_ = RemoveTree(ctx, s, dir) // it takes next to no room
	}()
	if err := MakeDir(ctx, s, dir, 0o700); err != nil {
		return nil, fmt.Errorf("make %s: %w", dir, err)
	}
	s.removeDeadTrials(ctx, dir)
	if _, err := s.raw.Put(ctx, dir+"/plain", nil, dest.Attributes{}, true); err != nil {
		return nil, fmt.Errorf("make a file in %s: %w", dir, err)
	}
	names := trialNames()
	tryOne := func(ctx context.Context, n trialName) error { return s.tryName(ctx, dir+"/"+n.name) }
	if err := parallel.Each(ctx, len(names), names, tryOne); err != nil {
		return nil, err
	}
	return s.traitsIn(ctx, dir, names)
}

// tryName makes a file. That the server refuses it, or does not survive it, is seen in the listing.
func (s *Store) tryName(ctx context.Context, name string) error {
	for try := range convicted {
		_, err := s.raw.Put(ctx, name, nil, dest.Attributes{}, true)
		if !errors.Is(err, dest.ErrUnreachable) {
			return ctx.Err()
		}
		if aliveErr := s.Alive(ctx); aliveErr != nil {
			return err
		}
		if try+1 == convicted {
			break
		}
	}
	return nil
}

// traitsIn tells the traits by what became of names.
func (s *Store) traitsIn(ctx context.Context, dir string, names []trialName) (manifest.Traits, error) {
	list, err := s.List(ctx, dir)
	if err != nil {
		return nil, err
	}
	there := make(map[string]bool)
	for _, info := range list {
		there[info.Name] = true
	}
	found := make([]bool, len(names))
	lanes := make([]int, len(names))
	for i := range lanes {
		lanes[i] = i
	}
	err = parallel.Each(ctx, len(names), lanes, func(ctx context.Context, i int) error {
		if names[i].twin == "" {
			return nil
		}
		_, err := s.Stat(ctx, dir+"/"+names[i].twin)
		if errors.Is(err, dest.ErrUnreachable) || ctx.Err() != nil {
			return err
		}
		found[i] = err == nil
		return nil
	})
	if err != nil {
		return nil, err
	}
	has := make(map[manifest.Trait]bool)
	for i, n := range names {
		if !there[n.name] {
			has[n.trait] = true
		}
		if found[i] {
			has[n.twins] = true
		}
	}
	return manifest.TraitsOf(func(t manifest.Trait) bool { return has[t] }), nil
}

// TraitsOnce is FindTraits for several runs at once: the first one that asks tries, and the others hear of it.
func TraitsOnce(d dest.ReadWriter) func(ctx context.Context) (manifest.Traits, error) {
	turn := make(chan manifest.Traits, 1)
	turn <- nil
	return func(ctx context.Context) (found manifest.Traits, err error) {
		select {
		case found = <-turn:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		defer func() { turn <- found }()
		if found == nil {
			found, err = FindTraits(ctx, d)
		}
		return found, err
	}
}
