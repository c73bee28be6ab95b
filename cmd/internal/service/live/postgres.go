package live

import (
	"context"
	"path"
	"strings"
	"syscall"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/browse"
	"slotfs/cmd/internal/service/restores"
	"slotfs/fs/restore/live/postgres"
	"slotfs/fs/restore/live/record"
)

// archiveName is the database of PostgreSQL that an archive is called after.
func archiveName(file string) (string, bool) {
	name, ok := strings.CutSuffix(file, ".tar")
	return name, ok && name != ""
}

// postgresServer connects to this machine's PostgreSQL, and tidies up after restores that were interrupted.
func (l *Live) postgresServer(ctx context.Context, change bool) (*postgres.Server, error) {
	s, err := postgres.Open(ctx, postgres.Login{Socket: l.Config.PostgreSQLSocket, Port: l.Config.PostgreSQLPort})
	if err != nil {
		return nil, exit.Hinted(err, "it is asked as its user postgres; postgresql-socket and postgresql-port of [live] say where it is")
	}
	if !change {
		return s, nil
	}
	return s, l.tidy(ctx, s)
}

// postgres replaces a database of PostgreSQL.
func (l *Live) postgres(ctx context.Context, q *Request, p *piece, out *Outcome) error {
	out.Target, _ = archiveName(path.Base(p.path))
	if q.Database != "" {
		out.Target = q.Database
	}
	if len(q.Tables) > 0 {
		return exit.Usagef("--table is for databases of MySQL and MariaDB")
	}
	if err := postgres.CheckName(out.Target); err != nil {
		return err
	}
	who, err := restores.Named(p.account)
	if err != nil {
		return err
	}
	s, err := l.postgresServer(ctx, !q.DryRun)
	if err != nil {
		return err
	}
	if q.Database == "" {
		if err := own(ctx, s, p.account, out.Target); err != nil {
			return err
		}
	}
	f, err := l.Tree.Open(ctx, &p.node)
	if err != nil {
		return browse.Explain("restore", p.path, err)
	}
	defer f.Close()
	o := postgres.Options{Database: out.Target, Account: p.account, Archive: browse.NewFileReader(ctx, f, p.node.Attr.Size), Source: p.path, Note: out.note,
		As: &syscall.Credential{Uid: who.UID, Gid: who.GID, Groups: who.Groups}}
	work := func() (postgres.Report, error) { return s.Restore(ctx, l.store(), o) }
	if q.DryRun {
		work = func() (postgres.Report, error) { return s.Rehearse(ctx, "", o) }
	}
	report, err := work()
	out.takePostgres(&report)
	return err
}

// takePostgres takes a report over.
func (o *Outcome) takePostgres(r *postgres.Report) {
	o.ID, o.Tables, o.LeftOut = r.ID, r.Tables, r.LeftOut
	if r.Before != "" {
		o.Before = "the database " + r.Before
	}
}

// undoPostgres puts the database back that was there before a restore.
func (l *Live) undoPostgres(ctx context.Context, store *record.Store, id string, out *Outcome) error {
	s, err := l.postgresServer(ctx, true)
	if err != nil {
		return err
	}
	old, err := open(store, id)
	if err != nil {
		return err
	}
	defer old.Close()
	report, err := s.Undo(ctx, store, old)
	out.takePostgres(&report)
	return err
}

// expirePostgres drops the database that a restore kept. False: PostgreSQL does not answer, and the record has to stay.
func (l *Live) expirePostgres(ctx context.Context, store *record.Store, id string) bool {
	rec, err := store.Open(id)
	if err != nil {
		return true // somebody is at work on it
	}
	defer rec.Close()
	s, err := l.postgresServer(ctx, false)
	return err == nil && s.Expire(ctx, rec) == nil
}
