package live

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/users"
	"slotfs/fs/restore"
	"slotfs/indexer/backup"
)

// errMdbox says that a mailbox can be replaced as a whole only.
var errMdbox = errors.New("messages in the format mdbox cannot be merged")

// email tells the pieces of all mailboxes, those of a domain, one, or something in one.
func (l *Live) email(ctx context.Context, q *Request, p piece) ([]piece, error) {
	domain, rest, _ := strings.Cut(p.below, "/")
	own, err := l.ownMailbox(ctx, &p, domain)
	if err != nil {
		return nil, err
	}
	local, inside, _ := strings.Cut(rest, "/")
	switch {
	case domain == "":
		return l.allDomains(ctx, q, p)
	case own && q.Replace:
		return nil, exit.Usagef("restore %s: the account's own mailbox has those of its domains in it, and cannot be replaced as a whole: give the folders in it one by one", p.path)
	case own:
		p.steps = []step{{from: p.path, to: path.Join("mail", rest), merge: true}}
		return []piece{p}, nil
	case local == "":
		return l.domain(ctx, q, p)
	case inside == "":
		return l.inDomain(ctx, q, p, domain, local)
	}
	p.steps = []step{{from: p.path, to: path.Join("mail", p.below), merge: !q.Replace, whole: q.Replace}}
	return []piece{p}, nil
}

// ownMailbox reports whether what stands among the domains is the account's own mailbox.
func (l *Live) ownMailbox(ctx context.Context, p *piece, name string) (bool, error) {
	if name == "" || name != p.backup && name != "default" {
		return false, nil
	}
	top, err := l.pieceAt(ctx, p, path.Join(p.at, string(backup.Email), name))
	if err != nil {
		return false, err
	}
	for _, shape := range []string{"cur", "storage"} {
		if at, ok, err := l.child(ctx, &top, shape); err != nil || ok && at.node.IsDir() {
			return err == nil, err
		}
	}
	return false, nil
}

// allDomains tells the pieces of all domains, and of the account's own mailbox, as one of the home and those of the mail server.
func (l *Live) allDomains(ctx context.Context, q *Request, p piece) ([]piece, error) {
	var domains, all []piece
	if err := l.each(ctx, &p, func(one piece) {
		if one.node.IsDir() {
			domains = append(domains, one)
		}
	}); err != nil {
		return nil, err
	}
	own := *q
	for _, d := range domains {
		is, err := l.ownMailbox(ctx, &d, d.node.Name)
		if err != nil {
			return nil, err
		}
		own.Replace = q.Replace && !is
		more, err := l.email(ctx, &own, d)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	return joined(p, all), nil
}

// joined makes one piece of those that go to the home, and one of those that the mail server has.
func joined(p piece, all []piece) []piece {
	home, routes := p, p
	for _, one := range all {
		home.steps, home.leftOut, home.apart = append(home.steps, one.steps...), append(home.leftOut, one.leftOut...), append(home.apart, one.apart...)
		if len(one.routes) > 0 {
			routes.kind, routes.routes = one.kind, append(routes.routes, one.routes...)
		}
	}
	var out []piece
	if len(home.steps) > 0 || len(home.leftOut) > 0 {
		out = append(out, home)
	}
	if len(routes.routes) > 0 {
		out = append(out, routes)
	}
	return out
}

// domain tells the pieces of a domain: its mailboxes, and what stands beside them.
func (l *Live) domain(ctx context.Context, q *Request, p piece) ([]piece, error) {
	var names []string
	if err := l.each(ctx, &p, func(one piece) { names = append(names, one.node.Name) }); err != nil {
		return nil, err
	}
	var all []piece
	for _, name := range names {
		one, ok, err := l.child(ctx, &p, name)
		if err == nil && ok {
			var more []piece
			more, err = l.inDomain(ctx, q, one, path.Base(p.below), name)
			if errors.Is(err, errMdbox) {
				more, err = []piece{{leftOut: []string{err.Error()}, apart: []string{path.Join(path.Base(p.below), name)}}}, nil
			}
			all = append(all, more...)
		}
		if err != nil {
			return nil, err
		}
	}
	return joined(p, all), nil
}

// besides are the files beside the mailboxes of a domain that a mail server has in a directory for each kind; see indexer/engine/cpanel.
var besides = map[string]string{"forwarders": "valiases", "whole-domain-forwarder": "vdomainaliases", "filters": "vfilters"}

// inDomain tells the pieces of what stands in the directory of a domain: a mailbox, or a list of accounts, or a file of the mail server.
func (l *Live) inDomain(ctx context.Context, q *Request, p piece, domain, name string) ([]piece, error) {
	if dir := besides[strings.TrimSuffix(name, "@")]; dir != "" && !p.node.IsDir() {
		p.kind = routeKind(dir)
		p.routes = []mailFile{{Dir: dir, Domain: domain, from: p}}
		return []piece{p}, nil
	}
	box, err := l.isMailbox(ctx, &p, name)
	switch {
	case err != nil:
		return nil, err
	case box:
		err = l.mailbox(ctx, q, &p, domain, name)
	case p.node.IsDir():
		var lines []restore.Lines
		lines, err = l.accountLines(ctx, q, &p, domain, "")
		p.steps = []step{{lines: lines}}
	default:
		err = exit.With(fmt.Errorf("restore %s: %w", p.path, errNotLive), exit.Usage, "the lists of mail accounts come back with email/DOMAIN/accounts or with a mailbox")
	}
	return []piece{p}, err
}

// isMailbox tells a mailbox from the directory "accounts" with the lists of accounts, which is called "accounts@" beside a mailbox of that name.
func (l *Live) isMailbox(ctx context.Context, p *piece, name string) (bool, error) {
	if !p.node.IsDir() || name == "accounts@" {
		return false, nil
	}
	if name != "accounts" {
		return true, nil
	}
	for _, list := range accountLists {
		if at, ok, err := l.child(ctx, p, list); err != nil || ok && !at.node.IsDir() {
			return false, err
		}
	}
	return true, nil
}

// mailbox says how a mailbox is put back: merged, or as a whole.
func (l *Live) mailbox(ctx context.Context, q *Request, p *piece, domain, local string) error {
	to := path.Join("mail", domain, local)
	_, mdbox, err := l.child(ctx, p, "storage")
	if err != nil {
		return err
	}
	home, err := l.home(q, p.account)
	if err != nil {
		return err
	}
	_, missing := os.Lstat(filepath.Join(home, to))
	_, other := os.Lstat(filepath.Join(home, to, "storage"))
	there, liveMdbox := missing == nil, other == nil
	if there && (mdbox || liveMdbox) && !q.Replace {
		return exit.With(fmt.Errorf("restore %s: %w", p.path, errMdbox), exit.Usage, "with --replace the mailbox of the backup takes the place of the one that is there, which is kept")
	}
	whole := q.Replace || mdbox
	p.steps = []step{{from: p.path, to: to, merge: !whole, whole: whole}}
	if !whole && there {
		lines, err := l.subscriptions(ctx, p, to)
		if err != nil {
			return err
		}
		p.steps = append(p.steps, step{lines: lines})
	}
	up, err := l.pieceAt(ctx, p, path.Dir(p.path))
	if err != nil {
		return err
	}
	for _, name := range []string{"accounts@", "accounts"} {
		list, ok, err := l.child(ctx, &up, name)
		if err != nil {
			return err
		}
		if box, err := l.isMailbox(ctx, &list, name); !ok || box || err != nil {
			continue
		}
		lines, err := l.accountLines(ctx, q, &list, domain, local)
		if err != nil {
			return err
		}
		p.steps = append(p.steps, step{lines: lines})
		break
	}
	return nil
}

// accountLists are the files that know the mail accounts of a domain.
var accountLists = []string{"passwd", "shadow", "quota"}

// accountLines are the lines of a domain's accounts, or of one of them, with the owner and the home that the account has here.
func (l *Live) accountLines(ctx context.Context, q *Request, lists *piece, domain, local string) ([]restore.Lines, error) {
	home, err := l.home(q, lists.account)
	if err != nil {
		return nil, err
	}
	uid, gid, _ := users.New(users.Passwd).Lookup(lists.account)
	var all []restore.Lines
	for _, name := range accountLists {
		list, ok, err := l.child(ctx, lists, name)
		if err != nil {
			return nil, err
		}
		if !ok || list.node.IsDir() {
			continue
		}
		data, err := l.read(ctx, &list, maxList)
		if errors.Is(err, iofs.ErrPermission) {
			continue // hashes are root's to see: who asks for an owner leaves them out
		}
		if err != nil {
			return nil, err
		}
		lines := restore.Lines{Path: path.Join("etc", domain, name), Key: ":", Mode: 0o640}
		for line := range strings.Lines(string(data)) {
			line = strings.TrimRight(line, "\r\n")
			account, _, ok := strings.Cut(line, ":")
			if !ok || account == "" || local != "" && account != local || strings.ContainsRune(line, 0) {
				continue
			}
			if name == "passwd" {
				line = passwdLine(line, uid, gid, filepath.Join(home, "mail", domain, account))
			}
			lines.Lines = append(lines.Lines, line)
		}
		if len(lines.Lines) > 0 {
			all = append(all, lines)
		}
	}
	return all, nil
}

// maxList bounds a list of mail accounts, or of folders.
const maxList = 4 << 20

// passwdLine gives the line of a mail account the owner and the directory that it has here.
func passwdLine(line string, uid, gid uint32, dir string) string {
	f := strings.Split(line, ":")
	const fields, uidField, gidField, homeField = 7, 2, 3, 5
	if len(f) == fields {
		f[uidField], f[gidField], f[homeField] = strconv.FormatUint(uint64(uid), 10), strconv.FormatUint(uint64(gid), 10), dir
	}
	return strings.Join(f, ":")
}

// subscriptions are the folders that the backup's mailbox is subscribed to.
func (l *Live) subscriptions(ctx context.Context, box *piece, to string) ([]restore.Lines, error) {
	list, ok, err := l.child(ctx, box, "subscriptions")
	if err != nil || !ok || list.node.IsDir() {
		return nil, err
	}
	data, err := l.read(ctx, &list, maxList)
	if err != nil {
		return nil, err
	}
	return []restore.Lines{restore.Subscriptions(path.Join(to, "subscriptions"), data)}, nil
}
