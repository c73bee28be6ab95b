package store

import (
	"context"
	"strconv"
)

// Temps are the temporary files of a run in a slot: what is on its way to the name that it gets in the slot.
type Temps struct {
	s    *Store
	slot string // its directory
}

// Temps are those in the directory of a slot.
func (s *Store) Temps(slot string) Temps { return Temps{s, slot} }

// dir is the directory of those of all runs.
func (t Temps) dir() string { return t.slot + "/tmp" }

// Name is a new name for one.
func (t Temps) Name() string {
	return t.dir() + "/" + t.s.Run + "-" + strconv.FormatInt(t.s.Next(), 10)
}

// fresh runs an exclusive creation under a new name, and again under another one while connections are lost: what the lost attempt
// left may still change.
func (t Temps) fresh(ctx context.Context, f func(name string) error) (name string, err error) {
	err = Retry(ctx, func() error {
		name = t.Name()
		return f(name)
	})
	return name, err
}
