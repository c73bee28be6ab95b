package config

import (
	"fmt"
	"path/filepath"
	"time"
)

// DefaultKeepBefore is how long what a restore into a live account replaced is kept.
const DefaultKeepBefore = 7 * 24 * time.Hour

// Live is the [live] table: how restores into live accounts are made.
//
//	[live]
//	keep-before = "7d"                      how long what was there before is kept; "never" keeps it for good
//	mysql-defaults-file = "/root/.my.cnf"   the only option file of the database server's clients that is read
//	postgresql-socket = "/run/postgresql"   the directory of PostgreSQL's socket
//	postgresql-port = 5432                  its port, which is part of the socket's name
type Live struct {
	KeepBefore        time.Duration // Never: for good
	MySQLDefaultsFile string        // empty: those that clients read
	PostgreSQLSocket  string        // directory
	PostgreSQLPort    int
}

// liveTable is the table as it stands in the file.
type liveTable struct {
	KeepBefore        *string `toml:"keep-before"`
	MySQLDefaultsFile string  `toml:"mysql-defaults-file"`
	PostgreSQLSocket  string  `toml:"postgresql-socket"`
	PostgreSQLPort    int     `toml:"postgresql-port"`
}

// live fills defaults in and checks. With an error comes the key that it is about.
func (t *liveTable) live() (l Live, key string, err error) {
	l = Live{KeepBefore: DefaultKeepBefore, PostgreSQLSocket: "/run/postgresql", PostgreSQLPort: 5432}
	if t == nil {
		return l, "", nil
	}
	if t.KeepBefore != nil {
		if l.KeepBefore, err = ParseAge(*t.KeepBefore); err != nil {
			return l, "keep-before", fmt.Errorf("keep-before %w", err)
		}
	}
	l.MySQLDefaultsFile = t.MySQLDefaultsFile
	if l.MySQLDefaultsFile != "" && (!filepath.IsAbs(l.MySQLDefaultsFile) || unfit(l.MySQLDefaultsFile)) {
		return l, "mysql-defaults-file", fmt.Errorf("mysql-defaults-file %q: want an absolute path", l.MySQLDefaultsFile)
	}
	if t.PostgreSQLSocket != "" {
		l.PostgreSQLSocket = t.PostgreSQLSocket
	}
	if !filepath.IsAbs(l.PostgreSQLSocket) || unfit(l.PostgreSQLSocket) {
		return l, "postgresql-socket", fmt.Errorf("postgresql-socket %q: want an absolute path", l.PostgreSQLSocket)
	}
	if t.PostgreSQLPort != 0 {
		l.PostgreSQLPort = t.PostgreSQLPort
	}
	if l.PostgreSQLPort < 1 || l.PostgreSQLPort > 65535 {
		return l, "postgresql-port", fmt.Errorf("postgresql-port %d: want 1 to 65535", l.PostgreSQLPort)
	}
	return l, "", nil
}
