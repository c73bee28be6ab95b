package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"slotfs/fs/restore/live/crontab"
	"slotfs/fs/restore/live/record"
)

// cronKind is the kind of the records of tables of cron jobs.
const cronKind = "cron"

// keptTable is what the record has of the table that was there.
type keptTable struct {
	There bool   `json:"there"`
	Text  string `json:"text,omitempty"`
}

// cron gives the account's user the table of cron jobs of the backup.
func (l *Live) cron(ctx context.Context, q *Request, p *piece, out *Outcome) error {
	out.Target = "crontab of " + p.account
	data, err := l.read(ctx, p, crontab.MaxSize)
	if err != nil {
		return err
	}
	table, err := crontab.Read(data)
	if err != nil {
		return fmt.Errorf("restore %s: %w", p.path, err)
	}
	out.Notes = append(out.Notes, table.Notes...)
	program, err := crontab.Find()
	if errors.Is(err, crontab.ErrNone) {
		out.Notes = append(out.Notes, err.Error())
		return l.leave(ctx, q, p, []piece{*p}, out)
	}
	now, there, err := program.Current(ctx, p.account)
	if err != nil {
		return err
	}
	out.Parts = table.Jobs
	switch {
	case there && withoutHeading(now) == table.Text:
		out.Notes = append(out.Notes, "the table is as in the backup already")
		return nil
	case q.DryRun:
		if there {
			out.Notes = append(out.Notes, fmt.Sprintf("it would take the place of one with %s", jobs(now)))
		}
		return nil
	}
	return l.changeTable(ctx, program, record.Record{Account: p.account, Source: p.path}, keptTable{true, table.Text}, out)
}

func withoutHeading(text string) string {
	if t, err := crontab.Read([]byte(text)); err == nil {
		return t.Text
	}
	return text
}

func jobs(text string) string {
	t, err := crontab.Read([]byte(text))
	if err != nil {
		return "unknown content"
	}
	return count(t.Jobs, "job", "jobs")
}

// changeTable gives a user another table, or none. That which he has is kept in a record first.
func (l *Live) changeTable(ctx context.Context, program *crontab.Program, r record.Record, to keptTable, out *Outcome) error {
	r.Kind, r.Target, r.Stage = cronKind, out.Target, writing
	rec, err := l.store().New(r)
	if err != nil {
		return err
	}
	defer rec.Close()
	out.ID = rec.ID
	var kept keptTable
	if kept.Text, kept.There, err = program.Current(ctx, r.Account); err == nil {
		err = rec.Reach(writing, kept)
	}
	switch {
	case err != nil:
	case to.There:
		err = program.Replace(ctx, r.Account, to.Text)
	case kept.There:
		err = program.Remove(ctx, r.Account)
	}
	if err != nil {
		out.ID = ""
		return errors.Join(err, rec.Reach(record.Failed, kept)) // crontab replaces a table whole or not at all
	}
	return rec.Reach(record.Done, kept)
}

// undoCron gives a user the table that he had before a restore.
func (l *Live) undoCron(ctx context.Context, old *record.Record, out *Outcome) error {
	var kept keptTable
	err := json.Unmarshal(old.Detail, &kept)
	if err != nil {
		return fmt.Errorf("restore %s: %w", old.ID, err)
	}
	program, err := crontab.Find()
	if err != nil {
		return err
	}
	out.Parts = strings.Count(kept.Text, "\n")
	if t, err := crontab.Read([]byte(kept.Text)); err == nil {
		kept.Text, out.Parts = t.Text, t.Jobs
	}
	return l.changeTable(ctx, program, record.Record{Account: old.Account, Source: old.ID}, kept, out)
}
