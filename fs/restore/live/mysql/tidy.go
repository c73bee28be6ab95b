package mysql

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"slotfs/fs/restore/live/record"
)

// Tidy finishes or takes back the restores that were interrupted, as far as nobody is at work on them. It tells which.
func (s *Server) Tidy(ctx context.Context, store *record.Store) (ids []string, err error) {
	return store.Tidy(func(r *record.Record) error {
		if r.Kind == UsersKind {
			return s.tidyUsers(ctx, r)
		}
		return s.tidy(ctx, r)
	}, Kind, UsersKind)
}

func (s *Server) tidy(ctx context.Context, r *record.Record) error {
	var d detail
	if r.Detail != nil {
		if err := json.Unmarshal(r.Detail, &d); err != nil {
			return err
		}
	}
	switch r.Stage {
	case swapping:
		moved, err := s.settle(ctx, d.Swap, d.Scratch)
		if err != nil {
			return err
		}
		if !moved {
			return s.abandon(ctx, r, &d)
		}
		if err := r.Reach(swapped, d); err != nil {
			return err
		}
		return s.finish(ctx, r, &d, nil)
	case swapped:
		return s.finish(ctx, r, &d, nil)
	}
	return s.abandon(ctx, r, &d)
}

// abandon removes what a restore made that changed nothing.
func (s *Server) abandon(ctx context.Context, r *record.Record, d *detail) error {
	if d.Scratch.New == "" {
		return r.Reach(record.Failed, d)
	}
	if moved, err := s.hasMoved(ctx, d.Scratch); err != nil || moved {
		return errors.Join(err, fmt.Errorf("restore %s is not taken back: what was there before is in database %s", r.ID, d.Scratch.Old))
	}
	err := errors.Join(s.dropNew(ctx, d.Scratch), s.dropEmpty(ctx, d.Scratch.Old))
	if !d.Existed && r.Stage == swapping {
		err = errors.Join(err, s.dropEmpty(ctx, r.Target))
	}
	if err != nil {
		return err
	}
	d.Swap = nil
	return r.Reach(record.Failed, d)
}

// finish writes what was there before to a file, and removes all that the restore made.
func (s *Server) finish(ctx context.Context, r *record.Record, d *detail, reached func(string)) error {
	err := s.keepBefore(ctx, r, d)
	if err != nil {
		return errors.Join(fmt.Errorf("%w: it is in database %s", ErrKept, d.Scratch.Old), err, s.dropNew(ctx, d.Scratch))
	}
	if reached != nil {
		reached("kept")
	}
	if err := errors.Join(s.dropNew(ctx, d.Scratch), s.dropOld(ctx, d.Scratch)); err != nil {
		return err
	}
	if reached != nil {
		reached("dropped")
	}
	return r.Reach(record.Done, d)
}

// dropEmpty drops a database if it has no tables.
func (s *Server) dropEmpty(ctx context.Context, db string) error {
	found, err := s.strings(ctx, "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = ?", db)
	if err != nil || slices.ContainsFunc(found, func(t string) bool { return t != "" }) {
		return err
	}
	return s.exec(ctx, "DROP DATABASE IF EXISTS "+id(db))
}
