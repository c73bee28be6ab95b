package mysql

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
)

// scratch is what a restore makes on the server and removes again.
type scratch struct {
	New  string `json:"new"` // database that the dump is imported into
	Old  string `json:"old"` // database that the live tables are moved to
	User string `json:"user"`
	Host string `json:"host"`
}

const (
	newPrefix = "slotfs_new_"
	oldPrefix = "slotfs_old_"
	marker    = "slotfs_restore_marker" // a table that is moved from New to Old together with all others
)

// newScratch names what the restore with this id makes.
func newScratch(restore string, l Login) scratch {
	tail := restore[strings.LastIndexByte(restore, '-')+1:]
	host := "localhost"
	if l.Host != "" {
		host = "%"
	}
	return scratch{newPrefix + tail, oldPrefix + tail, "slotfs_" + tail, host}
}

func (s scratch) account() string { return literal(s.User) + "@" + literal(s.Host) }

// makeScratch makes the databases and the user. Their character set is that of like, where it is there.
func (s *Server) makeScratch(ctx context.Context, x scratch, like string) (password string, err error) {
	charset := ""
	found, err := s.strings(ctx, "SELECT CONCAT(' CHARACTER SET ', DEFAULT_CHARACTER_SET_NAME, ' COLLATE ', DEFAULT_COLLATION_NAME) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?", like)
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		charset = found[0]
	}
	password = rand.Text() + "aA1-" // what rules for passwords ask for
	return password, s.exec(ctx,
		"CREATE DATABASE "+id(x.New)+charset,
		"CREATE DATABASE "+id(x.Old)+charset,
		"CREATE TABLE "+in(x.New, marker)+" (i int)",
		"CREATE USER "+x.account()+" IDENTIFIED BY "+literal(password),
		"GRANT ALL PRIVILEGES ON "+strings.ReplaceAll(id(x.New), "_", `\_`)+".* TO "+x.account())
}

// dropUser ends the user and his connections.
func (s *Server) dropUser(ctx context.Context, x scratch) error {
	if err := s.exec(ctx, "DROP USER IF EXISTS "+x.account()); err != nil {
		return err
	}
	threads, err := s.strings(ctx, "SELECT ID FROM information_schema.PROCESSLIST WHERE USER = ?", x.User)
	for _, t := range threads {
		if killErr := s.exec(ctx, "KILL "+t); killErr != nil && !isError(killErr, 1094) { // it has ended
			err = errors.Join(err, killErr)
		}
	}
	return err
}

// dropNew removes the import.
func (s *Server) dropNew(ctx context.Context, x scratch) error {
	return errors.Join(s.dropUser(ctx, x), s.exec(ctx, "DROP DATABASE IF EXISTS "+id(x.New)))
}

// dropOld removes the tables that were moved out.
func (s *Server) dropOld(ctx context.Context, x scratch) error {
	return s.exec(ctx, "DROP DATABASE IF EXISTS "+id(x.Old))
}

// systemDatabases are the server's own.
var systemDatabases = []string{"mysql", "sys", "information_schema", "performance_schema"}

// CheckName refuses databases that are not an account's.
func CheckName(db string) error {
	low := strings.ToLower(db)
	for _, own := range systemDatabases {
		if low == own {
			return fmt.Errorf("database %s: it is the server's own", db)
		}
	}
	if db == "" || len(db) > 256 || strings.ContainsAny(db, "\x00/\\") || strings.HasPrefix(low, "slotfs_") {
		return fmt.Errorf("database %q: no name that a database can have", db)
	}
	return nil
}
