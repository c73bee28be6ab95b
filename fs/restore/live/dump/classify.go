package dump

import (
	"slices"
	"strings"
)

// classify tells what the statement does that was read. Nil: it has no place in the other database.
func (r *Reader) classify() (*Statement, error) {
	c := &cursor{r: r}
	s := &Statement{Line: r.lex.line}
	keep, err := c.statement(s)
	if err != nil || !keep {
		return nil, err
	}
	if !s.Kind.Program() && s.Kind != Rows && slices.ContainsFunc(r.lex.tokens, func(t token) bool { return t.kind == sign && c.raw(t) == ";" }) {
		return nil, c.refuse("several statements in one")
	}
	if r.lex.outfile > 0 && (!s.Kind.Program() || s.Kind == View) {
		return nil, &RefusedError{r.lex.outfile, "INTO OUTFILE, which writes files of the server"}
	}
	if s.Text == nil {
		if s.Kind != Rows {
			c.collations()
			c.directories()
		}
		s.Text = c.text()
	}
	return s, nil
}

// statement looks at the first word.
func (c *cursor) statement(s *Statement) (keep bool, err error) {
	switch first := c.anyOf("INSERT", "REPLACE", "CREATE", "ALTER", "DROP", "SET", "USE", "LOCK", "TRUNCATE", "DELETE", "UPDATE", "CHANGE",
		"SOURCE", "SYSTEM"); first {
	case "INSERT", "REPLACE":
		return true, c.rows(s)
	case "CREATE":
		return c.create(s)
	case "ALTER":
		return c.alter(s)
	case "DROP":
		return c.drop(s)
	case "SET":
		return c.set(s)
	case "USE":
		return false, c.use()
	case "LOCK":
		return c.lock(s)
	case "TRUNCATE":
		c.words("TABLE")
		return true, c.about(s, Rows)
	case "DELETE", "UPDATE":
		s.Kind = Rows
		return true, nil
	case "CHANGE": // MASTER TO, REPLICATION SOURCE TO: where the dump stands in the binary log
		c.r.note(c.r.lex.line, "left out: the position in the binary log")
		return false, nil
	case "SOURCE", "SYSTEM":
		return false, c.refuse("the client's command %s", strings.ToLower(first))
	}
	return c.harmless(s)
}

// harmless passes what neither reads nor writes anything outside.
func (c *cursor) harmless(s *Statement) (bool, error) {
	s.Kind = Other
	switch {
	case c.is("START", "TRANSACTION"), c.is("BEGIN"), c.is("COMMIT"), c.is("UNLOCK", "TABLES"), c.is("ANALYZE", "TABLE"):
		return true, nil
	case c.words("DO", "SETVAL"), c.words("SELECT", "SETVAL"):
		if !c.sign("(") {
			return false, c.refuse("a query")
		}
		return true, c.about(s, Rows)
	}
	what := strings.ToUpper(c.raw(c.token(0)))
	if t := c.token(1); t.kind == word {
		what += " " + strings.ToUpper(c.raw(t))
	}
	return false, c.refuse("%.60q, which no dump has need of", what)
}

// rows is an INSERT or REPLACE.
func (c *cursor) rows(s *Statement) error {
	for c.anyOf("LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE") != "" {
	}
	c.words("INTO")
	return c.about(s, Rows)
}

// about is a statement that names a table next.
func (c *cursor) about(s *Statement, kind Kind) (err error) {
	s.Kind = kind
	s.Table, err = c.object()
	s.Name = s.Table
	return err
}

// use passes the choice of the database that was dumped, and no other.
func (c *cursor) use() error {
	if name := c.name(c.token(0)); name != c.r.o.Database {
		return c.refuse("USE of the database %s, which is another one", name)
	}
	return nil
}

// lock is LOCK TABLES.
func (c *cursor) lock(s *Statement) (bool, error) {
	s.Kind = Other
	if c.anyOf("TABLES", "TABLE") == "" {
		return false, c.refuse("a lock of something else than tables")
	}
	return true, c.about(s, Other)
}

// ifExists passes IF EXISTS and IF NOT EXISTS.
func (c *cursor) ifExists() {
	if !c.words("IF", "NOT", "EXISTS") {
		c.words("IF", "EXISTS")
	}
}

// kinds are the words of what dumps define.
var kinds = map[string]Kind{"TABLE": Table, "SEQUENCE": Table, "VIEW": View, "TRIGGER": Trigger, "PROCEDURE": Procedure, "FUNCTION": Function,
	"EVENT": Event}

// drop is DROP of something.
func (c *cursor) drop(s *Statement) (bool, error) {
	c.words("TEMPORARY")
	word := c.anyOf("TABLE", "SEQUENCE", "VIEW", "TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "DATABASE", "SCHEMA")
	c.ifExists()
	switch word {
	case "":
		return false, c.refuse("DROP %.40s", c.raw(c.token(0)))
	case "DATABASE", "SCHEMA":
		return false, c.use()
	}
	err := c.about(s, kinds[word])
	if s.Kind.Program() {
		s.Table = ""
	}
	return true, err
}

// alter is ALTER of a table, or of the database's character set.
func (c *cursor) alter(s *Statement) (bool, error) {
	c.anyOf("ONLINE", "OFFLINE", "IGNORE")
	switch c.anyOf("TABLE", "SEQUENCE", "DATABASE", "SCHEMA") {
	case "TABLE", "SEQUENCE":
		c.ifExists()
		return true, c.about(s, Table)
	case "DATABASE", "SCHEMA":
		name := c.token(0)
		if err := c.use(); err != nil {
			return false, err
		}
		c.next++
		if !c.is("CHARACTER", "SET") {
			return false, c.refuse("ALTER DATABASE of something else than its character set")
		}
		c.edits = append(c.edits, edit{name.start, name.end, ""})
		s.Kind = Other
		return true, nil
	}
	return false, c.refuse("ALTER %.40s", c.raw(c.token(0)))
}
