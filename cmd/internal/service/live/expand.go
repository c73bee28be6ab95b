package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"path"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/browse"
	"slotfs/fs/restore/live/panel"
	"slotfs/indexer/backup"
)

// order is the order in which the parts of an account are put back: what others refer to comes first (database users define programs), and cron, which begins to run
// commands, last.
func order() []backup.PartKind {
	return []backup.PartKind{backup.Files, backup.Forwarders, backup.Filters, backup.DatabaseUsers, backup.Databases, backup.Domains, backup.DNS, backup.SSL, backup.DKIM, backup.FTP, backup.Lists, backup.Cron}
}

// expand tells which pieces are put back for one path.
func (l *Live) expand(ctx context.Context, q *Request, p piece) ([]piece, error) {
	var err error
	switch p.kind {
	case "":
		if l.toPanel() {
			return []piece{p}, nil
		}
		return l.account(ctx, q, p)
	case backup.Files:
		err = l.filesSteps(ctx, q, &p)
	case backup.Email:
		return l.email(ctx, q, p)
	case backup.Autoresponders:
		p.steps = []step{{from: p.path, to: path.Join(".autorespond", p.below)}}
	case backup.Filters, backup.Forwarders:
		return l.routes(ctx, p)
	case backup.Databases, backup.DatabaseUsers:
		return l.databases(ctx, p)
	case backup.Cron:
		return l.table(ctx, p)
	}
	return []piece{p}, err
}

// toPanel reports whether whole accounts are for cPanel to restore: it is here, and who asks is an administrator.
func (l *Live) toPanel() bool { return l.Owner == "" && panel.Here() }

// account tells the pieces of a whole account.
func (l *Live) account(ctx context.Context, q *Request, p piece) ([]piece, error) {
	var all []piece
	for _, kind := range order() {
		one := p
		var err error
		one.kind, one.path = kind, path.Join(p.at, string(kind))
		one.node, err = l.Tree.Lookup(ctx, p.node.ID, string(kind))
		if errors.Is(err, iofs.ErrNotExist) {
			continue
		}
		var more []piece
		if err == nil {
			more, err = l.expand(ctx, q, one)
		}
		if err != nil {
			return nil, browse.Explain("restore", one.path, err)
		}
		for _, m := range more {
			if m.kind != backup.Filters || len(m.steps) == 0 { // those of single mailboxes come with the home
				all = append(all, m)
			}
		}
	}
	if len(all) == 0 {
		return nil, exit.Usagef("restore %s: nothing is in it that can be put back", p.path)
	}
	return all, nil
}

// databases tells the dumps, or files of database users, that a path stands for.
func (l *Live) databases(ctx context.Context, p piece) ([]piece, error) {
	if !p.node.IsDir() {
		return []piece{p}, nil
	}
	var all []piece
	err := l.each(ctx, &p, func(one piece) {
		if one.has(one.node.Name) && !one.node.IsDir() {
			all = append(all, one)
		}
	})
	return all, err
}

// table finds the table of cron jobs of the account, where a directory is given.
func (l *Live) table(ctx context.Context, p piece) ([]piece, error) {
	if !p.node.IsDir() {
		return []piece{p}, nil
	}
	var all []piece
	err := l.each(ctx, &p, func(one piece) {
		if one.node.Name == p.backup && !one.node.IsDir() {
			all = append(all, one)
		}
	})
	if err == nil && len(all) == 0 {
		err = exit.Usagef("restore %s: no table of %s is in it: give the path of the one that is meant", p.path, p.backup)
	}
	return all, err
}

// each hands what is in the directory of a piece to yield, as pieces.
func (l *Live) each(ctx context.Context, p *piece, yield func(piece)) error {
	err := l.Tree.List(ctx, p.node.ID, func(n *browse.Node) error {
		one := *p
		one.path, one.below, one.node = path.Join(p.path, n.Name), path.Join(p.below, n.Name), *n
		yield(one)
		return nil
	})
	if err != nil {
		return browse.Explain("restore", p.path, err)
	}
	return nil
}

// child tells what is in the directory of a piece; false if that is not there.
func (l *Live) child(ctx context.Context, p *piece, names ...string) (piece, bool, error) {
	one := *p
	for _, name := range names {
		n, err := l.Tree.Lookup(ctx, one.node.ID, name)
		if errors.Is(err, iofs.ErrNotExist) {
			return one, false, nil
		}
		if err != nil {
			return one, false, browse.Explain("restore", path.Join(one.path, name), err)
		}
		one.path, one.below, one.node = path.Join(one.path, name), path.Join(one.below, name), n
	}
	return one, true, nil
}

// pieceAt is another path of the snapshot of a piece.
func (l *Live) pieceAt(ctx context.Context, p *piece, at string) (piece, error) {
	one := piece{path: at, at: p.at, backup: p.backup, account: p.account, kind: p.kind, below: path.Base(at), unproven: p.unproven}
	var err error
	if one.node, err = browse.Resolve(ctx, l.Tree, at); err != nil {
		return one, browse.Explain("restore", at, err)
	}
	return one, nil
}

// read reads a file that has at most limit bytes.
func (l *Live) read(ctx context.Context, p *piece, limit int64) ([]byte, error) {
	if p.node.Attr.Size > limit {
		return nil, fmt.Errorf("restore %s: more than %d bytes", p.path, limit)
	}
	f, err := l.Tree.Open(ctx, &p.node)
	if err != nil {
		return nil, browse.Explain("restore", p.path, err)
	}
	defer f.Close()
	data, err := io.ReadAll(browse.NewFileReader(ctx, f, p.node.Attr.Size))
	if err != nil {
		return nil, browse.Explain("restore", p.path, err)
	}
	return data, nil
}
