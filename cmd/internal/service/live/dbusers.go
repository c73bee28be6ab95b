package live

import (
	"context"
	"path"
	"strings"

	"slotfs/cmd/internal/service/browse"
	"slotfs/fs/restore/live/mysql"
	"slotfs/fs/restore/live/record"
)

// usersFile reports whether a file is one of database users, and whether of PostgreSQL.
func usersFile(name string) (postgres, ok bool) {
	return strings.HasSuffix(name, ".pgsql.sql"), strings.HasSuffix(name, ".sql")
}

// databaseUsers makes and alters the database users of a file.
func (l *Live) databaseUsers(ctx context.Context, q *Request, p *piece, out *Outcome) error {
	if postgres, _ := usersFile(path.Base(p.path)); postgres {
		out.LeftOut = append(out.LeftOut, "users of PostgreSQL are not put back: the file has the statements, for you to look at and run with psql")
		return nil
	}
	s, err := l.server(ctx, !q.DryRun)
	if err != nil {
		return err
	}
	defer s.Close()
	f, err := l.Tree.Open(ctx, &p.node)
	if err != nil {
		return browse.Explain("restore", p.path, err)
	}
	defer f.Close()
	o := mysql.UsersOptions{Account: p.account, Text: browse.NewFileReader(ctx, f, p.node.Attr.Size), Source: p.path, Note: out.note}
	work := s.RehearseUsers
	if !q.DryRun {
		work = func(ctx context.Context, o mysql.UsersOptions) (mysql.UsersReport, error) {
			return s.RestoreUsers(ctx, l.store(), o)
		}
	}
	report, err := work(ctx, o)
	out.takeUsers(&report)
	return err
}

// takeUsers takes a report over.
func (o *Outcome) takeUsers(r *mysql.UsersReport) {
	o.ID, o.LeftOut, o.Grants = r.ID, r.LeftOut, r.Grants
	o.Users = append(append(o.Users, r.Created...), r.Altered...)
	o.Target = strings.Join(o.Users, ", ")
}

// undoUsers makes the users what they were before a restore.
func (l *Live) undoUsers(ctx context.Context, store *record.Store, id string, out *Outcome) error {
	s, err := l.server(ctx, true)
	if err != nil {
		return err
	}
	defer s.Close()
	old, err := store.Open(id)
	if err != nil {
		return busy(err)
	}
	defer old.Close()
	report, err := s.UndoUsers(ctx, store, old)
	out.takeUsers(&report)
	return err
}
