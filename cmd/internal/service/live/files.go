package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/browse"
	"slotfs/cmd/internal/service/restores"
	"slotfs/cmd/internal/users"
	"slotfs/fs/restore"
	"slotfs/fs/restore/asuser"
	"slotfs/fs/restore/live/record"
	"slotfs/indexer/backup"
)

// filesKind is the kind of the records of files.
const filesKind = "files"

// writing is the stage of a restore of files that has not ended: what it replaced so far is kept all the same.
const writing = "writing"

// keptFiles is what the record has of a restore of files.
type keptFiles struct {
	Home string `json:"home"`
	Keep string `json:"keep"` // directory in it
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

// files puts files, or mailboxes, back into the home.
func (l *Live) files(ctx context.Context, q *Request, p *piece, out *Outcome) error {
	at, _ := browse.SnapshotOf(p.path)
	below := p.below
	if p.kind == backup.Email {
		below = path.Join("mail", p.below)
		if err := l.maildir(ctx, p); err != nil {
			return err
		}
	}
	home, err := homeOf(p.account)
	if err != nil {
		return err
	}
	out.Target = filepath.Join(home, below)
	h, err := l.host(ctx, p, path.Join(at, string(backup.Files)), home, below, out)
	if err != nil {
		return err
	}
	if q.DryRun {
		h.Options.Rehearse, h.Destination.Rehearse = true, true
		return l.serve(ctx, h, out)
	}
	rec, err := l.begin(p, out, home)
	if err != nil {
		return err
	}
	defer rec.Close()
	h.Options.Keep.Name = keepName(rec)
	return errors.Join(l.serve(ctx, h, out), l.endFiles(rec, out))
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
	if err := rec.Reach(writing, keptFiles{home, keepName(rec)}); err != nil {
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
		out.Before = filepath.Join(k.Home, k.Keep)
	}
	return rec.Reach(record.Done, k)
}

// maildir refuses mailboxes that cannot be merged message by message.
func (l *Live) maildir(ctx context.Context, p *piece) error {
	if n, err := l.Tree.Lookup(ctx, p.node.ID, "storage"); err == nil && n.IsDir() {
		return exit.Hinted(fmt.Errorf("restore %s: the mailbox is in the format mdbox, whose messages cannot be merged", p.path),
			"restore it as files, with the mail server stopped: PATH is files/mail/... then")
	}
	return nil
}

// host prepares the restore of what is at a path below the home, with the rights of the account.
func (l *Live) host(ctx context.Context, p *piece, files, home, below string, out *Outcome) (*asuser.Host, error) {
	id, err := restores.Named(p.account)
	if err != nil {
		return nil, err
	}
	src := restores.NewSource(l.Tree)
	e, err := src.Find(ctx, path.Join(files, below))
	if err != nil {
		return nil, err
	}
	root := restore.Root{Source: src, Entry: e, Path: p.path}
	to := home
	if below != "" {
		var names []string
		to, names = existing(home, below)
		root.Name = names[0]
		if len(names) > 1 {
			root.Source = narrow{Source: src, names: names}
			root.Entry, err = src.Find(ctx, path.Join(files, strings.TrimPrefix(strings.TrimPrefix(to, home), "/"), names[0]))
			root.Entry.Handle = step{1, root.Entry.Handle}
		}
	}
	if err != nil {
		return nil, err
	}
	window, workers := src.Window(&e)
	mail := p.kind == backup.Email
	return &asuser.Host{Identity: *id, Destination: restore.Destination{Path: to}, Roots: []restore.Root{root},
		Options: restore.Options{Overwrite: !mail, Maildir: mail, Window: window, Workers: workers, Progress: l.Progress, Failed: out.failed,
			Keep: &restore.Keep{Home: home, Below: strings.TrimPrefix(strings.TrimPrefix(to, home), "/")}}}, nil
}

// existing tells which directory on the way to a path below home is there, and the names that lead on from it. Whether they are what
// they seem is for the process to see that writes.
func existing(home, below string) (dir string, names []string) {
	names = strings.Split(below, "/")
	dir = home
	for len(names) > 1 {
		next := filepath.Join(dir, names[0])
		if info, err := os.Stat(next); err != nil || !info.IsDir() {
			break
		}
		dir, names = next, names[1:]
	}
	return dir, names
}

// narrow shows of the first directories only what leads on.
type narrow struct {
	restores.Source
	names []string
}

// step is the handle of a directory on the way: which of names comes next.
type step struct {
	next   int
	handle any
}

// List implements restore.Source.
func (n narrow) List(ctx context.Context, dir *restore.Entry, yield func(*restore.Entry) error) error {
	at, ok := dir.Handle.(step)
	if !ok {
		return n.Source.List(ctx, dir, yield)
	}
	inner := *dir
	inner.Handle = at.handle
	return n.Source.List(ctx, &inner, func(e *restore.Entry) error {
		if e.Name != n.names[at.next] {
			return nil
		}
		if at.next+1 < len(n.names) {
			e.Handle = step{at.next + 1, e.Handle}
		}
		return yield(e)
	})
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
	s, _, err := restores.Serve(ctx, h, l.Stderr)
	out.Files = &s
	if err == nil && s.Failed > 0 {
		out.Code = exit.Partial
	}
	return err
}

// open opens the record of a restore that is to be undone.
func open(store *record.Store, id string) (*record.Record, error) {
	old, err := store.Open(id)
	if errors.Is(err, record.ErrBusy) {
		err = exit.With(err, exit.Busy, "")
	}
	return old, err
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
		return fmt.Errorf("restore %s: it replaced nothing, or what it kept is gone: %w", id, err)
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
		if one.Kind == filesKind && time.Since(one.Time) > l.Config.KeepBefore {
			err = errors.Join(err, l.expireFiles(ctx, store, one.ID))
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
