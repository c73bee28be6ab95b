package cpanel

import "strings"

const postgresHeader = `-- One PostgreSQL user of the backup: what psql_users.sql and psql_grants.sql say about it.

`

// readPostgres finds each user's statements in psql_users.sql and psql_grants.sql, with the same caution
// as readMySQL: no superusers, no roles or tables of the server, nothing but users and grants.
func readPostgres(users, privileges []byte) *grants {
	g := newGrants()
	for _, sql := range [][]byte{users, privileges} {
		g.take(scanner{src: string(sql), postgres: true}, postgresUser)
	}
	return g
}

// postgresUser tells whose statement it is, following the grammar to the end.
func postgresUser(tokens []token) (string, bool) {
	c := cursor{tokens}
	if c.words("GRANT") {
		if !c.postgresPrivileges() {
			return "", false
		}
		user, ok := c.postgresRole()
		return user, ok && len(c.tokens) == 0
	}
	if !c.words("CREATE") && !c.words("ALTER") {
		return "", false
	}
	if !c.words("USER") && !c.words("ROLE") {
		return "", false
	}
	user, ok := c.postgresRole()
	return user, ok && c.postgresOptions()
}

// postgresRole passes the name of a role. Without quotes it is folded to lower case, as the server does.
func (c *cursor) postgresRole() (string, bool) {
	t, ok := c.next()
	if !ok || t.kind != wordToken && t.kind != nameToken {
		return "", false
	}
	name := t.text
	if t.kind == wordToken {
		name = strings.ToLower(name)
	}
	return name, plainUser(name) && !postgresOwn(name)
}

// postgresOwn reports names that belong to the server.
func postgresOwn(name string) bool {
	name = strings.ToLower(name)
	switch name {
	case "postgres", "public", "current_user", "session_user", "current_role", "information_schema":
		return true
	}
	return strings.HasPrefix(name, "pg_")
}

// postgresPrivileges passes "ALL PRIVILEGES ON DATABASE "db" TO", or the name of one role and "TO".
func (c *cursor) postgresPrivileges() bool {
	on, before := false, 0
	for !c.words("TO") {
		if !on && before > 0 && c.words("ON") {
			on = true
			continue
		}
		t, ok := c.next()
		switch {
		case !ok, t.kind == stringToken, t.kind == signToken && t.text != "," && t.text != ".":
			return false
		case t.kind != signToken && postgresOwn(t.text) && !(on && t.kind == wordToken && strings.EqualFold(t.text, "public")):
			return false // the schema public is everybody's, the role public is everybody
		}
		if !on {
			before++
		}
	}
	return on || before == 1
}

// postgresOptions passes what may follow the name of a new user, to the end of the statement.
func (c *cursor) postgresOptions() bool {
	for {
		t, ok := c.next()
		if !ok {
			return true
		}
		if t.kind == stringToken {
			continue
		}
		if t.kind != wordToken {
			return false
		}
		switch word := strings.ToUpper(t.text); word {
		case "WITH", "ENCRYPTED", "UNENCRYPTED", "PASSWORD", "LOGIN", "NOLOGIN", "INHERIT", "NOINHERIT",
			"NOSUPERUSER", "CREATEDB", "NOCREATEDB", "NOCREATEROLE", "NOCREATEUSER", "NOREPLICATION",
			"NOBYPASSRLS", "VALID", "UNTIL", "CONNECTION", "LIMIT", "NULL":
		default:
			if c := word[0]; c < '0' || c > '9' {
				return false
			}
		}
	}
}
