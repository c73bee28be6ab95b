package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/restores"
	"slotfs/cmd/internal/users"
	"slotfs/fs/restore"
	"slotfs/fs/restore/asuser"
	"slotfs/fs/restore/live/postgres"
	"slotfs/fs/restore/live/record"
)

// filesKind is the kind of the records of files.
const filesKind = "files"

// writing is the stage of a restore of files that has not ended: what it replaced so far is kept all the same.
const writing = "writing"

// keptFiles is what the record has of a restore of files.
type keptFiles struct {
	Home string `json:"home"`
	Keep string `json:"keep"` // directory in it
	Kept bool   `json:"kept"` // it was there at the end: something was changed
}

// homeOf is the home of a user of this machine.
func homeOf(account string) (string, error) {
	for _, h := range users.Homes(users.Passwd) {
		if h.User == account {
			return h.Dir, nil
		}
	}
	return "", fmt.Errorf("user %s: no home directory of his own", account)
}

// home is the home of the account.
func (l *Live) home(q *Request, account string) (string, error) {
	if q.Home != "" {
		return filepath.Clean(q.Home), nil
	}
	return homeOf(account)
}

// files puts what lives in the home back.
func (l *Live) files(ctx context.Context, q *Request, p *piece, out *Outcome) error {
	home, err := l.home(q, p.account)
	if err != nil {
		return exit.Hinted(err, "make the user with his home first, or name the home with --home")
	}
	out.Target, out.LeftOut = filepath.Join(home, p.target()), append(out.LeftOut, p.leftOut...)
	if q.DryRun {
		return l.run(ctx, p, home, "", true, out)
	}
	rec, err := l.begin(p, out, home)
	if err != nil {
		return err
	}
	defer rec.Close()
	return errors.Join(l.run(ctx, p, home, keepName(rec), false, out), l.endFiles(rec, out))
}

// run does the steps of a piece one after the other.
func (l *Live) run(ctx context.Context, p *piece, home, keep string, rehearse bool, out *Outcome) error {
	for i := range p.steps {
		s := &p.steps[i]
		if s.from == "" && len(s.lines) == 0 {
			continue
		}
		h, err := l.host(ctx, p, s, home, out)
		if err != nil {
			return err
		}
		h.Options.Keep.Name, h.Options.Rehearse, h.Destination.Rehearse = keep, rehearse, rehearse
		if err := l.serve(ctx, h, out); err != nil {
			return err
		}
	}
	return nil
}

// keepName is the directory of the home that keeps what a restore replaces.
func keepName(r *record.Record) string {
	return "slotfs-before-" + r.Time.Format("20060102T150405") + "-" + r.ID[len(r.ID)-4:]
}

// begin begins the record of a restore of files.
func (l *Live) begin(p *piece, out *Outcome, home string) (*record.Record, error) {
	rec, err := l.store().New(record.Record{Kind: filesKind, Account: p.account, Source: p.path, Target: out.Target, Stage: writing})
	if err != nil {
		return nil, err
	}
	out.ID = rec.ID
	if err := rec.Reach(writing, keptFiles{Home: home, Keep: keepName(rec)}); err != nil {
		rec.Close()
		return nil, err
	}
	return rec, nil
}

// endFiles ends the record, and tells where what was replaced is.
func (l *Live) endFiles(rec *record.Record, out *Outcome) error {
	var k keptFiles
	if err := json.Unmarshal(rec.Detail, &k); err != nil {
		return err
	}
	if _, err := os.Lstat(filepath.Join(k.Home, k.Keep)); err == nil {
		out.Before, k.Kept = filepath.Join(k.Home, k.Keep), true
	}
	return rec.Reach(record.Done, k)
}

// failed notes what was not restored.
func (o *Outcome) failed(path string, err error) {
	o.failures++
	if o.failures <= maxFailures {
		o.Notes = append(o.Notes, path+": "+strings.ReplaceAll(err.Error(), "\n", "; "))
	}
}

// maxFailures is how many failures are told.
const maxFailures = 100

// serve runs a restore with the rights of the account.
func (l *Live) serve(ctx context.Context, h *asuser.Host, out *Outcome) error {
	defer l.count(ctx, h)()
	s, _, err := restores.Serve(ctx, h, l.Stderr)
	if out.Files == nil {
		out.Files = &restore.Summary{}
	}
	out.Files.Add(&s)
	if err == nil && s.Failed > 0 {
		out.Code = exit.Partial
	}
	return err
}

// open opens the record of a restore that is to be undone.
func open(store *record.Store, id string) (*record.Record, error) {
	old, err := store.Open(id)
	return old, busy(err)
}

// count counts what there is to do until stop is called.
func (l *Live) count(ctx context.Context, h *asuser.Host) (stop func()) {
	if l.Progress == nil || len(h.Roots) == 0 || h.Options.Rehearse {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = restore.Plan(ctx, h.Roots, l.Progress) // what cannot be read is told by the restore itself
	}()
	return func() {
		cancel()
		<-done
	}
}

// undoFiles puts the files back that a restore replaced.
func (l *Live) undoFiles(ctx context.Context, store *record.Store, id string, out *Outcome) error {
	old, err := open(store, id)
	if err != nil {
		return err
	}
	defer old.Close()
	var k keptFiles
	if err := json.Unmarshal(old.Detail, &k); err != nil {
		return fmt.Errorf("restore %s: %w", id, err)
	}
	who, err := restores.Named(old.Account)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(filepath.Join(k.Home, k.Keep)); err != nil {
		if k.Kept || !errors.Is(err, iofs.ErrNotExist) {
			return fmt.Errorf("restore %s: what it kept is gone: %w", id, err)
		}
		out.Notes = append(out.Notes, "it changed nothing: there is nothing to undo")
		return nil
	}
	rec, err := l.begin(&piece{account: old.Account, path: id}, out, k.Home)
	if err != nil {
		return err
	}
	defer rec.Close()
	err = l.serve(ctx, &asuser.Host{Identity: *who, PutBack: k.Keep, Options: restore.Options{Keep: &restore.Keep{Home: k.Home, Name: keepName(rec)}, Failed: out.failed}}, out)
	if err == nil {
		old.Undone = rec.ID
		err = old.Save()
	}
	return errors.Join(err, l.endFiles(rec, out))
}

// expire removes what was kept longer ago than the configuration says.
func (l *Live) expire(ctx context.Context) error {
	store := l.store()
	all, err := store.List()
	for _, one := range all {
		switch due := time.Since(one.Time) > l.Config.KeepBefore; {
		case due && one.Kind == filesKind:
			err = errors.Join(err, l.expireFiles(ctx, store, one.ID))
		case due && one.Kind == postgres.Kind && !l.expirePostgres(ctx, store, one.ID):
			return err // what it keeps would be forgotten: the next time
		}
	}
	return errors.Join(err, store.Expire(l.Config.KeepBefore))
}

// expireFiles removes what a restore of files kept, with the rights of the account.
func (l *Live) expireFiles(ctx context.Context, store *record.Store, id string) error {
	rec, err := store.Open(id)
	if err != nil {
		return nil // somebody is at work on it
	}
	defer rec.Close()
	var k keptFiles
	who, err := restores.Named(rec.Account)
	if err == nil {
		err = json.Unmarshal(rec.Detail, &k)
	}
	if err == nil && k.Keep != "" {
		_, _, err = restores.Serve(ctx, &asuser.Host{Identity: *who, Discard: k.Keep, Options: restore.Options{Keep: &restore.Keep{Home: k.Home}}}, l.Stderr)
	}
	if err != nil {
		return fmt.Errorf("remove what restore %s kept: %w", id, err)
	}
	return os.RemoveAll(rec.Dir())
}
