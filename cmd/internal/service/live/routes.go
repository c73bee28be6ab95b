package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"slotfs/cmd/internal/users"
	"slotfs/fs/restore/live/record"
	"slotfs/indexer/backup"
)

// routesKind is the kind of the records of forwarders and filters of domains.
const routesKind = "mail-routes"

// mailRoutes is the directory below which cPanel's mail server has a directory for each kind of route, with a file for each domain.
const mailRoutes = "/etc"

// userDomains says whose a domain is: lines "DOMAIN: USER".
const userDomains = "/etc/userdomains"

// mailFile is a file of a domain that the mail server reads: forwarders, or filters.
type mailFile struct {
	Dir    string `json:"dir"` // valiases, vdomainaliases or vfilters
	Domain string `json:"domain"`
	from   piece
}

func (f *mailFile) path() string { return filepath.Join(mailRoutes, f.Dir, f.Domain) }

// routeKind is the kind of part that a directory of the mail server's holds.
func routeKind(dir string) backup.PartKind {
	if dir == "vfilters" {
		return backup.Filters
	}
	return backup.Forwarders
}

// routes tells the pieces of forwarders and filters: those of domains, which are files of the mail server, and those of single mailboxes,
// which lie in the home.
func (l *Live) routes(ctx context.Context, p piece) ([]piece, error) {
	if !p.node.IsDir() {
		return []piece{routeOf(p)}, nil
	}
	var all, inner []piece
	err := l.each(ctx, &p, func(one piece) {
		if one.node.IsDir() {
			inner = append(inner, one)
		} else {
			all = append(all, routeOf(one))
		}
	})
	for _, dir := range inner {
		more, innerErr := l.routes(ctx, dir)
		all, err = append(all, more...), errors.Join(err, innerErr)
	}
	return joined(p, all), err
}

// routeOf says where a file of forwarders or filters goes.
func routeOf(p piece) piece {
	name := path.Base(p.below)
	if local, domain, ok := strings.Cut(name, "@"); ok && p.kind == backup.Filters {
		file := "filter"
		if d, yaml := strings.CutSuffix(domain, ".yaml"); yaml {
			domain, file = d, "filter.yaml"
		}
		p.steps = []step{{from: p.path, to: path.Join("etc", domain, local, file)}}
		return p
	}
	dir := "vfilters"
	if p.kind == backup.Forwarders {
		dir = "valiases"
		if strings.HasPrefix(p.below, "whole-domain/") {
			dir = "vdomainaliases"
		}
	}
	p.routes = []mailFile{{Dir: dir, Domain: name, from: p}}
	return p
}

// state is a file that the mail server reads, with what it has.
type fileState struct {
	mailFile
	There    bool   `json:"there"`
	UID, GID uint32 `json:"-"`
	Owner    [2]int `json:"owner"`
	Mode     uint32 `json:"mode"`
	Content  []byte `json:"content,omitempty"`
}

// keptRoutes is what the record has of the files as they were.
type keptRoutes struct {
	Files []fileState `json:"files"`
}

// putRoutes puts forwarders and filters of domains back, where the mail server of this machine reads them, and else leaves them in a directory.
func (l *Live) putRoutes(ctx context.Context, q *Request, p *piece, out *Outcome) error {
	var here []fileState
	var left []piece
	for _, f := range p.routes {
		if why := notRoute(&f, p.account); why != "" {
			out.Notes = append(out.Notes, fmt.Sprintf("%s: %s", f.from.path, why))
			left = append(left, f.from)
			continue
		}
		content, err := l.read(ctx, &f.from, maxList)
		if err != nil {
			return err
		}
		uid, _, _ := users.New(users.Passwd).Lookup(p.account)
		s := fileState{mailFile: f, There: true, Owner: [2]int{int(uid), mailGroup()}, Mode: 0o640, Content: content}
		here = append(here, s)
	}
	if len(here) == 0 {
		return l.leave(ctx, q, p, left, out)
	}
	out.Target = "forwarders and filters of " + domainsOf(here)
	if len(left) > 0 {
		out.LeftOut = append(out.LeftOut, "forwarders and filters of domains that are not "+p.account+"'s here")
	}
	if q.DryRun {
		return l.rehearseRoutes(here, out)
	}
	return l.changeRoutes(l.store(), record.Record{Account: p.account, Source: p.path}, here, out)
}

func domainsOf(files []fileState) string {
	var names []string
	seen := map[string]bool{}
	for i := range files {
		if d := files[i].Domain; !seen[d] {
			seen[d] = true
			names = append(names, d)
		}
	}
	return strings.Join(names, ", ")
}

// notRoute says why a file is none that may be put in place; "" if it may.
func notRoute(f *mailFile, account string) string {
	info, err := os.Lstat(filepath.Join(mailRoutes, f.Dir))
	if err != nil || !info.IsDir() {
		return "the mail server of this machine has no " + filepath.Join(mailRoutes, f.Dir)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || st.Uid != 0 || info.Mode()&0o002 != 0 {
		return filepath.Join(mailRoutes, f.Dir) + " can be written by others than root"
	}
	data, err := os.ReadFile(userDomains)
	if err == nil {
		for line := range strings.Lines(string(data)) {
			domain, user, _ := strings.Cut(line, ":")
			if domain == f.Domain && strings.TrimSpace(user) == account && filepath.IsLocal(domain) && !strings.Contains(domain, "/") {
				return ""
			}
		}
	}
	return fmt.Sprintf("%s does not say that the domain is %s's", userDomains, account)
}

// mailGroup is the group of the mail server, which reads these files; root's if there is none.
func mailGroup() int {
	if gid, ok := users.NewAccounts(users.Passwd, users.Group).Now().Groups["mail"]; ok {
		return int(gid)
	}
	return 0
}

// rehearseRoutes tells what would change.
func (l *Live) rehearseRoutes(files []fileState, out *Outcome) error {
	for i := range files {
		now, err := stateOf(files[i].mailFile)
		if err != nil {
			return err
		}
		if !now.There || string(now.Content) != string(files[i].Content) {
			out.Notes = append(out.Notes, files[i].path()+" would change")
		}
	}
	return nil
}

// stateOf reads a file as it is.
func stateOf(f mailFile) (fileState, error) {
	s := fileState{mailFile: f}
	root, err := os.OpenRoot(filepath.Join(mailRoutes, f.Dir))
	if err != nil {
		return s, err
	}
	defer root.Close()
	info, err := root.Lstat(f.Domain)
	if errors.Is(err, iofs.ErrNotExist) {
		return s, nil
	}
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err == nil {
		s.Content, err = root.ReadFile(f.Domain)
	}
	if err != nil {
		return s, fmt.Errorf("%s: %w", f.path(), err)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		s.Owner = [2]int{int(st.Uid), int(st.Gid)}
	}
	s.There, s.Mode = true, uint32(info.Mode().Perm())
	return s, nil
}

// changeRoutes gives files the states that they are to have. What they are is kept in a record first.
func (l *Live) changeRoutes(store *record.Store, r record.Record, files []fileState, out *Outcome) error {
	r.Kind, r.Target, r.Stage = routesKind, out.Target, writing
	rec, err := store.New(r)
	if err != nil {
		return err
	}
	defer rec.Close()
	out.ID = rec.ID
	var kept keptRoutes
	for i := range files {
		s, err := stateOf(files[i].mailFile)
		if err != nil {
			return errors.Join(err, rec.Reach(record.Failed, nil))
		}
		kept.Files = append(kept.Files, s)
	}
	if err := rec.Reach(writing, kept); err != nil {
		return err
	}
	for i := range files {
		if err := files[i].install(rec.ID); err != nil {
			return err
		}
		out.Parts++
	}
	return rec.Reach(record.Done, kept)
}

// install gives a file its state, at once.
func (s *fileState) install(id string) error {
	root, err := os.OpenRoot(filepath.Join(mailRoutes, s.Dir))
	if err != nil {
		return err
	}
	defer root.Close()
	if !s.There {
		if err := root.Remove(s.Domain); err != nil && !errors.Is(err, iofs.ErrNotExist) {
			return err
		}
		return nil
	}
	temp := ".slotfs-restore-" + id
	f, err := root.OpenFile(temp, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(s.Content)
	err = errors.Join(err, f.Chown(s.Owner[0], s.Owner[1]), f.Chmod(os.FileMode(s.Mode)), f.Sync(), f.Close())
	if err == nil {
		err = root.Rename(temp, s.Domain)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", s.path(), errors.Join(err, root.Remove(temp)))
	}
	return nil
}

// undoRoutes gives files the state that they had before a restore.
func (l *Live) undoRoutes(store *record.Store, old *record.Record, out *Outcome) error {
	var kept keptRoutes
	if err := json.Unmarshal(old.Detail, &kept); err != nil {
		return fmt.Errorf("restore %s: %w", old.ID, err)
	}
	return l.changeRoutes(store, record.Record{Account: old.Account, Source: old.ID}, kept.Files, out)
}

// count is a number in words, for notes.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
