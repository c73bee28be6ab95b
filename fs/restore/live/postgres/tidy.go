package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"syscall"

	"slotfs/fs/restore/live/record"
)

// Tidy finishes or takes back the restores that were interrupted, as far as nobody is at work on them. It tells which.
func (s *Server) Tidy(ctx context.Context, store *record.Store) (ids []string, err error) {
	all, err := store.List()
	if err != nil {
		return nil, err
	}
	for _, one := range all {
		if one.Kind != Kind || one.Ended() {
			continue
		}
		done, tidyErr := s.tidyOne(ctx, store, one.ID)
		if tidyErr != nil {
			err = errors.Join(err, fmt.Errorf("restore %s: %w", one.ID, tidyErr))
		} else if done {
			ids = append(ids, one.ID)
		}
	}
	return ids, err
}

func (s *Server) tidyOne(ctx context.Context, store *record.Store, id string) (bool, error) {
	rec, err := store.Open(id)
	if errors.Is(err, record.ErrBusy) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer rec.Close()
	d := newDetail(rec.ID)
	if len(rec.Detail) > 0 {
		err = json.Unmarshal(rec.Detail, &d)
	}
	if err != nil || rec.Ended() {
		return false, err
	}
	now, err := s.named(ctx, d.OID)
	if err != nil {
		return false, err
	}
	if now != rec.Target {
		return true, s.abandon(ctx, rec, &d)
	}
	return true, s.finish(ctx, rec, &d)
}

// Expire drops the database that a restore has kept.
func (s *Server) Expire(ctx context.Context, rec *record.Record) error {
	var d detail
	if err := json.Unmarshal(rec.Detail, &d); err != nil || !rec.Ended() {
		return err
	}
	_, err := s.query(ctx, administrator, "DROP DATABASE IF EXISTS "+id(d.Old))
	return err
}

// runAs runs a program with the rights of a user of the machine.
func runAs(ctx context.Context, who *syscall.Credential, environment []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = "/", environment
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who}
	_, err := output(cmd)
	return err
}
