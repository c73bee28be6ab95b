// Package postgres knows how a database of this machine's PostgreSQL is replaced by one of an archive of pg_dump, so that it is at every
// instant as before or as after. It must not know where the archive comes from, nor print.
//
// The archive is hostile input: pg_restore runs the SQL in it. So pg_restore runs with the rights of the account's user of the machine, and
// logs in as a role that owns nothing but the schemas of a database of its own, which nobody else may enter: what such a role may not do
// (programs and files of the server, languages that are not trusted, other databases) the server refuses. What only an administrator
// could make is left out of the archive and told. Then all becomes the property of the database's owner, and two renames in one
// transaction put the database in the place of the live one, which stays under another name that nobody can connect to.
//
// The administrator's own statements go through psql, with a search path that what was restored cannot change. They have names in quotes
// that CheckName has let pass, and nothing else of an archive.
package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
)

// Login is where the server is. Its administrator is the role postgres, as whom the machine's user of that name logs in.
type Login struct {
	Socket string // directory of it
	Port   int
}

// administrator is the role and the user of the machine that made the cluster.
const administrator = "postgres"

// Server is this machine's PostgreSQL, with the rights of its administrator.
type Server struct {
	Login Login
	who   *syscall.Credential // nil: whoever runs this
	home  string
}

// ErrUnavailable says that the server does not answer.
var ErrUnavailable = errors.New("PostgreSQL does not answer")

// Open looks whether the server answers.
func Open(ctx context.Context, l Login) (*Server, error) {
	s := &Server{Login: l, home: "/"}
	if u, err := user.Lookup(administrator); err == nil && os.Geteuid() == 0 {
		uid, _ := strconv.ParseUint(u.Uid, 10, 32)
		gid, _ := strconv.ParseUint(u.Gid, 10, 32)
		s.who, s.home = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, u.HomeDir
	}
	if _, err := s.query(ctx, administrator, "SELECT 1"); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return s, nil
}

// environment is that of a client program. The options of a connection go before those that a database sets.
func environment(home, password string) []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "LC_ALL=C", "PGCONNECT_TIMEOUT=10", "PGOPTIONS=-c search_path=pg_catalog", "PGPASSWORD=" + password,
		"PGSERVICEFILE=/dev/null"}
}

// arguments say how a client program connects.
func (l Login) arguments(host, role, db string) []string {
	if host == "" {
		host = l.Socket
	}
	return []string{"--host=" + host, "--port=" + strconv.Itoa(l.Port), "--username=" + role, "--no-password", "--dbname=" + db}
}

// psql is how statements are run that stand on standard input, with nothing but rows as an answer.
var psql = []string{"--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1", "--file=-"}

// query runs statements in a database as the administrator, and answers with lines.
func (s *Server) query(ctx context.Context, db string, statements ...string) ([]string, error) {
	return s.run(ctx, db, nil, statements)
}

// atOnce runs statements in one transaction.
func (s *Server) atOnce(ctx context.Context, db string, statements ...string) error {
	_, err := s.run(ctx, db, []string{"--single-transaction"}, statements)
	return err
}

func (s *Server) run(ctx context.Context, db string, more, statements []string) ([]string, error) {
	cmd := exec.CommandContext(ctx, "psql", append(append(s.Login.arguments("", administrator, db), psql...), more...)...)
	cmd.Dir, cmd.Env = "/", environment(s.home, "")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.who}
	cmd.Stdin = strings.NewReader(strings.Join(statements, ";\n") + ";\n")
	out, err := output(cmd)
	out = strings.TrimRight(out, "\n")
	if out == "" || err != nil {
		return nil, err
	}
	return strings.Split(out, "\n"), nil
}

// output runs a program. What it says on standard error is part of its error.
func output(cmd *exec.Cmd) (string, error) {
	var out bytes.Buffer
	said := &tail{}
	cmd.Stdout, cmd.Stderr = &out, said
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, strings.TrimSpace(string(said.last)))
	}
	return out.String(), nil
}

// tail remembers the end of what is written.
type tail struct{ last []byte }

// Write writes.
func (t *tail) Write(p []byte) (int, error) {
	const keep = 1000
	t.last = append(t.last, p[max(0, len(p)-keep):]...)
	t.last = t.last[max(0, len(t.last)-keep):]
	return len(p), nil
}

var plainName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$`)

// CheckName refuses databases that are not an account's.
func CheckName(db string) error {
	low := strings.ToLower(db)
	switch {
	case low == administrator || strings.HasPrefix(low, "template") || strings.HasPrefix(low, "slotfs_"):
		return fmt.Errorf("database %s: it is the server's own", db)
	case !plainName.MatchString(db):
		return fmt.Errorf("database %q: a name with signs that are not taken", db)
	}
	return nil
}

// id quotes a name that CheckName has let pass, or that the server has told.
func id(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// literal quotes a text that has no backslash.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// one is the single line that a query answers with; "" if there is none.
func (s *Server) one(ctx context.Context, query string) (string, error) {
	lines, err := s.query(ctx, administrator, query)
	if err != nil || len(lines) == 0 {
		return "", err
	}
	return lines[0], nil
}

// oid is the number of a database, which it keeps under another name; "": there is none.
func (s *Server) oid(ctx context.Context, db string) (string, error) {
	return s.one(ctx, "SELECT oid FROM pg_database WHERE datname = "+literal(db))
}

// named is the name of a database by its number; "": there is none.
func (s *Server) named(ctx context.Context, oid string) (string, error) {
	if strings.Trim(oid, "0123456789") != "" || oid == "" {
		return "", nil
	}
	return s.one(ctx, "SELECT datname FROM pg_database WHERE oid = "+oid)
}

// Owner is the role that a restored database belongs to: its owner now, or the role that is called as the account. Administrators
// are nobody's.
func (s *Server) Owner(ctx context.Context, acct, db string) (string, error) {
	role, err := s.one(ctx, "SELECT r.rolname FROM pg_roles r LEFT JOIN pg_database d ON d.datdba = r.oid AND d.datname = "+literal(db)+
		" WHERE NOT (r.rolsuper OR r.rolcreaterole OR r.rolreplication OR r.rolbypassrls) AND (d.oid IS NOT NULL OR r.rolname = "+literal(acct)+") ORDER BY d.oid NULLS LAST LIMIT 1")
	if err != nil || role == "" {
		return "", errors.Join(err, fmt.Errorf("database %s: neither has it an owner who is no administrator, nor is there a role %s", db, acct))
	}
	if !plainName.MatchString(role) {
		return "", fmt.Errorf("role %q: a name with signs that are not taken", role)
	}
	return role, nil
}

// Belongs reports whether a database belongs to an account: by its name, or because the role that is called as the account owns it.
func (s *Server) Belongs(ctx context.Context, acct, db string) (bool, error) {
	if db == acct || strings.HasPrefix(db, acct+"_") {
		return true, nil
	}
	role, err := s.one(ctx, "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = "+literal(db))
	return role == acct, err
}
