// Package mysql knows how a database of this machine's MySQL or MariaDB is replaced by one of a dump, so that it is at every instant as
// before or as after. It must not know where the dump comes from, nor print.
//
// The dump is imported into a database of its own by a user who may touch nothing but that, and whose statements dump.Reader has
// understood. What it defined (views, triggers, routines, events) is read back from the server, so that root runs nothing but the server's
// own words. Then one packet moves the tables of the live database out and those of the dump in (RENAME TABLE), and defines the programs
// anew. Where that is interrupted, the record tells how far it came: it is finished where the tables were moved, else taken back.
package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log"
	"strings"
	"time"

	mysqldriver "github.com/go-sql-driver/mysql"

	"slotfs/fs/restore/live/dump"
)

// Server is this machine's database server, with the rights of its administrator.
type Server struct {
	Login     Login
	Info      dump.Server
	maxPacket int
	plugins   []string // that users can log in by
	db        *sql.DB
}

// ErrUnavailable says that the server does not answer.
var ErrUnavailable = errors.New("the database server does not answer")

const connectTimeout = 10 * time.Second

// config is how user connects.
func (l Login) config(user, password string) *mysqldriver.Config {
	c := mysqldriver.NewConfig()
	c.User, c.Passwd = user, password
	c.Net, c.Addr = "unix", l.Socket
	if l.Socket == "" || l.Host != "" {
		port := l.Port
		if port == 0 {
			port = 3306
		}
		c.Net, c.Addr = "tcp", fmt.Sprintf("%s:%d", l.Host, port)
	}
	c.Timeout = connectTimeout
	c.Collation = "utf8mb4_general_ci"
	c.Logger = log.New(io.Discard, "", 0)
	return c
}

// Open connects to the server.
func Open(ctx context.Context, l Login) (*Server, error) {
	connector, err := mysqldriver.NewConnector(l.config(l.User, l.Password))
	if err != nil {
		return nil, err
	}
	s := &Server{Login: l, db: sql.OpenDB(connector)}
	if err := s.look(ctx); err != nil {
		s.db.Close()
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return s, nil
}

// Close ends all connections.
func (s *Server) Close() error { return s.db.Close() }

// look asks what the server is.
func (s *Server) look(ctx context.Context) error {
	var version string
	if err := s.db.QueryRowContext(ctx, "SELECT VERSION(), @@max_allowed_packet").Scan(&version, &s.maxPacket); err != nil {
		return err
	}
	s.Info.MariaDB = strings.Contains(strings.ToLower(version), "mariadb")
	var major, minor, patch int
	_, _ = fmt.Sscanf(strings.TrimPrefix(version, "5.5.5-"), "%d.%d.%d", &major, &minor, &patch)
	s.Info.Version = major*10000 + minor*100 + patch
	if s.Info.Version == 0 {
		return fmt.Errorf("version %q is not understood", version)
	}
	var err error
	s.plugins, err = s.strings(ctx, "SELECT PLUGIN_NAME FROM information_schema.PLUGINS WHERE PLUGIN_TYPE = 'AUTHENTICATION' AND PLUGIN_STATUS = 'ACTIVE'")
	if err != nil {
		return err
	}
	names, err := s.strings(ctx, "SELECT COLLATION_NAME FROM information_schema.COLLATIONS")
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, n := range names {
		known[strings.ToLower(n)] = true
		if set, short, ok := strings.Cut(n, "_"); ok && set == "utf8mb4" && strings.HasPrefix(short, "uca1400") {
			known[short] = true
		} else if strings.HasPrefix(n, "uca1400") { // MariaDB lists these without their character set
			known["utf8mb4_"+n], known["utf8mb3_"+n] = true, true
		}
	}
	s.Info.Collations = func(c string) bool { return known[c] }
	return nil
}

// strings is the first column of what a query answers.
func (s *Server) strings(ctx context.Context, query string, args ...any) ([]string, error) {
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// exec runs statements one after the other.
func (s *Server) exec(ctx context.Context, statements ...string) error {
	for _, q := range statements {
		if _, err := s.db.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// id quotes a name.
func id(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// literal quotes a text that has neither backslashes nor quotes of its own, such as a password that was made here.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// in is the name of something in a database.
func in(db, name string) string { return id(db) + "." + id(name) }

// exists reports whether there is a database of this name.
func (s *Server) exists(ctx context.Context, db string) (bool, error) {
	found, err := s.strings(ctx, "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?", db)
	return len(found) > 0, err
}

// tables are the tables of a database, without views.
func (s *Server) tables(ctx context.Context, db string) ([]string, error) {
	return s.strings(ctx, "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_TYPE NOT LIKE '%VIEW' ORDER BY TABLE_NAME", db)
}

// isError reports whether the server answered with one of the numbers.
func isError(err error, numbers ...uint16) bool {
	var e *mysqldriver.MySQLError
	if !errors.As(err, &e) {
		return false
	}
	for _, n := range numbers {
		if e.Number == n {
			return true
		}
	}
	return false
}
