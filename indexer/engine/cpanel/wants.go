package cpanel

import (
	"strings"

	"slotfs/indexer/backup"
	"slotfs/indexer/engine/dump"
)

// Bounds of the files that Describe reads, in bytes. What is larger is not from pkgacct, or not worth the
// memory: its pieces stay in full/.
const (
	maxGrants   = 16 << 20 // mysql.sql
	maxAuth     = 4 << 20  // mysql.sql-auth.json, psql_*.sql
	maxSettings = 1 << 20  // userdata/main, proftpdpasswd
	maxPasswd   = 64 << 10 // homedir/etc/DOMAIN/passwd
)

// nestedHome is the directory that holds the members of homedir.tar.
const nestedHome = "homedir.tar" + backup.NestedSuffix

// Wants implements engine.Engine. Roots at the top and one directory below it are served: nobody has seen
// cPanel write others, and a customer's home must not pass for one.
func (e *Engine) Wants(path string, size int64) backup.Excerpt {
	if want := excerpt(path, size); want.Wanted() {
		return want
	}
	top, rest, ok := strings.Cut(path, "/")
	if !ok || top == "homedir" || top == nestedHome {
		return backup.Excerpt{}
	}
	return excerpt(rest, size)
}

// excerpt tells what is read of the file at path below an account's root.
func excerpt(path string, size int64) backup.Excerpt {
	switch {
	case size <= wanted(path):
		return backup.Whole
	case isDump(path):
		want := dump.Excerpt(path)
		want.Tables = strings.HasSuffix(path, ".sql")
		return want
	}
	return backup.Excerpt{}
}

// wanted tells up to which size the file at path below an account's root is read; -1 for not at all.
func wanted(path string) int64 {
	switch path {
	case "mysql.sql":
		return maxGrants
	case "mysql.sql-auth.json", "psql_users.sql", "psql_grants.sql", "psql/psql_users.sql", "psql/psql_grants.sql":
		return maxAuth
	case "userdata/main", "proftpdpasswd":
		return maxSettings
	}
	elems := strings.Split(path, "/")
	if len(elems) == 4 && (elems[0] == "homedir" || elems[0] == nestedHome) &&
		elems[1] == "etc" && elems[3] == "passwd" {
		return maxPasswd
	}
	return -1
}
