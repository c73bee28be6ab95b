package postgres

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"slotfs/fs/restore/live/record"
)

// Kind is the kind of the records of this package.
const Kind = "postgresql"

// Stages of a restore. What begins with one of them is finished or taken back by Tidy.
const (
	importing = "importing"
	swapping  = "swapping"
)

// Options of a Restore.
type Options struct {
	Database string
	Account  string
	Archive  io.Reader           // of pg_dump, custom or tar
	As       *syscall.Credential // the account's user of the machine
	Source   string              // for the record
	Note     func(line int, text string)
	Reached  func(step string) // may be nil
}

func (o *Options) reached(step string) {
	if o.Reached != nil {
		o.Reached(step)
	}
}

// Report is what a Restore did.
type Report struct {
	ID       string
	Database string
	Tables   []string
	LeftOut  []string
	Before   string // the database that was there before
}

// detail is what the record has.
type detail struct {
	New     string `json:"new"`  // scratch database
	Old     string `json:"old"`  // name of the one that was there
	Role    string `json:"role"` // that imports
	OID     string `json:"oid"`  // of New
	Existed bool   `json:"existed"`
	Owner   string `json:"owner"`
}

func newDetail(restore string) detail {
	tail := restore[strings.LastIndexByte(restore, '-')+1:]
	return detail{New: "slotfs_new_" + tail, Old: "slotfs_old_" + tail, Role: "slotfs_" + tail}
}

// restore is one on its way.
type restore struct {
	s   *Server
	o   *Options
	rec *record.Record
	d   detail
	a   *archive
}

// Restore replaces a database by what an archive has.
func (s *Server) Restore(ctx context.Context, store *record.Store, o Options) (out Report, err error) {
	if err := CheckName(o.Database); err != nil {
		return out, err
	}
	rec, err := store.New(record.Record{Kind: Kind, Account: o.Account, Source: o.Source, Target: o.Database, Stage: importing})
	if err != nil {
		return out, err
	}
	defer rec.Close()
	r := &restore{s: s, o: &o, rec: rec, d: newDetail(rec.ID)}
	err = r.prepare(ctx)
	if err == nil {
		err = r.swap(ctx)
	}
	if r.a != nil {
		err = errors.Join(err, r.a.close())
	}
	out = Report{ID: rec.ID, Database: o.Database}
	if err != nil {
		return out, errors.Join(err, s.abandon(context.WithoutCancel(ctx), rec, &r.d))
	}
	out.Tables, out.LeftOut = r.a.list.Tables, r.a.list.LeftOut
	if r.d.Existed {
		out.Before = r.d.Old
	}
	return out, s.finish(ctx, rec, &r.d)
}

// Rehearse tells what a Restore would do.
func (s *Server) Rehearse(ctx context.Context, dir string, o Options) (Report, error) {
	out := Report{Database: o.Database}
	if err := CheckName(o.Database); err != nil {
		return out, err
	}
	if _, err := s.Owner(ctx, o.Account, o.Database); err != nil {
		return out, err
	}
	a, err := openArchive(ctx, o.Archive, dir, o.As)
	if err != nil {
		return out, err
	}
	out.Tables, out.LeftOut = a.list.Tables, a.list.LeftOut
	return out, a.close()
}

// prepare imports the archive into the scratch database.
func (r *restore) prepare(ctx context.Context) (err error) {
	if r.d.Owner, err = r.s.Owner(ctx, r.o.Account, r.o.Database); err != nil {
		return err
	}
	live, err := r.s.oid(ctx, r.o.Database)
	if err != nil {
		return err
	}
	r.d.Existed = live != ""
	if err := r.rec.Reach(importing, r.d); err != nil {
		return err
	}
	if r.a, err = openArchive(ctx, r.o.Archive, r.rec.Dir(), r.o.As); err != nil {
		return err
	}
	password, err := r.scratch(ctx)
	if err != nil {
		return fmt.Errorf("make the scratch database: %w", err)
	}
	r.o.reached("scratch")
	if err := r.extensions(ctx); err != nil {
		return err
	}
	if err := r.load(ctx, password); err != nil {
		return fmt.Errorf("import: %w", err)
	}
	r.o.reached("imported")
	return r.hand(ctx)
}

// scratch makes the database and the role that may enter it. Its encoding is that of the live one.
func (r *restore) scratch(ctx context.Context) (password string, err error) {
	form, err := r.s.one(ctx, "SELECT ' ENCODING ' || quote_literal(pg_encoding_to_char(encoding)) || ' LC_COLLATE ' || quote_literal(datcollate) || ' LC_CTYPE ' || quote_literal(datctype) FROM pg_database WHERE datname = "+literal(r.o.Database))
	if err != nil {
		return "", err
	}
	password = rand.Text()
	_, err = r.s.query(ctx, administrator,
		"CREATE ROLE "+id(r.d.Role)+" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION CONNECTION LIMIT 4 PASSWORD "+literal(password),
		"CREATE DATABASE "+id(r.d.New)+" TEMPLATE template0"+form,
		"REVOKE ALL ON DATABASE "+id(r.d.New)+" FROM PUBLIC",
		"GRANT CONNECT, CREATE, TEMPORARY ON DATABASE "+id(r.d.New)+" TO "+id(r.d.Role))
	if err == nil {
		_, err = r.s.query(ctx, r.d.New, "ALTER SCHEMA public OWNER TO "+id(r.d.Role))
	}
	if err == nil {
		r.d.OID, err = r.s.oid(ctx, r.d.New)
	}
	if err == nil {
		err = r.rec.Reach(importing, r.d)
	}
	return password, err
}

// extensions makes those that the live database has too, which an administrator has put there. Those that are trusted the role makes.
func (r *restore) extensions(ctx context.Context) error {
	var first []int
	for _, e := range r.a.list.Extensions {
		name := e.name
		if !plainName.MatchString(name) {
			r.a.list.LeftOut = append(r.a.list.LeftOut, "the extension "+name)
			continue
		}
		trusted, err := r.s.one(ctx, "SELECT 1 FROM pg_available_extension_versions WHERE name = "+literal(name)+" AND trusted LIMIT 1")
		if err != nil {
			return err
		}
		schema := ""
		if r.d.Existed && trusted == "" {
			found, err := r.s.query(ctx, r.o.Database, "SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = "+literal(name))
			if err != nil {
				return err
			}
			schema = strings.Join(found, "")
		}
		switch {
		case trusted != "":
			first = append(first, e.number)
		case schema != "" && plainName.MatchString(schema):
			if _, err := r.s.query(ctx, r.d.New, "CREATE SCHEMA IF NOT EXISTS "+schema, "CREATE EXTENSION "+id(name)+" SCHEMA "+schema); err != nil {
				return err
			}
		default:
			r.a.list.LeftOut = append(r.a.list.LeftOut, "the extension "+name+", which is not trusted and which the database does not have")
		}
	}
	r.a.list.Restored = append(first, r.a.list.Restored...)
	return nil
}

// load has pg_restore run the archive, then its grants, of which those to roles that are not here fail.
func (r *restore) load(ctx context.Context, password string) error {
	host, err := r.reach(ctx, password)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "slotfs-pg-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o711); err != nil {
		return err
	}
	environment := append(environment("/", password), "PGOPTIONS=")
	args := append(r.s.Login.arguments(host, r.d.Role, r.d.New), "--no-owner", "--no-tablespaces", "--no-security-labels", "--no-publications", "--no-subscriptions")
	name, err := chosen(dir, r.a.list.Restored)
	if err == nil {
		_, err = r.a.pgRestore(ctx, environment, append(args, "--no-acl", "--exit-on-error", "--use-list="+name)...)
	}
	if err != nil || len(r.a.list.Rights) == 0 {
		return err
	}
	if name, err = chosen(dir, r.a.list.Rights); err != nil {
		return err
	}
	if _, err = r.a.pgRestore(ctx, environment, append(args, "--use-list="+name)...); err != nil && ctx.Err() == nil && r.o.Note != nil {
		r.o.Note(0, "some grants were not given: "+err.Error())
	}
	return ctx.Err()
}

// ErrNoPassword says that the server lets no role in by its password.
var ErrNoPassword = errors.New("PostgreSQL lets nobody in by a password, neither by the socket nor at 127.0.0.1")

// reach finds how a role with a password gets in; "": by the socket.
func (r *restore) reach(ctx context.Context, password string) (string, error) {
	var failed error
	for _, host := range []string{"", "127.0.0.1"} {
		args := append(r.s.Login.arguments(host, r.d.Role, r.d.New), "--no-psqlrc", "--command=SELECT 1")
		err := runAs(ctx, r.o.As, environment("/", password), "psql", args...)
		if err == nil {
			return host, nil
		}
		failed = errors.Join(failed, err)
	}
	return "", fmt.Errorf("%w: %w", ErrNoPassword, failed)
}

// hand gives all that was imported to the owner, and removes the role.
func (r *restore) hand(ctx context.Context) error {
	if _, err := r.s.query(ctx, r.d.New, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = "+literal(r.d.Role),
		"REASSIGN OWNED BY "+id(r.d.Role)+" TO "+id(r.d.Owner), "DROP OWNED BY "+id(r.d.Role)); err != nil {
		return fmt.Errorf("give all to %s: %w", r.d.Owner, err)
	}
	rights := []string{"ALTER DATABASE " + id(r.d.New) + " OWNER TO " + id(r.d.Owner), "DROP ROLE " + id(r.d.Role)}
	// Who may enter is what it was.
	found, err := r.s.query(ctx, administrator, "SELECT 'GRANT ' || a.privilege_type || ' ON DATABASE "+id(r.d.New)+" TO ' || CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END"+
		" FROM pg_database d, aclexplode(COALESCE(d.datacl, acldefault('d', d.datdba))) a WHERE d.datname = "+literal(r.o.Database))
	if err != nil {
		return err
	}
	_, err = r.s.query(ctx, administrator, append(rights, found...)...)
	return err
}

// swap puts the import in the place of the live database.
func (r *restore) swap(ctx context.Context) error {
	if err := r.rec.Reach(swapping, r.d); err != nil {
		return err
	}
	r.o.reached("swapping")
	err := r.s.exchange(ctx, r.d.New, r.o.Database, r.d.Old, r.d.Existed)
	r.o.reached("swapped")
	return err
}

// attempts is how often the live database is taken from those who use it.
const attempts = 100

// exchange renames live to old, and in to live, at once. Whoever is connected is sent away; who comes back in between makes it fail.
func (s *Server) exchange(ctx context.Context, in, live, old string, existed bool) error {
	var renames []string
	if existed {
		renames = append(renames, "ALTER DATABASE "+id(live)+" RENAME TO "+id(old))
	}
	if in != "" {
		renames = append(renames, "ALTER DATABASE "+id(in)+" RENAME TO "+id(live))
	}
	var err error
	for range attempts {
		if _, err = s.query(ctx, administrator, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN ("+literal(live)+", "+literal(in)+")"); err != nil {
			return err
		}
		if err = s.atOnce(ctx, administrator, renames...); err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), "being accessed by other users") {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}

// finish closes the database that was there before to everybody.
func (s *Server) finish(ctx context.Context, rec *record.Record, d *detail) error {
	if d.Existed {
		if _, err := s.query(ctx, administrator, "ALTER DATABASE "+id(d.Old)+" WITH ALLOW_CONNECTIONS false"); err != nil {
			return err
		}
	}
	return rec.Reach(record.Done, d)
}

// abandon removes what a restore made that changed nothing.
func (s *Server) abandon(ctx context.Context, rec *record.Record, d *detail) error {
	if now, err := s.named(ctx, d.OID); err != nil || now == rec.Target {
		return errors.Join(err, fmt.Errorf("restore %s is not taken back", rec.ID))
	}
	_, err := s.query(ctx, administrator, "DROP DATABASE IF EXISTS "+id(d.New)+" WITH (FORCE)", "DROP ROLE IF EXISTS "+id(d.Role))
	if err != nil {
		return err
	}
	return rec.Reach(record.Failed, d)
}

// Undo puts the database back that was there before a restore. The one that was restored is kept in its place.
func (s *Server) Undo(ctx context.Context, store *record.Store, old *record.Record) (Report, error) {
	var d detail
	out := Report{Database: old.Target}
	if err := json.Unmarshal(old.Detail, &d); err != nil {
		return out, fmt.Errorf("restore %s: %w", old.ID, err)
	}
	if old.Stage != record.Done {
		return out, fmt.Errorf("restore %s: it changed nothing", old.ID)
	}
	rec, err := store.New(record.Record{Kind: Kind, Account: old.Account, Source: old.ID, Target: old.Target, Stage: importing})
	if err != nil {
		return out, err
	}
	defer rec.Close()
	now := newDetail(rec.ID)
	now.Owner = d.Owner
	live, err := s.oid(ctx, old.Target)
	if err != nil {
		return out, err
	}
	now.Existed = live != ""
	in := ""
	if d.Existed {
		in = d.Old
		if now.OID, err = s.oid(ctx, in); err == nil && now.OID == "" {
			err = fmt.Errorf("restore %s: what was there before is gone", old.ID)
		}
		if err == nil {
			_, err = s.query(ctx, administrator, "ALTER DATABASE "+id(in)+" WITH ALLOW_CONNECTIONS true")
		}
		if err != nil {
			return out, errors.Join(err, rec.Reach(record.Failed, now))
		}
	}
	if err := rec.Reach(swapping, now); err != nil {
		return out, err
	}
	if err := s.exchange(ctx, in, old.Target, now.Old, now.Existed); err != nil {
		return out, errors.Join(err, rec.Reach(record.Failed, now))
	}
	old.Undone, out.ID = rec.ID, rec.ID
	return out, errors.Join(s.finish(ctx, rec, &now), old.Save())
}
