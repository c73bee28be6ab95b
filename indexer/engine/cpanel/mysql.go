package cpanel

import (
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

const mysqlHeader = `-- One database user of the backup: what mysql.sql and mysql.sql-auth.json say about it.
-- Servers that know no IDENTIFIED BY PASSWORD refuse GRANT USAGE lines that have it; the user is made by
-- CREATE USER then, and "mysql --force" goes on after the refused line.

`

// readMySQL finds each user's statements in mysql.sql, and makes CREATE USER statements of
// mysql.sql-auth.json, which knows the hashes that newer servers no longer tell in grants.
//
// An admin will run the result as root, so only what pkgacct writes for an account is taken: users that
// belong to the server, privileges on all databases or on the server's own, and the right to
// pass privileges on are left out.
func readMySQL(sql, auth []byte) *grants {
	g := newGrants()
	addAuth(g, auth)
	g.take(scanner{src: string(sql)}, mysqlUser)
	return g
}

// take adds the statements of which userOf tells whose they are, and counts the others that would be missed.
func (g *grants) take(s scanner, userOf func([]token) (string, bool)) {
	for more := true; more; {
		var tokens []token
		var ok bool
		tokens, ok, more = s.statement()
		if len(tokens) == 0 {
			continue
		}
		user, understood := "", false
		if ok {
			user, understood = userOf(tokens)
		}
		if understood {
			g.add(user, render(tokens))
		} else if aboutUsers(tokens) {
			g.skipped++
		}
	}
}

// aboutUsers reports whether a statement that was not taken would be missed.
func aboutUsers(tokens []token) bool {
	c := cursor{tokens}
	for _, start := range [][]string{{"GRANT"}, {"CREATE", "USER"}, {"CREATE", "ROLE"}, {"ALTER", "USER"},
		{"ALTER", "ROLE"}, {"SET", "PASSWORD"}} {
		if c.words(start...) {
			return true
		}
	}
	return false
}

// mysqlUser tells whose statement it is. It follows the grammar to the end of the statement: nothing
// that it does not know passes, a second user least of all.
func mysqlUser(tokens []token) (string, bool) {
	c := cursor{tokens}
	switch {
	case c.words("GRANT"):
		if !c.mysqlPrivileges() {
			return "", false
		}
	case c.words("CREATE", "USER"):
		c.words("IF", "NOT", "EXISTS")
	case c.words("ALTER", "USER"):
		c.words("IF", "EXISTS")
	case c.words("SET", "PASSWORD", "FOR"):
		user, ok := c.mysqlAccount()
		return user, ok && c.sign("=") && c.newPassword()
	default:
		return "", false
	}
	user, ok := c.mysqlAccount()
	return user, ok && c.mysqlOptions()
}

// newPassword passes 'hash' or PASSWORD('text').
func (c *cursor) newPassword() bool {
	call := c.words("PASSWORD") && c.sign("(")
	t, ok := c.next()
	if !ok || t.kind != stringToken || call && !c.sign(")") {
		return false
	}
	return len(c.tokens) == 0
}

// mysqlPrivileges passes "SELECT, INSERT (a, b) ON `db`.* TO".
func (c *cursor) mysqlPrivileges() bool {
	usage := false
	for first := true; !c.words("ON"); first = false {
		t, ok := c.next()
		if !ok {
			return false
		}
		switch word := strings.ToUpper(t.text); {
		case t.kind == stringToken, t.kind == signToken && strings.IndexByte(",()", word[0]) < 0:
			return false
		case t.kind == wordToken && (word == "GRANT" || word == "OPTION" || word == "PROXY" || word == "TO"):
			return false
		default:
			usage = first && word == "USAGE" && t.kind == wordToken
		}
	}
	for _, kind := range []string{"TABLE", "FUNCTION", "PROCEDURE"} {
		if c.words(kind) {
			break
		}
	}
	return c.mysqlObject(usage) && c.words("TO")
}

// mysqlObject passes the database and what is in it. All databases are for USAGE only, which grants nothing.
func (c *cursor) mysqlObject(usage bool) bool {
	if c.sign("*") {
		return usage && c.sign(".") && c.sign("*")
	}
	db, ok := c.next()
	if !ok || db.kind == signToken || !c.sign(".") || serverSchema(db.text) {
		return false
	}
	if strings.Contains(strings.ReplaceAll(db.text, `\%`, ""), "%") {
		return false
	}
	if c.sign("*") {
		return true
	}
	t, ok := c.next()
	return ok && t.kind != signToken
}

// serverSchema reports databases that belong to the server. MySQL reads the name of a database in a grant as a pattern,
// in which '_' is any character.
func serverSchema(pattern string) bool {
	plain := strings.ToLower(strings.ReplaceAll(pattern, `\`, ""))
	for _, schema := range []string{"mysql", "sys", "information_schema", "performance_schema"} {
		if len(plain) != len(schema) {
			continue
		}
		same := true
		for i := range len(plain) {
			same = same && (plain[i] == schema[i] || plain[i] == '_')
		}
		if same {
			return true
		}
	}
	return false
}

// mysqlAccount passes 'user'@'host' in any of the quotes, or without a host.
func (c *cursor) mysqlAccount() (string, bool) {
	t, ok := c.next()
	if !ok || t.kind == signToken || !plainUser(t.text) || serverUser(t.text) {
		return "", false
	}
	if !c.sign("@") {
		return t.text, true
	}
	host, ok := c.next()
	if !ok || host.kind == signToken || strings.Contains(host.text, `\`) {
		return "", false
	}
	for host.kind == wordToken && c.sign(".") { // 10.0.0.1 without quotes
		if more, ok := c.next(); !ok || more.kind != wordToken {
			return "", false
		}
	}
	return t.text, true
}

// serverUser reports users that belong to the server.
func serverUser(name string) bool {
	name = strings.ToLower(name)
	switch name {
	case "root", "mysql", "public", "debian-sys-maint":
		return true
	}
	return strings.HasPrefix(name, "mysql.") || strings.HasPrefix(name, "mariadb.")
}

// mysqlOptions passes what may follow the user, to the end of the statement.
func (c *cursor) mysqlOptions() bool {
	identified := false
	for len(c.tokens) > 0 {
		t, _ := c.next()
		if t.kind == stringToken {
			continue
		}
		if t.kind != wordToken {
			return false
		}
		switch word := strings.ToUpper(t.text); word {
		case "IDENTIFIED":
			identified = true
		case "VIA", "WITH", "OR":
			if c.keyword() == "GRANT" {
				return false
			}
			if identified && c.keyword() != "" && !strings.HasPrefix(c.keyword(), "MAX_") {
				c.next() // the plugin's name
			}
		case "AS", "USING":
			if !identified {
				return false
			}
		case "BY", "PASSWORD", "REQUIRE", "NONE", "SSL", "X509", "CIPHER", "ISSUER", "SUBJECT", "AND",
			"MAX_QUERIES_PER_HOUR", "MAX_UPDATES_PER_HOUR", "MAX_CONNECTIONS_PER_HOUR", "MAX_USER_CONNECTIONS",
			"EXPIRE", "NEVER", "DEFAULT", "ACCOUNT", "LOCK", "UNLOCK", "HISTORY", "REUSE", "INTERVAL", "DAY",
			"CURRENT", "OPTIONAL":
		default:
			if c := word[0]; c < '0' || c > '9' { // numbers, and hashes as 0x...
				return false
			}
		}
	}
	return true
}

// isPlugin reports whether text can be the name of an authentication plug-in.
func isPlugin(text string) bool { return len(text) <= 64 && madeOf(text, "_") }

// isHost reports whether text can be the host of a user, which may have wild cards.
func isHost(text string) bool { return len(text) <= 255 && madeOf(text, "_.:%/-") }

// madeOf reports whether a text has letters, digits and others only, and at least one of them.
func madeOf(text, others string) bool {
	for _, c := range []byte(text) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte(others, c) < 0:
			return false
		}
	}
	return text != ""
}

// addAuth makes statements of mysql.sql-auth.json: user, then host, then plugin and hash, the names of
// the last two not documented.
func addAuth(g *grants, data []byte) {
	var users map[string]json.RawMessage
	if len(data) == 0 || json.Unmarshal(data, &users) != nil {
		return
	}
	for _, user := range slices.Sorted(maps.Keys(users)) {
		var hosts map[string]json.RawMessage
		if json.Unmarshal(users[user], &hosts) != nil {
			g.skipped++
			continue
		}
		for _, host := range slices.Sorted(maps.Keys(hosts)) {
			var fields map[string]any
			_ = json.Unmarshal(hosts[host], &fields) // what is no object has no plugin
			plugin := firstString(fields, "auth_plugin", "plugin", "authentication_plugin")
			hash := firstString(fields, "pass_hash", "authentication_string", "auth_string", "hash", "password")
			if !plainUser(user) || serverUser(user) || !isHost(host) || !isPlugin(plugin) {
				g.skipped++
				continue
			}
			statement := "CREATE USER IF NOT EXISTS '" + user + "'@'" + host + "' IDENTIFIED WITH " + plugin
			if hash != "" {
				statement += " AS " + literal(hash)
			}
			g.add(user, statement)
		}
	}
}

func firstString(fields map[string]any, names ...string) string {
	for _, name := range names {
		if s, ok := fields[name].(string); ok && s != "" {
			return s
		}
	}
	return ""
}

// literal writes a hash as a string, or in hexadecimal where quoting it would depend on the server's mode.
func literal(s string) string {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '\'' || c == '\\' {
			return "0x" + hex.EncodeToString([]byte(s))
		}
	}
	return "'" + s + "'"
}
