package cpanel

import (
	"strings"

	"slotfs/indexer/backup"
)

// cutDatabases shows the dumps. Names stay as they are: MySQL's end with .sql, .sql.gz and .create,
// PostgreSQL's with .tar.
func (c *partitioner) cutDatabases() {
	names := make(map[string]bool)
	mysql, _ := c.directory(c.root.located, "mysql")
	for dump := range c.each(mysql) {
		name, ok := mysqlName(dump.Name)
		if ok && dump.IsRegular() && c.graft(backup.Databases, "databases/"+dump.Name, dump, false) {
			names["mysql/"+name] = true
			c.look("mysql", dump)
		}
	}
	psql, _ := c.directory(c.root.located, "psql")
	for dump := range c.each(psql) {
		name, ok := strings.CutSuffix(dump.Name, ".tar")
		if ok && name != "" && dump.IsRegular() && c.graft(backup.Databases, "databases/"+dump.Name, dump, false) {
			names["psql/"+name] = true
			c.look("psql", dump)
		}
	}
	if len(names) > 0 {
		c.counts[backup.Databases] = len(names)
	}
}

// isDump reports whether the file at path below an account's root is a database dump that may tell whether it is whole.
func isDump(path string) bool {
	dir, name, _ := strings.Cut(path, "/")
	if strings.Contains(name, "/") {
		return false
	}
	switch dir {
	case "mysql":
		return strings.HasSuffix(name, ".sql") || strings.HasSuffix(name, ".sql.gz")
	case "psql":
		return strings.HasSuffix(name, ".tar")
	}
	return false
}

// look looks whether a dump in dir ends as its program ends one.
func (c *partitioner) look(dir string, at located) {
	if !isDump(dir+"/"+at.Name) || c.err != nil || c.read == nil {
		return
	}
	c.failed(c.cutDumps.Look(at.Name, at.Size, func() ([]byte, error) { return c.read(join(c.root.path, dir+"/"+at.Name)) }))
}

// mysqlName tells the database that a file in mysql/ belongs to. What the server's own webmail keeps
// there is no database of the account.
func mysqlName(file string) (string, bool) {
	for _, suffix := range []string{".sql", ".sql.gz", ".create"} {
		name, ok := strings.CutSuffix(file, suffix)
		if !ok {
			continue
		}
		switch name {
		case "", "roundcube", "horde", "openfileslimit":
			return "", false
		}
		return name, true
	}
	return "", false
}

// cutDatabaseUsers generates a file for each database user.
func (c *partitioner) cutDatabaseUsers() {
	users := 0
	mysql := readMySQL(c.content("mysql.sql"), c.content("mysql.sql-auth.json"))
	psql := readPostgres(c.either("psql_users.sql"), c.either("psql_grants.sql"))
	c.skipped += mysql.skipped + psql.skipped
	for _, name := range mysql.names() {
		if c.generate(backup.DatabaseUsers, "database-users/"+fileName(name)+".sql", mysql.file(name, mysqlHeader)) {
			users++
		}
	}
	for _, name := range psql.names() {
		if c.generate(backup.DatabaseUsers, "database-users/"+fileName(name)+".pgsql.sql", psql.file(name, postgresHeader)) {
			users++
		}
	}
	if users > 0 {
		c.counts[backup.DatabaseUsers] = users
	}
}

// either reads a file at the root, or in psql/ where versions of pkgacct differ.
func (c *partitioner) either(name string) []byte {
	if data := c.content(name); data != nil {
		return data
	}
	return c.content("psql", name)
}
