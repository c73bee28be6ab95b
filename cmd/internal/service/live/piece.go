package live

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"path"
	"strings"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/browse"
	"slotfs/cmd/internal/users"
	"slotfs/indexer/backup"
)

// piece is one part of a snapshot that is put back.
type piece struct {
	path     string // in the mount, links resolved
	account  string // user of this machine
	kind     backup.PartKind
	below    string // path below the directory of its kind
	node     browse.Node
	unproven bool
}

// errNotLive says that a part is not one that can be put back.
var errNotLive = errors.New("not a part that restore --live can put back")

// find finds what the paths mean. A directory of databases stands for each of them.
func (l *Live) find(ctx context.Context, q *Request) ([]piece, error) {
	if l.Owner != "" && q.Database != "" {
		return nil, exit.Usagef("only administrators may name the database")
	}
	var all []piece
	for _, p := range q.Paths {
		one, err := l.findOne(ctx, q, p)
		if err != nil {
			return nil, err
		}
		if one.kind != backup.Databases || !one.node.IsDir() {
			all = append(all, one)
			continue
		}
		err = l.Tree.List(ctx, one.node.ID, func(n *browse.Node) error {
			if _, ok := dumpName(n.Name); ok && !n.IsDir() {
				each := one
				each.path, each.below, each.node = path.Join(one.path, n.Name), n.Name, *n
				all = append(all, each)
			}
			return nil
		})
		if err != nil {
			return nil, browse.Explain("restore", one.path, err)
		}
	}
	if (q.Database != "" || len(q.Tables) > 0) && (len(all) != 1 || all[0].kind != backup.Databases) {
		return nil, exit.Usagef("--database and --table are for one database")
	}
	return all, nil
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
	one.kind, one.below = backup.PartKind(kind), below
	for i := range way {
		if s := way[i].Snapshot; s != nil {
			one.unproven = s.Status != backup.Complete
			one.account, err = owner(q, s.Account, &way[i])
			break
		}
	}
	if err != nil {
		return piece{}, fmt.Errorf("restore %s: %w", p, err)
	}
	if l.Owner != "" && one.account != l.Owner {
		return piece{}, fmt.Errorf("restore %s: only what is %s's: %w", p, l.Owner, iofs.ErrPermission)
	}
	if q.Database != "" && !one.node.IsDir() {
		one.kind = backup.Databases
	}
	switch one.kind {
	case backup.Files, backup.Email:
		return one, nil
	case backup.Databases:
	default:
		return piece{}, exit.With(fmt.Errorf("restore %s: %w", p, errNotLive), exit.Usage, "it takes files/, email/ and databases/ and what is in them, and any dump with --database")
	}
	if _, ok := dumpName(path.Base(one.path)); !ok && !one.node.IsDir() {
		return piece{}, exit.With(fmt.Errorf("restore %s: %w", p, errNotLive), exit.Usage, "a dump is called NAME.sql, NAME.sql.gz or NAME.sql.zst")
	}
	return one, nil
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
