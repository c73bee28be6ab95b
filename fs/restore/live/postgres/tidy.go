package postgres

import (
	"context"
	"encoding/json"
	"os/exec"
	"syscall"

	"slotfs/fs/restore/live/record"
)

// Tidy finishes or takes back the restores that were interrupted, as far as nobody is at work on them. It tells which.
func (s *Server) Tidy(ctx context.Context, store *record.Store) (ids []string, err error) {
	return store.Tidy(func(rec *record.Record) error { return s.tidy(ctx, rec) }, Kind)
}

func (s *Server) tidy(ctx context.Context, rec *record.Record) error {
	d := newDetail(rec.ID)
	if len(rec.Detail) > 0 {
		if err := json.Unmarshal(rec.Detail, &d); err != nil {
			return err
		}
	}
	now, err := s.named(ctx, d.OID)
	if err != nil {
		return err
	}
	if now != rec.Target {
		return s.abandon(ctx, rec, &d)
	}
	return s.finish(ctx, rec, &d)
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
