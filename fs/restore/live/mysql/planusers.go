package mysql

import (
	"context"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"slotfs/fs/restore/live/dump"
)

// planUsers reads a dump of users and decides what of it is done.
func (s *Server) planUsers(ctx context.Context, o *UsersOptions) (plan []plannedUser, out UsersReport, err error) {
	users, refused, err := dump.ReadUsers(o.Text, s.Info)
	if err != nil {
		return nil, out, err
	}
	for _, r := range refused {
		out.LeftOut = append(out.LeftOut, r.Error())
	}
	for _, u := range users {
		who := serverAccount(u.Account)
		before, err := s.userNow(ctx, who)
		if err != nil {
			return nil, out, fmt.Errorf("user %s: %w", who.text(), err)
		}
		if why, err := s.foreign(ctx, o.Account, who, before.Create != ""); err != nil {
			return nil, out, err
		} else if why != "" {
			out.LeftOut = append(out.LeftOut, fmt.Sprintf("line %d: user %s: %s", u.Line, who.text(), why))
			continue
		}
		p := plannedUser{who: who, before: before}
		clause, why := s.login(u, o.Account)
		switch {
		case why != "" && before.Create == "":
			out.LeftOut = append(out.LeftOut, fmt.Sprintf("line %d: user %s: %s", u.Line, who.text(), why))
			continue
		case why != "":
			out.LeftOut = append(out.LeftOut, fmt.Sprintf("line %d: user %s keeps his password: %s", u.Line, who.text(), why))
		case before.Create == "":
			p.statements = []string{"CREATE USER " + who.sql() + clause}
		default:
			p.statements = []string{"ALTER USER " + who.sql() + clause}
		}
		if err := s.planGrants(ctx, o, u, &p, &out); err != nil {
			return nil, out, err
		}
		if len(p.statements) == 0 {
			continue
		}
		if before.Create == "" {
			out.Created = append(out.Created, who.text())
		} else {
			out.Altered = append(out.Altered, who.text())
		}
		plan = append(plan, p)
	}
	return plan, out, nil
}

// foreign tells why a user is not one of the account; "": he is. Who has more rights than to databases of the account is not: a password
// from a backup would let its owner in there.
func (s *Server) foreign(ctx context.Context, acct string, who account, exists bool) (string, error) {
	if !owns(acct, who.User) {
		return "the name does not belong to " + acct, nil
	}
	if !exists {
		return "", nil
	}
	global, err := s.strings(ctx, "SELECT PRIVILEGE_TYPE FROM information_schema.USER_PRIVILEGES WHERE GRANTEE = ? AND (PRIVILEGE_TYPE <> 'USAGE' OR IS_GRANTABLE = 'YES')", "'"+who.User+"'@'"+who.Host+"'")
	if err != nil || len(global) > 0 {
		return "he has rights to the server", err
	}
	const query = "SELECT Db FROM mysql.db WHERE User = ? AND Host = ? UNION SELECT Db FROM mysql.tables_priv WHERE User = ? AND Host = ? UNION SELECT Db FROM mysql.procs_priv WHERE User = ? AND Host = ?"
	patterns, err := s.strings(ctx, query, who.User, who.Host, who.User, who.Host, who.User, who.Host)
	if err != nil {
		return "", err
	}
	roles := "SELECT Role FROM mysql.roles_mapping WHERE User = ? AND Host = ?"
	if !s.Info.MariaDB {
		roles = "SELECT FROM_USER FROM mysql.role_edges WHERE TO_USER = ? AND TO_HOST = ?"
	}
	if s.Info.MariaDB || s.Info.Version >= 80000 {
		if granted, err := s.strings(ctx, roles, who.User, who.Host); err != nil || len(granted) > 0 {
			return "he has roles", err
		}
	}
	if proxied, err := s.strings(ctx, "SELECT User FROM mysql.proxies_priv WHERE User = ? AND Host = ?", who.User, who.Host); err != nil || len(proxied) > 0 {
		return "he may act for others", err
	}
	for _, p := range patterns {
		own, err := s.ownsPattern(ctx, acct, p)
		if err != nil || !own {
			return "he has rights to the database " + p + ", which nothing says is " + acct + "'s", err
		}
	}
	return "", nil
}

// ownsPattern reports whether all databases that a pattern of a grant means are the account's, also where it reads '_' for any sign
// because nobody escaped it.
func (s *Server) ownsPattern(ctx context.Context, acct, pattern string) (bool, error) {
	if ownedPattern(acct, pattern) {
		return true, nil
	}
	name, one := unpattern(pattern)
	if !one {
		return false, nil
	}
	return s.Belongs(ctx, acct, name)
}

// ownedPattern reports whether a pattern begins with the account's name and a '_' that is no wildcard.
func ownedPattern(acct, pattern string) bool {
	for _, prefix := range []string{acct, acct[:min(8, len(acct))]} {
		if strings.HasPrefix(pattern, strings.ReplaceAll(prefix, "_", `\_`)+`\_`) && (prefix == acct || len(acct) > 8) {
			return true
		}
	}
	return false
}

// planGrants adds what the user may do, as far as it is about databases of the account.
func (s *Server) planGrants(ctx context.Context, o *UsersOptions, u *dump.User, p *plannedUser, out *UsersReport) error {
	for i := range u.Grants {
		g := &u.Grants[i]
		leave := func(why string) {
			out.LeftOut = append(out.LeftOut, fmt.Sprintf("grant of %s on %s to %s: %s", privileges(g), g.Database, p.who.text(), why))
		}
		if CheckName(strings.ReplaceAll(g.Database, `\`, "")) != nil {
			leave("a database of the server")
			continue
		}
		db := g.Database
		if g.Kind == "" {
			switch name, one := unpattern(db); {
			case ownedPattern(o.Account, db):
			case one: // its '_' stand for themselves
				own, err := s.Belongs(ctx, o.Account, name)
				if err != nil {
					return err
				}
				if !own {
					leave("nothing says that the database is " + o.Account + "'s")
					continue
				}
				db = strings.ReplaceAll(name, "_", `\_`)
			default:
				leave("the pattern has databases of others")
				continue
			}
		} else if own, err := s.Belongs(ctx, o.Account, db); err != nil {
			return err
		} else if !own {
			leave("nothing says that the database is " + o.Account + "'s")
			continue
		}
		on := id(db) + ".*"
		if g.Kind != "" {
			on = in(db, g.Object)
			if ok, err := s.hasObject(ctx, db, g); err != nil {
				return err
			} else if !ok {
				leave("there is no " + strings.ToLower(g.Kind) + " " + g.Object)
				continue
			}
		}
		out.Grants = append(out.Grants, privileges(g)+" on "+strings.ReplaceAll(on, "`", "")+" to "+p.who.text())
		p.statements = append(p.statements, strings.Join(strings.Fields("GRANT "+privileges(g)+" ON "+g.Kind), " ")+" "+on+" TO "+p.who.sql())
	}
	return nil
}

// hasObject reports whether there is what a grant is about: servers refuse grants of what is not there.
func (s *Server) hasObject(ctx context.Context, db string, g *dump.Grant) (bool, error) {
	query := "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?"
	args := []any{db, g.Object}
	if g.Kind != "TABLE" {
		query = "SELECT ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ? AND ROUTINE_NAME = ? AND ROUTINE_TYPE = ?"
		args = append(args, g.Kind)
	}
	found, err := s.strings(ctx, query, args...)
	return len(found) > 0, err
}

// privileges are those of a grant as SQL.
func privileges(g *dump.Grant) string {
	var all []string
	for _, p := range g.Privileges {
		one := p.Name
		if len(p.Columns) > 0 {
			var columns []string
			for _, c := range p.Columns {
				columns = append(columns, id(c))
			}
			one += " (" + strings.Join(columns, ", ") + ")"
		}
		all = append(all, one)
	}
	return strings.Join(all, ", ")
}

// hashes are how the plugins that are taken over write what lets in. What is not known is not passed on.
var hashes = map[string]*regexp.Regexp{
	"mysql_native_password": regexp.MustCompile(`^(\*[0-9A-Fa-f]{40}|invalid)$`),
	"caching_sha2_password": regexp.MustCompile(`(?s)^\$A\$[0-9A-Fa-f]{3}\$.{20}.{43}$`),
	"ed25519":               regexp.MustCompile(`^[A-Za-z0-9+/]{43}$`),
	"unix_socket":           nil,
	"auth_socket":           nil,
}

// login is the clause that says how a user logs in, and what he is limited to; or why that cannot be taken over.
func (s *Server) login(u *dump.User, acct string) (clause, why string) {
	if len(u.Auth) == 0 {
		return "", "the backup does not say how he logs in"
	}
	var methods []string
	for _, a := range u.Auth {
		one, why := s.method(a, acct)
		if why != "" {
			return "", why
		}
		methods = append(methods, one)
	}
	if len(methods) > 1 && !s.Info.MariaDB {
		return "", "MySQL knows one way to log in for each user"
	}
	switch {
	case u.Auth[0].Plugin == "":
		clause = " IDENTIFIED BY " + literal(u.Auth[0].Password)
	case s.Info.MariaDB:
		clause = " IDENTIFIED VIA " + strings.Join(methods, " OR ")
	default:
		clause = " IDENTIFIED WITH " + methods[0]
	}
	if u.TLS != "" {
		clause += " REQUIRE " + u.TLS
	}
	if len(u.Limits) > 0 {
		clause += " WITH"
		for _, l := range u.Limits {
			clause += " " + l.Name + " " + l.Value
		}
	}
	if u.Locked {
		clause += " ACCOUNT LOCK"
	}
	return clause, ""
}

// method is one way to log in, as the server writes it.
func (s *Server) method(a dump.Auth, acct string) (text, why string) {
	if a.Plugin == "" {
		if a.Password == "" {
			return "", "he has no password"
		}
		return "", ""
	}
	form, known := hashes[a.Plugin]
	switch {
	case !known:
		return "", "the plugin " + a.Plugin + " is not one that is taken over"
	case form == nil: // a user of this machine of the same name
		if a.Hash != "" && a.Hash != acct {
			return "", "he logs in as the user " + a.Hash + " of the machine"
		}
	case !form.MatchString(a.Hash):
		return "", "he has no password, or one that " + a.Plugin + " does not write so"
	}
	plugin := s.plugin(a.Plugin)
	if plugin == "" {
		return "", "the server does not have the plugin " + a.Plugin
	}
	if a.Hash == "" {
		return plugin, ""
	}
	if s.Info.MariaDB {
		return plugin + " USING " + literal(a.Hash), ""
	}
	return plugin + " AS 0x" + hex.EncodeToString([]byte(a.Hash)), ""
}

// plugin is what the server calls a plugin; "": it has none.
func (s *Server) plugin(name string) string {
	switch name {
	case "unix_socket", "auth_socket":
		name = "auth_socket"
		if s.Info.MariaDB {
			name = "unix_socket"
		}
	}
	if slices.Contains(s.plugins, name) {
		return name
	}
	return ""
}
