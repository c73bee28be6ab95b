package dump

import (
	"slices"
	"strings"
)

// mode is what of sql_mode tells how text is read.
type mode struct {
	plain bool // a backslash is one: NO_BACKSLASH_ESCAPES
	ansi  bool // "..." is a name: ANSI_QUOTES
}

// modes are the mode at hand and those that user variables have saved.
type modes struct {
	now   mode
	saved map[string]mode
}

// kept are the variables of the session that dumps set for what follows.
var kept = []string{"character_set_client", "character_set_results", "character_set_connection", "collation_connection", "time_zone", "foreign_key_checks",
	"unique_checks", "sql_notes", "note_verbosity", "autocommit", "default_storage_engine", "storage_engine", "check_constraint_checks",
	"innodb_strict_mode", "sql_require_primary_key", "explicit_defaults_for_timestamp", "system_versioning_insert_history", "show_create_table_verbosity"}

// dropped are those that say where the dump stands in the binary log, or are of no use.
var dropped = []string{"gtid_purged", "gtid_slave_pos", "sql_log_bin", "information_schema_stats_expiry", "session_track_gtids"}

// set is SET. What is passed on of it is written anew.
func (c *cursor) set(s *Statement) (bool, error) {
	s.Kind = Setting
	switch {
	case c.words("NAMES"), c.words("CHARACTER", "SET"), c.words("CHARSET"):
		return true, c.names()
	case c.anyOf("PASSWORD", "ROLE", "DEFAULT", "RESOURCE", "STATEMENT") != "":
		return false, c.refuse("SET of what belongs to the server")
	case c.words("TRANSACTION"), c.is("SESSION", "TRANSACTION"):
		return false, nil
	}
	var out []string
	for {
		one, err := c.assignment()
		if err != nil {
			return false, err
		}
		if one != "" {
			out = append(out, one)
		}
		if c.done() {
			break
		}
		if !c.sign(",") {
			return false, c.refuse("a SET that is not understood")
		}
	}
	if len(out) == 0 {
		return false, nil
	}
	s.Text = []byte("SET " + strings.Join(out, ", "))
	return true, nil
}

// names is the character set of what follows.
func (c *cursor) names() error {
	set := c.name(c.token(0))
	c.next++
	if err := c.charset(set); err != nil {
		return err
	}
	if c.words("COLLATE") {
		c.next++
	}
	if !c.done() {
		return c.refuse("a SET NAMES that is not understood")
	}
	return nil
}

// charset refuses character sets in which a quote or backslash can be part of another character.
func (c *cursor) charset(set string) error {
	switch strings.ToLower(set) {
	case "big5", "cp932", "gb18030", "gbk", "sjis", "ucs2", "utf16", "utf16le", "utf32":
		return c.refuse("the character set %s, in which quotes cannot be told apart: convert the dump to utf8mb4", strings.ToLower(set))
	}
	return nil
}

// assignment is one VARIABLE = VALUE of a SET; "" if it is left out.
func (c *cursor) assignment() (string, error) {
	if c.sign("@") {
		if !c.sign("@") {
			return c.userVariable()
		}
		if t := c.token(1); t.kind == sign && c.raw(t) == "." {
			return c.scoped(c.raw(c.token(0)), 2)
		}
		return c.variable()
	}
	if scope := c.token(0); c.is("GLOBAL") || c.is("SESSION") || c.is("LOCAL") || c.is("PERSIST") || c.is("PERSIST_ONLY") {
		return c.scoped(c.raw(scope), 1)
	}
	return c.variable()
}

// scoped passes the scope of a variable, of skip tokens.
func (c *cursor) scoped(scope string, skip int) (string, error) {
	c.next += skip
	name := strings.ToLower(c.name(c.token(0)))
	switch strings.ToUpper(scope) {
	case "SESSION", "LOCAL":
		return c.variable()
	}
	if !slices.Contains(dropped, name) {
		return "", c.refuse("SET %s %s, which belongs to the server", strings.ToUpper(scope), name)
	}
	return c.variable()
}

// equals passes the sign of an assignment.
func (c *cursor) equals() error {
	c.sign(":")
	if !c.sign("=") {
		return c.refuse("a SET that is not understood")
	}
	return nil
}

// userVariable is @NAME = VALUE.
func (c *cursor) userVariable() (string, error) {
	name := c.token(0)
	if name.kind != word && name.kind != quoted {
		return "", c.refuse("a SET that is not understood")
	}
	c.next++
	if err := c.equals(); err != nil {
		return "", err
	}
	key := strings.ToLower(c.name(name))
	delete(c.r.modes.saved, key)
	value, system, err := c.value()
	if system == "sql_mode" {
		c.r.modes.saved[key] = c.r.modes.now
		if len(c.r.modes.saved) > maxSaved {
			return "", c.refuse("too many variables")
		}
	}
	return "@" + c.raw(name) + " = " + value, err
}

const maxSaved = 1000

// value passes one value, and tells which variable of the system it is.
func (c *cursor) value() (value, system string, err error) {
	start := c.token(0)
	end := start
	switch {
	case c.sign("@"):
		if c.sign("@") {
			if c.anyOf("SESSION", "GLOBAL", "LOCAL") != "" && !c.sign(".") {
				return "", "", c.refuse("a SET that is not understood")
			}
			system = strings.ToLower(c.name(c.token(0)))
		}
		end = c.token(0)
		if end.kind != word && end.kind != quoted {
			return "", "", c.refuse("a SET that is not understood")
		}
	case c.sign("+"), c.sign("-"):
		end = c.token(0)
	}
	if end.kind == nothing || end.kind == sign {
		return "", "", c.refuse("a SET that is not understood")
	}
	c.next++
	if t := c.token(0); t.kind != nothing && (t.kind != sign || c.raw(t) != ",") {
		return "", "", c.refuse("a SET of an expression")
	}
	return string(c.r.lex.out[start.start:end.end]), system, nil
}

// variable is NAME = VALUE of the session.
func (c *cursor) variable() (string, error) {
	name := strings.ToLower(c.name(c.token(0)))
	c.next++
	if err := c.equals(); err != nil {
		return "", err
	}
	if slices.Contains(dropped, name) {
		for t := c.token(0); t.kind != nothing && (t.kind != sign || c.raw(t) != ","); t = c.token(0) {
			c.next++
		}
		c.r.note(c.r.lex.line, "left out: %s", name)
		return "", nil
	}
	from := c.token(0)
	value, system, err := c.value()
	switch {
	case err != nil:
		return "", err
	case name == "sql_mode":
		return c.sqlMode(from, value, system)
	case name == "character_set_client" && from.kind != sign:
		if err := c.charset(c.name(from)); err != nil {
			return "", err
		}
	case strings.HasPrefix(name, "collation_") && from.kind != sign:
		value = c.collation(c.name(from), value)
	}
	if !slices.Contains(kept, name) {
		c.r.note(c.r.lex.line, "left out: SET %.64s", name)
		return "", nil
	}
	return "SESSION " + name + " = " + value, nil
}
