package dump

import "strings"

// create is CREATE of something.
func (c *cursor) create(s *Statement) (bool, error) {
	c.words("OR", "REPLACE")
	for again := true; again; {
		switch {
		case c.words("DEFINER"):
			if err := c.definer(s); err != nil {
				return false, err
			}
		case c.words("ALGORITHM"):
			c.sign("=")
			c.next++
		case c.words("SQL", "SECURITY"):
			c.next++
		default:
			again = c.anyOf("TEMPORARY", "AGGREGATE") != ""
		}
	}
	for _, w := range []string{"UNIQUE", "FULLTEXT", "SPATIAL"} {
		if c.is(w, "INDEX") {
			c.next++
		}
	}
	word := c.anyOf("TABLE", "SEQUENCE", "VIEW", "TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "DATABASE", "SCHEMA", "INDEX")
	c.ifExists()
	switch word {
	case "":
		return false, c.refuse("CREATE %.40s", c.raw(c.token(0)))
	case "DATABASE", "SCHEMA":
		return false, c.use()
	case "INDEX":
		return true, c.index(s)
	}
	s.Create = true
	if err := c.about(s, kinds[word]); err != nil {
		return false, err
	}
	return true, c.program(s)
}

// definer takes DEFINER = USER out: who it is to be is not the dump's to say.
func (c *cursor) definer(s *Statement) error {
	start := c.r.lex.tokens[c.next-1].start
	if !c.sign("=") {
		return c.refuse("DEFINER without a user")
	}
	user := c.token(0)
	if user.kind == nothing || user.kind == sign {
		return c.refuse("DEFINER without a user")
	}
	c.next++
	s.Definer = c.name(user)
	switch {
	case c.sign("("):
		if !c.sign(")") {
			return c.refuse("DEFINER without a user")
		}
	case c.sign("@"):
		host := c.name(c.token(0))
		for c.next++; c.sign("."); c.next++ {
			host += "." + c.name(c.token(0))
		}
		s.Definer += "@" + host
	}
	c.edits = append(c.edits, edit{start, c.token(0).start, ""})
	return nil
}

// index is CREATE INDEX.
func (c *cursor) index(s *Statement) error {
	for !c.done() && !c.words("ON") {
		c.next++
	}
	return c.about(s, Table)
}

// program looks at what is peculiar to a kind of program.
func (c *cursor) program(s *Statement) error {
	switch s.Kind {
	case Function:
		s.Table = ""
		for i := c.next; i < min(len(c.r.lex.tokens), c.next+32); i++ {
			if t := c.r.lex.tokens[i]; t.kind == word && strings.EqualFold(c.raw(t), "SONAME") {
				return c.refuse("a function from a library of the server")
			}
		}
	case Event:
		s.Table = ""
		return c.event(s)
	case Trigger:
		for !c.done() && !c.words("ON") {
			c.next++
		}
		table, err := c.object()
		s.Table = table
		return err
	case View, Procedure:
		s.Table = ""
	}
	return nil
}

// event disables an event: it is not to run in the other database.
func (c *cursor) event(s *Statement) error {
	s.Status = "ENABLE"
	for depth := 0; !c.done(); {
		t := c.token(0)
		switch {
		case c.sign("("):
			depth++
		case c.sign(")"):
			depth--
		case depth > 0:
			c.next++
		case c.words("ENABLE"):
			c.edits = append(c.edits, edit{t.start, t.end, "DISABLE"})
			return nil
		case c.words("DISABLE"):
			s.Status = "DISABLE"
			if end := c.token(1).end; c.anyOf("ON") != "" && c.anyOf("SLAVE", "REPLICA") != "" {
				s.Status = "DISABLE ON SLAVE"
				c.edits = append(c.edits, edit{t.start, end, "DISABLE"})
			}
			return nil
		case c.is("COMMENT"), c.is("DO"):
			c.edits = append(c.edits, edit{t.start, t.start, "DISABLE "})
			return nil
		default:
			c.next++
		}
	}
	return c.refuse("an event that does nothing")
}
