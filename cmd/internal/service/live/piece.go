package live

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"path"
	"slices"
	"strings"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/browse"
	"slotfs/cmd/internal/users"
	"slotfs/fs/restore/live/panel"
	"slotfs/indexer/backup"
)

// piece is a part of a snapshot that is put back with one record.
type piece struct {
	path     string // in the mount, links resolved
	at       string // the snapshot's directory
	backup   string // the account's name in the backup
	account  string // user of this machine
	kind     backup.PartKind
	below    string // path below the directory of its kind
	node     browse.Node
	unproven bool

	steps   []step     // of what goes to the account's home
	routes  []mailFile // of what the mail server has of domains
	apart   []string   // mailboxes DOMAIN/LOCAL that no step puts back
	leftOut []string   // what of it is not put back
}

// errNotLive says that a part is not one that can be put back.
var errNotLive = errors.New("not a part that restore --live can put back")

// find finds what each path means: the pieces that belong together, in the order in which they are put back.
func (l *Live) find(ctx context.Context, q *Request) ([][]piece, error) {
	if l.Owner != "" && (q.Database != "" || q.Home != "") {
		return nil, exit.Usagef("only administrators may name the database or the home")
	}
	if q.Restorepkg && !l.toPanel() {
		return nil, exit.Usagef("--restorepkg: only for administrators of a machine with cPanel, which has %s", panel.Restorepkg)
	}
	var all [][]piece
	for _, p := range q.Paths {
		one, err := l.findOne(ctx, q, p)
		if err != nil {
			return nil, err
		}
		pieces, err := l.expand(ctx, q, one)
		if err == nil {
			err = l.allowed(pieces)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, pieces)
	}
	if (q.Database != "" || len(q.Tables) > 0) && (len(all) != 1 || len(all[0]) != 1 || all[0][0].kind != backup.Databases) {
		return nil, exit.Usagef("--database and --table are for one database")
	}
	return all, nil
}

// allowed refuses pieces that whoever asks may not put back.
func (l *Live) allowed(pieces []piece) error {
	for i := range pieces {
		p := &pieces[i]
		for _, kind := range p.kinds() {
			if l.May != nil && !l.May(p.backup, kind) {
				return fmt.Errorf("restore %s: you may not put %s back: %w", p.path, kind, iofs.ErrPermission)
			}
		}
	}
	return nil
}

// kinds are those of all that a piece puts back: a home has mailboxes in it.
func (p *piece) kinds() []backup.PartKind {
	mail := func(s step) bool {
		return s.merge || len(s.lines) > 0 || s.to == "mail" || strings.HasPrefix(s.to, "mail/")
	}
	if p.kind != backup.Email && slices.ContainsFunc(p.steps, mail) {
		return []backup.PartKind{p.kind, backup.Email}
	}
	return []backup.PartKind{p.kind}
}

func (l *Live) findOne(ctx context.Context, q *Request, p string) (piece, error) {
	way, err := browse.Walk(ctx, l.Tree, p, true)
	if err != nil {
		return piece{}, browse.Explain("restore", p, err)
	}
	one := piece{path: browse.Path(way), node: way[len(way)-1]}
	at, ok := browse.SnapshotOf(one.path)
	if !ok {
		return piece{}, exit.Usagef("restore %s: not within a snapshot", p)
	}
	kind, below, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(one.path, at), "/"), "/")
	one.at, one.kind, one.below = at, backup.PartKind(kind), below
	for i := range way {
		if s := way[i].Snapshot; s != nil {
			one.unproven, one.backup = s.Status != backup.Complete, s.Account
			one.account, err = owner(q, s.Account, &way[i])
			if one.kind == "" && err != nil && q.Account == "" && l.toPanel() {
				one.account, err = s.Account, nil // restorepkg makes the account of that name
			}
			break
		}
	}
	if err == nil && l.Owner != "" && one.account != l.Owner {
		err = fmt.Errorf("only what is %s's: %w", l.Owner, iofs.ErrPermission)
	}
	if err != nil {
		return piece{}, fmt.Errorf("restore %s: %w", p, err)
	}
	return one, one.check(q)
}

// stagedCron is where plain backups have tables of cron jobs that a command put there.
const stagedCron = ".slotfs-staged/cron/"

// check refuses what cannot be put back, and tells what is one of another kind than its directory.
func (p *piece) check(q *Request) error {
	switch {
	case q.Database != "" && !p.node.IsDir():
		p.kind = backup.Databases
	case p.kind == backup.Files && strings.HasPrefix(p.below, stagedCron) && !p.node.IsDir():
		p.kind = backup.Cron
	}
	if p.kind != "" && !slices.Contains(backup.PartKinds(), p.kind) || p.kind == backup.Reseller || p.kind == backup.Config {
		return exit.With(fmt.Errorf("restore %s: %w", p.path, errNotLive), exit.Usage,
			"it takes a snapshot, its parts (files/, email/, databases/, cron/ and so on) and what is in them, and any dump with --database")
	}
	if p.kind == backup.Databases && !p.has(path.Base(p.path)) && !p.node.IsDir() {
		return exit.With(fmt.Errorf("restore %s: %w", p.path, errNotLive), exit.Usage, "a dump is called NAME.sql, NAME.sql.gz or NAME.sql.zst, of PostgreSQL NAME.tar")
	}
	if q.Restorepkg && p.kind != "" {
		return exit.Usagef("--restorepkg is for a whole account: the path of a snapshot")
	}
	if q.Replace && (p.kind != backup.Email && p.kind != "" || !p.node.IsDir()) {
		return exit.Usagef("--replace is for mailboxes: other parts are replaced as it is, and messages are only merged")
	}
	return nil
}

// has reports whether a file of this name can be put back in a directory of the piece's kind.
func (p *piece) has(name string) bool {
	if p.kind == backup.DatabaseUsers {
		_, ok := usersFile(name)
		return ok
	}
	_, dump := dumpName(name)
	_, archive := archiveName(name)
	return dump || archive
}

// owner is the user of this machine whose account is meant. A name is no identity: where the account's home is not known to be this
// machine, he has to be named.
func owner(q *Request, account string, snapshot *browse.Node) (string, error) {
	name := q.Account
	if name == "" {
		name = account
	}
	uid, _, ok := users.New(users.Passwd).Lookup(name)
	switch {
	case q.Account == "" && (!ok || uid != snapshot.Attr.UID):
		return "", exit.With(fmt.Errorf("nothing says that the account %s is one of this machine", account), exit.Usage,
			"name the user whose account is meant with --account, or give the destination its local-origin")
	case !ok:
		return "", exit.Usagef("--account %s: no such user", name)
	}
	return name, nil
}

// dumpName is the database that a dump is called after.
func dumpName(file string) (string, bool) {
	for _, end := range []string{".sql", ".sql.gz", ".sql.zst"} {
		if name, ok := strings.CutSuffix(file, end); ok && name != "" {
			return name, true
		}
	}
	return "", false
}
