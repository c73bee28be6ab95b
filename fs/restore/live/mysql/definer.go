package mysql

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// owns reports whether a database is the account's by its name: cPanel begins its databases with the account's name.
func owns(acct, db string) bool {
	return db == acct || strings.HasPrefix(db, acct+"_") || len(acct) > 8 && strings.HasPrefix(db, acct[:8]+"_")
}

// unpattern is the name that a pattern of a grant means; false if it means several.
func unpattern(p string) (string, bool) {
	return strings.ReplaceAll(p, `\`, ""), !strings.Contains(strings.ReplaceAll(p, `\%`, ""), "%")
}

// Belongs reports whether a database belongs to an account: by its name, or because a database user that is called as the account has
// rights to it by its name.
func (s *Server) Belongs(ctx context.Context, acct, db string) (bool, error) {
	if owns(acct, db) {
		return true, nil
	}
	patterns, err := s.strings(ctx, "SELECT Db FROM mysql.db WHERE User = ?", acct)
	return slices.ContainsFunc(patterns, func(p string) bool {
		name, one := unpattern(p)
		return one && name == db
	}), err
}

// accountUsers are the users of the server who have rights to databases of the account and to nothing else: what runs as they do
// reaches nothing of others. db counts as the account's. Who is called as the account comes first.
func (s *Server) accountUsers(ctx context.Context, acct, db string) ([]account, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT User, Host, Db FROM mysql.db")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	own, others := map[account]bool{}, map[account]bool{}
	for rows.Next() {
		var a account
		var pattern string
		if err := rows.Scan(&a.User, &a.Host, &pattern); err != nil {
			return nil, err
		}
		name, one := unpattern(pattern)
		switch {
		case a.User == "" || strings.HasPrefix(a.User, "slotfs_"):
		case one && (name == db || owns(acct, name)):
			own[a] = own[a] || name == db || a.User == acct
		default:
			others[a] = true
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	powerful, err := s.strings(ctx, "SELECT DISTINCT GRANTEE FROM information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE <> 'USAGE' OR IS_GRANTABLE = 'YES'")
	if err != nil {
		return nil, err
	}
	var all []account
	for a, has := range own {
		if has && !others[a] && !slices.Contains(powerful, "'"+a.User+"'@'"+a.Host+"'") {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, func(a, b account) int {
		return strings.Compare(rank(a, acct)+a.User+"@"+a.Host, rank(b, acct)+b.User+"@"+b.Host)
	})
	return all, nil
}

// rank puts who is called as the account first, from this machine before others.
func rank(a account, acct string) string {
	switch {
	case a.User == acct && a.Host == "localhost":
		return "0"
	case a.User == acct:
		return "1"
	}
	return "2"
}

// definers decides who the programs of a dump belong to.
type definers struct {
	allowed []account
	note    func(line int, text string)
	mapped  map[string]bool
}

// of is the definer of a program that was from before.
func (d *definers) of(key programKey, from string) (account, error) {
	if a := parseAccount(from); slices.Contains(d.allowed, a) {
		return a, nil
	}
	if len(d.allowed) == 0 {
		return account{}, fmt.Errorf("%s %s needs a definer, and the account has no database user", strings.ToLower(key.kind), key.name)
	}
	to := d.allowed[0]
	if d.note != nil && !d.mapped[from] && from != "" {
		d.note(0, fmt.Sprintf("definer %s became %s@%s", from, to.User, to.Host))
		d.mapped[from] = true
	}
	return to, nil
}
