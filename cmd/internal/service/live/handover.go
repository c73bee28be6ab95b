package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/exports"
	"slotfs/cmd/internal/users"
	"slotfs/fs/restore/live/panel"
	"slotfs/fs/restore/live/record"
)

// packageKind is the kind of the records of accounts that were handed to cPanel.
const packageKind = "package"

// keptPackage is what the record has of an account that was replaced.
type keptPackage struct {
	User   string `json:"user"`
	Before string `json:"before,omitempty"` // archive of the account as it was; "": there was none
}

// handOver makes the archive that cPanel's restorepkg takes of an account, and hands it over if that is asked for.
func (l *Live) handOver(ctx context.Context, q *Request, p *piece, out *Outcome) error {
	e, err := exports.Find(ctx, l.Tree, exports.Request{Paths: []string{p.at}, Format: exports.CPMove})
	if err != nil {
		return err
	}
	out.Kind, out.Target = packageKind, e.Name
	if q.DryRun {
		out.Notes = append(out.Notes, "the archive "+e.Name+" would be made, for "+panel.Restorepkg+", which replaces the whole account")
		return nil
	}
	rec, err := l.store().New(record.Record{Kind: packageKind, Account: p.account, Source: p.path, Target: "account " + p.backup, Stage: writing})
	if err != nil {
		return err
	}
	defer rec.Close()
	out.ID, out.Target = rec.ID, filepath.Join(rec.Dir(), e.Name)
	if err := l.export(ctx, e, out.Target); err != nil {
		return errors.Join(err, rec.Reach(record.Failed, nil))
	}
	if !q.Restorepkg {
		out.Left, out.LeftOut = true, append(out.LeftOut, "for you to put in place: "+panel.Restorepkg+" "+out.Target)
		return rec.Reach(record.Done, keptPackage{User: p.backup})
	}
	return l.replaceAccount(ctx, rec, p.backup, out.Target, out)
}

// export writes an archive to a file.
func (l *Live) export(ctx context.Context, e *exports.Export, path string) error {
	f, err := exports.Create(path, false)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := e.Write(ctx, f, exports.Observer{Progress: l.Progress}); err != nil {
		return err
	}
	return f.Commit()
}

// replaceAccount has cPanel make an account of an archive. What it is, if it is there, is packed before.
func (l *Live) replaceAccount(ctx context.Context, rec *record.Record, user, archive string, out *Outcome) error {
	kept := keptPackage{User: user}
	_, _, there := users.New(users.Passwd).Lookup(user)
	if there {
		dir := filepath.Join(rec.Dir(), "before")
		err := os.Mkdir(dir, 0o700)
		if err == nil {
			kept.Before, err = panel.Package(ctx, user, dir)
		}
		if err != nil {
			return errors.Join(err, rec.Reach(record.Failed, nil))
		}
		out.Before = kept.Before
	}
	if err := rec.Reach(writing, kept); err != nil {
		return err
	}
	if err := panel.Restore(ctx, archive, there); err != nil {
		return err
	}
	return rec.Reach(record.Done, kept)
}

// undoPackage has cPanel make the account what it was.
func (l *Live) undoPackage(ctx context.Context, store *record.Store, old *record.Record, out *Outcome) error {
	var kept keptPackage
	if len(old.Detail) > 0 {
		if err := json.Unmarshal(old.Detail, &kept); err != nil {
			return fmt.Errorf("restore %s: %w", old.ID, err)
		}
	}
	if kept.Before == "" {
		return exit.Hinted(fmt.Errorf("restore %s: nothing is kept of an account that was there before", old.ID), "if it handed the account to restorepkg, remove it in WHM")
	}
	rec, err := store.New(record.Record{Kind: packageKind, Account: old.Account, Source: old.ID, Target: old.Target, Stage: writing})
	if err != nil {
		return err
	}
	defer rec.Close()
	out.ID = rec.ID
	return l.replaceAccount(ctx, rec, kept.User, kept.Before, out)
}
