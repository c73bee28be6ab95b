package dump

import (
	"slices"
	"strings"
)

// ansiModes are those that make "..." a name.
var ansiModes = []string{"ANSI", "ANSI_QUOTES", "ORACLE", "MSSQL", "DB2", "MAXDB", "POSTGRESQL"}

// sqlMode is SET sql_mode. The mode tells how the text that follows is read, so that it must be known.
func (c *cursor) sqlMode(from token, value, system string) (string, error) {
	const set = "SESSION sql_mode = "
	if from.kind == sign {
		saved, ok := c.r.modes.saved[strings.ToLower(strings.Trim(strings.TrimPrefix(value, "@"), "`"))]
		switch {
		case system == "sql_mode":
		case system == "" && ok:
			c.r.modes.now = saved
		default:
			return "", c.refuse("sql_mode from %.60s, which has not kept it", value)
		}
		return set + value, nil
	}
	list := c.name(from)
	if list == "0" || strings.EqualFold(list, "DEFAULT") {
		list = ""
	}
	var modes []string
	now := mode{}
	for _, m := range strings.Split(strings.ToUpper(list), ",") {
		switch {
		case m == "":
		case strings.Trim(m, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") != "" || m[0] >= '0' && m[0] <= '9':
			return "", c.refuse("a sql_mode that is none")
		case !c.r.o.Server.knowsMode(m):
			c.r.note(c.r.lex.line, "left out: sql_mode %s, which the server does not know", m)
		default:
			modes = append(modes, m)
			now.plain = now.plain || m == "NO_BACKSLASH_ESCAPES"
			now.ansi = now.ansi || slices.Contains(ansiModes, m)
		}
	}
	c.r.modes.now = now
	return set + "'" + strings.Join(modes, ",") + "'", nil
}

// everywhereModes are known to all servers, since MySQL 5.5.
var everywhereModes = strings.Fields(`ANSI ANSI_QUOTES REAL_AS_FLOAT PIPES_AS_CONCAT IGNORE_SPACE ONLY_FULL_GROUP_BY NO_UNSIGNED_SUBTRACTION NO_DIR_IN_CREATE
	NO_AUTO_VALUE_ON_ZERO NO_BACKSLASH_ESCAPES STRICT_TRANS_TABLES STRICT_ALL_TABLES NO_ZERO_IN_DATE NO_ZERO_DATE ALLOW_INVALID_DATES
	ERROR_FOR_DIVISION_BY_ZERO TRADITIONAL HIGH_NOT_PRECEDENCE NO_ENGINE_SUBSTITUTION PAD_CHAR_TO_FULL_LENGTH`)

// olderModes went away with MySQL 8.0; MariaDB has them.
var olderModes = strings.Fields(`NO_AUTO_CREATE_USER POSTGRESQL ORACLE MSSQL DB2 MAXDB NO_KEY_OPTIONS NO_TABLE_OPTIONS NO_FIELD_OPTIONS MYSQL323 MYSQL40`)

// knowsMode reports whether the server knows a word of sql_mode.
func (s Server) knowsMode(m string) bool {
	switch {
	case slices.Contains(everywhereModes, m):
		return true
	case slices.Contains(olderModes, m):
		return s.MariaDB || s.Version < 80000
	case m == "TIME_TRUNCATE_FRACTIONAL":
		return !s.MariaDB && s.Version >= 80000
	case m == "EMPTY_STRING_IS_NULL" || m == "SIMULTANEOUS_ASSIGNMENT":
		return s.MariaDB && s.Version >= 100300
	case m == "TIME_ROUND_FRACTIONAL":
		return s.MariaDB && s.Version >= 100400
	}
	return false
}

// collations replaces the collations that the server does not know.
func (c *cursor) collations() {
	var edits []edit
	all := c.r.lex.tokens
	for i, t := range all {
		if t.kind != word || t.end-t.start != len("COLLATE") || !strings.EqualFold(c.raw(t), "COLLATE") || i+1 == len(all) {
			continue
		}
		next := all[i+1]
		if next.kind == sign && c.raw(next) == "=" && i+2 < len(all) {
			next = all[i+2]
		}
		if next.kind == sign {
			continue
		}
		if with := c.collation(c.name(next), c.raw(next)); with != c.raw(next) {
			edits = append(edits, edit{next.start, next.end, with})
		}
	}
	c.edit(edits)
}

// edit notes more replacements.
func (c *cursor) edit(more []edit) {
	if len(more) > 0 {
		c.edits = append(c.edits, more...)
		slices.SortStableFunc(c.edits, func(a, b edit) int { return a.start - b.start })
	}
}

// directories takes out where on the server's disks a table is to be.
func (c *cursor) directories() {
	var edits []edit
	all := c.r.lex.tokens
	for i, t := range all {
		at := cursor{r: c.r, next: i}
		if t.kind != word || !at.words("DATA", "DIRECTORY") && !at.words("INDEX", "DIRECTORY") {
			continue
		}
		at.sign("=")
		if where := at.token(0); where.kind == text {
			edits = append(edits, edit{t.start, where.end, ""})
			c.r.note(c.r.lex.line, "left out: the directory of a table")
		}
	}
	c.edit(edits)
}

// collation is a collation that the server knows: name, which stands there as raw, or the one that is nearest to it.
func (c *cursor) collation(name, raw string) string {
	known := c.r.o.Server.Collations
	low := strings.ToLower(name)
	if known == nil || known(low) {
		return raw
	}
	for _, near := range nearest(low) {
		if known(near) {
			c.r.note(c.r.lex.line, "collation %s, which the server does not know, became %s", low, near)
			return near
		}
	}
	return raw // the server refuses it
}

// nearest are collations to take instead of one, the best first.
func nearest(name string) []string {
	charset, kind, _ := strings.Cut(name, "_")
	switch charset {
	case "utf8mb3":
		return append([]string{"utf8_" + kind}, similar("utf8mb3", kind, "utf8")...)
	case "utf8":
		return append([]string{"utf8mb3_" + kind}, similar("utf8", kind, "utf8mb3")...)
	case "uca1400":
		return similar("utf8mb4", name)
	}
	return similar(charset, kind)
}

// similar keeps to whether capitals and accents count.
func similar(charset, kind string, others ...string) []string {
	var all []string
	for _, set := range append([]string{charset}, others...) {
		switch {
		case strings.HasSuffix(kind, "_cs") || strings.HasSuffix(kind, "bin"):
			all = append(all, set+"_bin")
		case kind == "uca1400_ai_ci":
			all = append(all, set+"_0900_ai_ci")
		case kind == "0900_ai_ci":
			all = append(all, set+"_uca1400_ai_ci")
		}
		all = append(all, set+"_unicode_520_ci", set+"_unicode_ci", set+"_general_ci")
	}
	return all
}
