package live

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/browse"
	"slotfs/fs/restore/live/mysql"
	"slotfs/fs/restore/live/record"
	"slotfs/indexer/sqldump"
)

// server connects to this machine's database server, and tidies up after restores that were interrupted.
func (l *Live) server(ctx context.Context, change bool) (*mysql.Server, error) {
	login, err := mysql.FindLogin(l.Config.MySQLDefaultsFile, home())
	if err != nil {
		return nil, exit.Hinted(fmt.Errorf("option file: %w", err), "see mysql-defaults-file of [live]")
	}
	s, err := mysql.Open(ctx, login)
	if err != nil {
		return nil, exit.Hinted(err, "the server and the user are those of the command mysql; mysql-defaults-file of [live] names another option file")
	}
	if !change {
		return s, nil
	}
	err = l.tidy(ctx, s)
	if err != nil && !errors.Is(err, mysql.ErrKept) { // that one is tried again each time, and stops nothing else
		s.Close()
		return nil, err
	}
	return s, nil
}

// databases is a server with databases of accounts.
type databases interface {
	Tidy(ctx context.Context, store *record.Store) (ids []string, err error)
	Belongs(ctx context.Context, account, database string) (bool, error)
}

// tidy finishes or takes back what was interrupted on a server, and tells of it.
func (l *Live) tidy(ctx context.Context, s databases) error {
	ids, err := s.Tidy(ctx, l.store())
	if len(ids) > 0 && l.Tidied != nil {
		l.Tidied(ids)
	}
	return err
}

// own refuses a database of which nothing says that it is the account's.
func own(ctx context.Context, s databases, account, database string) error {
	own, err := s.Belongs(ctx, account, database)
	if err == nil && !own {
		err = exit.Hinted(fmt.Errorf("database %s: nothing says that it belongs to %s", database, account), "if it does, name it with --database")
	}
	return err
}

// database replaces a database, or tables of it.
func (l *Live) database(ctx context.Context, q *Request, p *piece, out *Outcome) error {
	dumped, _ := dumpName(path.Base(p.path))
	out.Target = dumped
	if q.Database != "" {
		out.Target = q.Database
	}
	s, err := l.server(ctx, !q.DryRun)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := mysql.CheckName(out.Target); err != nil {
		return err
	}
	if q.Database == "" {
		if err := own(ctx, s, p.account, out.Target); err != nil {
			return err
		}
	}
	src, err := l.dump(ctx, q, p)
	if err != nil {
		return browse.Explain("restore", p.path, err)
	}
	defer src.Close()
	o := mysql.Options{Database: out.Target, Dumped: dumped, Account: p.account, Dump: bufio.NewReaderSize(src, readSize), Tables: q.Tables, Source: p.path,
		Progress: l.imported(), Note: out.note}
	if q.DryRun {
		report, err := s.Rehearse(ctx, o)
		out.take(&report, "")
		return err
	}
	report, err := s.Restore(ctx, l.store(), o)
	out.take(&report, l.State.Live())
	return err
}

// dump reads what is needed of a dump: all of it, or the tables that are asked for where the index knows where they lie. Lines are
// counted in what is read.
func (l *Live) dump(ctx context.Context, q *Request, p *piece) (io.ReadCloser, error) {
	all := []sqldump.Section{{From: 0, To: p.node.Attr.Size}}
	if len(q.Tables) > 0 {
		known, err := browse.KnownTables(ctx, l.Tree, &p.node)
		if err != nil {
			return nil, err
		}
		if known != nil {
			if some, missing := known.Select(q.Tables); len(missing) == 0 {
				all = some
			}
		}
	}
	f, err := l.Tree.Open(ctx, &p.node)
	if err != nil {
		return nil, err
	}
	return browse.NewSections(browse.NewFileReader(ctx, f, p.node.Attr.Size), f, all), nil
}

// note keeps what an import had to change.
func (o *Outcome) note(line int, text string) {
	if line > 0 {
		text = fmt.Sprintf("line %d: %s", line, text)
	}
	o.Notes = append(o.Notes, text)
}

// take takes a report over.
func (o *Outcome) take(r *mysql.Report, dir string) {
	o.ID, o.Tables, o.Removed, o.Objects, o.LeftOut = r.ID, r.Tables, r.Removed, r.Programs, r.LeftOut
	if r.Before != "" {
		o.Before = filepath.Join(dir, r.ID, r.Before)
	}
}

// undoDatabase puts the database back that was there before a restore.
func (l *Live) undoDatabase(ctx context.Context, store *record.Store, id string, out *Outcome) error {
	s, err := l.server(ctx, true)
	if err != nil {
		return err
	}
	defer s.Close()
	old, err := open(store, id)
	if err != nil {
		return err
	}
	defer old.Close()
	report, err := s.Undo(ctx, store, old, mysql.Options{Progress: l.imported(), Note: out.note})
	out.take(&report, l.State.Live())
	return err
}

// imported passes the progress of an import on.
func (l *Live) imported() mysql.Progress {
	if l.Progress == nil {
		return nil
	}
	return importing{l}
}

type importing struct{ l *Live }

// Imported counts bytes of the dump.
func (i importing) Imported(bytes int64) { i.l.Progress.Sent(0, bytes) }

// Table counts tables.
func (i importing) Table(string) { i.l.Progress.Sent(1, 0) }

// readSize is what is read of a dump at once: large enough to be spread over many requests.
const readSize = 1 << 20
