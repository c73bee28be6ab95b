package dump

import (
	"encoding/hex"
	"slices"
	"strings"
)

// databasePrivileges are those that reach nothing outside of a database.
var databasePrivileges = []string{"ALL PRIVILEGES", "ALL", "ALTER ROUTINE", "ALTER", "CREATE ROUTINE", "CREATE TEMPORARY TABLES", "CREATE VIEW", "CREATE",
	"DELETE HISTORY", "DELETE VERSIONING ROWS", "DELETE", "DROP", "EVENT", "EXECUTE", "INDEX", "INSERT", "LOCK TABLES", "REFERENCES", "SELECT",
	"SHOW CREATE ROUTINE", "SHOW VIEW", "TRIGGER", "UPDATE"}

// columnPrivileges are those that may be had of some columns alone.
var columnPrivileges = []string{"INSERT", "REFERENCES", "SELECT", "UPDATE"}

// grant passes what follows GRANT, up to and with TO. Nil: it grants nothing (USAGE).
func (c *cursor) grant() (*Grant, error) {
	g := &Grant{}
	usage := c.words("USAGE")
	for !usage {
		p, err := c.privilege()
		if err != nil {
			return nil, err
		}
		g.Privileges = append(g.Privileges, p)
		if !c.sign(",") {
			break
		}
	}
	if !c.words("ON") {
		return nil, c.refuse("a GRANT that is not understood")
	}
	g.Kind = c.anyOf("TABLE", "FUNCTION", "PROCEDURE")
	if c.sign("*") {
		if !usage || !c.sign(".") || !c.sign("*") || !c.words("TO") {
			return nil, c.refuse("a GRANT on all databases")
		}
		return nil, nil
	}
	if err := c.granted(g); err != nil {
		return nil, err
	}
	if usage {
		return nil, nil
	}
	return g, nil
}

// granted passes DATABASE.* or DATABASE.OBJECT, and TO.
func (c *cursor) granted(g *Grant) error {
	db := c.token(0)
	if db.kind == sign || db.kind == nothing {
		return c.refuse("a GRANT that is not understood")
	}
	c.next++
	g.Database = c.name(db)
	if !c.sign(".") {
		return c.refuse("a GRANT that is not understood")
	}
	if !c.sign("*") {
		object := c.token(0)
		if object.kind == sign || object.kind == nothing {
			return c.refuse("a GRANT that is not understood")
		}
		c.next++
		g.Object = c.name(object)
		if g.Kind == "" {
			g.Kind = "TABLE"
		}
	} else if g.Kind == "FUNCTION" || g.Kind == "PROCEDURE" {
		return c.refuse("a GRANT that is not understood")
	} else {
		g.Kind = ""
	}
	if bad := func(s string) bool { return len(s) > 256 || strings.ContainsAny(s, "\x00\n\r`") }; bad(g.Database) || bad(g.Object) {
		return c.refuse("a GRANT of a name with signs that are not taken")
	}
	if !c.words("TO") {
		return c.refuse("a GRANT that is not understood")
	}
	return nil
}

// privilege passes one privilege, with its columns.
func (c *cursor) privilege() (Privilege, error) {
	for _, name := range databasePrivileges {
		if !c.words(strings.Fields(name)...) {
			continue
		}
		p := Privilege{Name: name}
		if name == "ALL" {
			p.Name = "ALL PRIVILEGES"
		}
		if !c.sign("(") {
			return p, nil
		}
		if !slices.Contains(columnPrivileges, name) {
			return p, c.refuse("columns of %s", name)
		}
		for {
			column := c.token(0)
			if column.kind == sign || column.kind == nothing || strings.ContainsAny(c.name(column), "\x00`") {
				return p, c.refuse("a GRANT that is not understood")
			}
			c.next++
			p.Columns = append(p.Columns, c.name(column))
			if c.sign(")") {
				return p, nil
			}
			if !c.sign(",") {
				return p, c.refuse("a GRANT that is not understood")
			}
		}
	}
	return Privilege{}, c.refuse("the privilege %.40q, which is not one of databases", strings.ToUpper(c.raw(c.token(0))))
}

// limits are what a user may be limited to.
var limits = []string{"MAX_QUERIES_PER_HOUR", "MAX_UPDATES_PER_HOUR", "MAX_CONNECTIONS_PER_HOUR", "MAX_USER_CONNECTIONS"}

// userOptions passes all that may follow a user.
func (c *cursor) userOptions(u *User) error {
	for !c.done() {
		switch {
		case c.words("IDENTIFIED"):
			if err := c.identified(u); err != nil {
				return err
			}
		case c.words("REQUIRE"):
			u.TLS = c.anyOf("NONE", "SSL", "X509")
			if u.TLS == "" {
				return c.refuse("a REQUIRE of a certificate's fields")
			}
		case c.words("WITH") && c.limit(u), len(u.Limits) > 0 && c.limit(u):
		case c.words("ACCOUNT", "LOCK"):
			u.Locked = true
		case c.words("ACCOUNT", "UNLOCK"), c.words("DEFAULT", "ROLE", "NONE"):
		case c.words("PASSWORD"):
			if !c.passwordRule() {
				return c.refuse("a rule for passwords that is not understood")
			}
		default:
			return c.refuse("%.40q in a statement about a user", c.raw(c.token(0)))
		}
	}
	return nil
}

// passwordRule passes when a password expires and may be used again: nothing of it is taken over.
func (c *cursor) passwordRule() bool {
	passed := false
	for c.anyOf("EXPIRE", "NEVER", "DEFAULT", "HISTORY", "REUSE", "INTERVAL", "REQUIRE", "CURRENT", "OPTIONAL", "DAY") != "" || c.number() != "" {
		passed = true
	}
	return passed
}

// number passes a number, or nothing.
func (c *cursor) number() string {
	t := c.token(0)
	n := ""
	if t.kind == word {
		n = c.raw(t)
	}
	if n == "" || len(n) > 10 || strings.Trim(n, "0123456789") != "" {
		return ""
	}
	c.next++
	return n
}

func (c *cursor) limit(u *User) bool {
	name := c.anyOf(limits...)
	if name == "" {
		return false
	}
	n := c.number()
	u.Limits = append(u.Limits, Limit{name, n})
	return n != ""
}

// identified passes what follows IDENTIFIED.
func (c *cursor) identified(u *User) (err error) {
	one := Auth{}
	switch {
	case c.words("BY", "PASSWORD"):
		one.Plugin = "mysql_native_password"
		one.Hash, err = c.plainText()
		u.Auth, u.old = []Auth{one}, true
		return err
	case c.words("BY"):
		one.Password, err = c.plainText()
		u.Auth = []Auth{one}
		return err
	case !c.words("VIA") && !c.words("WITH"):
		return c.refuse("an IDENTIFIED that is not understood")
	}
	u.Auth = nil
	for {
		one, err = c.method()
		if err != nil {
			return err
		}
		u.Auth = append(u.Auth, one)
		if len(u.Auth) > 4 {
			return c.refuse("too many ways to log in")
		}
		if !c.words("OR") {
			return nil
		}
	}
}

// method passes PLUGIN [AS | USING 'HASH' | 0xHASH] [BY 'PASSWORD'].
func (c *cursor) method() (one Auth, err error) {
	t := c.token(0)
	if t.kind == sign || t.kind == nothing {
		return one, c.refuse("an IDENTIFIED that is not understood")
	}
	c.next++
	one.Plugin = strings.ToLower(c.name(t))
	if len(one.Plugin) > 64 || strings.Trim(one.Plugin, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		return one, c.refuse("an IDENTIFIED that is not understood")
	}
	switch {
	case c.words("BY"):
		return one, c.refuse("a password in the clear for a plugin")
	case !c.words("AS") && !c.words("USING"):
		return one, nil
	}
	if raw, ok := c.hexadecimal(); ok {
		one.Hash = raw
		return one, nil
	}
	one.Hash, err = c.plainText()
	return one, err
}

// hexadecimal passes 0x....
func (c *cursor) hexadecimal() (string, bool) {
	t := c.token(0)
	if t.kind != word {
		return "", false
	}
	digits, ok := strings.CutPrefix(strings.ToLower(c.raw(t)), "0x")
	raw, err := hex.DecodeString(digits)
	if !ok || err != nil || len(raw) > 1024 {
		return "", false
	}
	c.next++
	return string(raw), true
}
