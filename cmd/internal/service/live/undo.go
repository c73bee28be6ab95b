package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"slices"
	"time"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/audit"
	"slotfs/fs/restore/live/mysql"
	"slotfs/fs/restore/live/postgres"
	"slotfs/fs/restore/live/record"
)

// groupKind is the kind of the records of restores that consist of others.
const groupKind = "account"

// group is a restore that consists of others, which are undone together.
type group struct {
	l   *Live
	rec *record.Record
	keptGroup
}

// keptGroup is what the record has of them, in the order in which they were made. One that was being made when the process was killed may
// be missing: it names the group.
type keptGroup struct {
	Parts []string `json:"parts"`
}

// group begins a restore that consists of others.
func (l *Live) group(r record.Record) (*group, error) {
	r.Kind, r.Stage = groupKind, writing
	rec, err := l.store().New(r)
	if err != nil {
		return nil, err
	}
	l.grouped = rec.ID
	return &group{l: l, rec: rec}, nil
}

// take takes over which restores it consists of.
func (g *group) take(all *[]Outcome) {
	for i := range *all {
		if o := &(*all)[i]; o.ID != "" {
			g.Parts = append(g.Parts, o.ID)
		}
	}
}

// end ends it.
func (g *group) end() error {
	g.l.grouped = ""
	return errors.Join(g.rec.Reach(record.Done, g.keptGroup), g.rec.Close())
}

// Undo puts back what was there before a restore: the last part of it first.
func (l *Live) Undo(ctx context.Context, id string, dryRun bool) ([]Outcome, error) {
	if os.Geteuid() != 0 {
		return nil, exit.Usagef("restore --undo: only root may change live accounts")
	}
	store := l.store()
	old, err := store.Read(id)
	if err == nil && l.Owner != "" && old.Account != l.Owner {
		err = fmt.Errorf("restore %s: %w", id, record.ErrNone)
	}
	if err == nil && l.Owner != "" && old.Who != l.Who {
		err = fmt.Errorf("restore %s: only an administrator may undo what %s did: %w", id, old.Who, iofs.ErrPermission)
	}
	if errors.Is(err, record.ErrNone) {
		return nil, exit.With(err, exit.Failed, "the ids are the names in "+store.Dir+"; what was kept goes away after [live] keep-before")
	}
	if err != nil {
		return nil, err
	}
	if old.Undone != "" {
		return nil, exit.Hinted(fmt.Errorf("restore %s: it is undone already", id), "slotfs restore --undo "+old.Undone+" undoes that")
	}
	if !dryRun {
		release, err := store.Hold(old.Account)
		if err != nil {
			return nil, busy(err)
		}
		defer release()
	}
	if old.Kind != groupKind {
		return []Outcome{l.undoOne(ctx, old, dryRun)}, nil
	}
	return l.undoGroup(ctx, old, dryRun)
}

// undoGroup undoes restores that belong together, the last one first.
func (l *Live) undoGroup(ctx context.Context, old *record.Record, dryRun bool) (all []Outcome, err error) {
	parts, err := l.parts(old)
	if err != nil {
		return nil, err
	}
	if !dryRun {
		if old, err = l.store().Open(old.ID); err != nil {
			return nil, busy(err)
		}
		defer old.Close()
		g, err := l.group(record.Record{Account: old.Account, Source: old.ID, Target: old.Target})
		if err != nil {
			return nil, err
		}
		defer func() {
			if err == nil && !slices.ContainsFunc(all, func(o Outcome) bool { return o.Err != nil }) {
				old.Undone = g.rec.ID
				err = old.Save()
			}
			err = errors.Join(err, g.end())
		}()
		defer g.take(&all)
	}
	for _, part := range slices.Backward(parts) {
		out := l.undoOne(ctx, part, dryRun)
		all = append(all, out)
		if out.Err != nil {
			break
		}
	}
	return all, nil
}

// parts are the restores that one consists of and that are not undone, the first one first.
func (l *Live) parts(of *record.Record) ([]*record.Record, error) {
	var k keptGroup
	if len(of.Detail) > 0 {
		if err := json.Unmarshal(of.Detail, &k); err != nil {
			return nil, fmt.Errorf("restore %s: %w", of.ID, err)
		}
	}
	all, err := l.store().List()
	if err != nil {
		return nil, err
	}
	var out []*record.Record
	for _, r := range all {
		if r.Group == of.ID && r.Undone == "" && r.Stage != record.Failed {
			out = append(out, r)
		}
	}
	place := func(r *record.Record) int {
		if at := slices.Index(k.Parts, r.ID); at >= 0 {
			return at
		}
		return len(k.Parts)
	}
	slices.SortStableFunc(out, func(a, b *record.Record) int { return place(a) - place(b) })
	return out, nil
}

// undoOne puts back what was there before one restore.
func (l *Live) undoOne(ctx context.Context, old *record.Record, dryRun bool) Outcome {
	out := Outcome{Path: old.ID, Kind: old.Kind, Account: old.Account, Target: old.Target, Group: l.grouped}
	if dryRun {
		out.Notes = []string{fmt.Sprintf("%s %s would be as it was before %s", old.Kind, old.Target, old.Time.Local().Format(time.DateTime))}
		return out
	}
	if l.Begin != nil {
		l.Begin(old.ID, 0)
	}
	store := l.store()
	switch old.Kind {
	case filesKind:
		out.Err = l.undoFiles(ctx, store, old.ID, &out)
	case cronKind, routesKind, leftKind, packageKind:
		out.Err = l.undoKept(ctx, store, old.ID, &out)
	case postgres.Kind:
		out.Err = l.undoPostgres(ctx, store, old.ID, &out)
	case mysql.UsersKind:
		out.Err = l.undoUsers(ctx, store, old.ID, &out)
	default:
		out.Err = l.undoDatabase(ctx, store, old.ID, &out)
	}
	return l.ended(audit.Undo, &Request{}, out)
}

// undoKept undoes a restore whose record has what was there.
func (l *Live) undoKept(ctx context.Context, store *record.Store, id string, out *Outcome) error {
	old, err := store.Open(id)
	if err != nil {
		return busy(err)
	}
	defer old.Close()
	switch old.Kind {
	case cronKind:
		err = l.undoCron(ctx, old, out)
	case packageKind:
		err = l.undoPackage(ctx, store, old, out)
	case routesKind:
		err = l.undoRoutes(store, old, out)
	default:
		out.Notes = append(out.Notes, "what was left in "+old.Target+" changed nothing: there is nothing to undo")
		return nil
	}
	if err == nil {
		old.Undone = out.ID
		err = old.Save()
	}
	return err
}

// busy gives the error of a record that somebody is at work on its exit code.
func busy(err error) error {
	if errors.Is(err, record.ErrBusy) {
		return exit.With(err, exit.Busy, "")
	}
	return err
}
