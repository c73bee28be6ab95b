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
type Live struct {
	KeepBefore        time.Duration // Never: for good
	MySQLDefaultsFile string        // empty: those that clients read
}

// liveTable is the table as it stands in the file.
type liveTable struct {
	KeepBefore        *string `toml:"keep-before"`
	MySQLDefaultsFile string  `toml:"mysql-defaults-file"`
}

// live fills defaults in and checks. With an error comes the key that it is about.
func (t *liveTable) live() (l Live, key string, err error) {
	l = Live{KeepBefore: DefaultKeepBefore}
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
	return l, "", nil
}
