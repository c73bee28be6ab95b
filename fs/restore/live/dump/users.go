package dump

import (
	"errors"
	"io"
	"slices"
	"strings"
)

// Account is a user of a server.
type Account struct {
	User string `json:"user"`
	Host string `json:"host"`
}

// Auth is one way in which a user may log in.
type Auth struct {
	Plugin   string // "" with a Password
	Hash     string // raw bytes
	Password string // in the clear
}

// Privilege is what a user may do, with some columns alone or with all.
type Privilege struct {
	Name    string // in capitals
	Columns []string
}

// Grant is what a user may do in a database.
type Grant struct {
	Privileges []Privilege
	Kind       string // TABLE, FUNCTION or PROCEDURE; "": all of the database
	Database   string // with Kind its name, else a pattern in which '_' and '%' stand for others unless a '\' is before them
	Object     string // of Kind
}

// User is a user of a database server as a dump of users has it.
type User struct {
	Account
	Auth   []Auth // any of them lets in; none: the dump does not say
	TLS    string // NONE, SSL or X509; "": the dump does not say
	Limits []Limit
	Locked bool
	Grants []Grant
	Line   int // where it is first named

	old bool // Auth is from an IDENTIFIED BY PASSWORD, which knows one plugin only
}

// Limit is how often a user may do something.
type Limit struct {
	Name  string // MAX_...
	Value string // a number
}

// maxUsers bounds how many users one dump has.
const maxUsers = 10_000

// ReadUsers reads statements about the users of a MySQL or MariaDB server. refused are those that are not taken: what is about the server
// or about all databases, what passes privileges on, and what was not understood. An error is one of src, or of a text that is no SQL.
func ReadUsers(src io.Reader, s Server) (users []*User, refused []*RefusedError, err error) {
	r := NewReader(src, Options{Server: s, MaxStatement: 1 << 20})
	u := &userReader{}
	for {
		more, err := r.lex.statement()
		if err != nil || !more {
			return u.users, u.refused, err
		}
		err = u.statement(&cursor{r: r})
		var no *RefusedError
		switch {
		case errors.As(err, &no) && len(u.refused) < maxNotes:
			u.refused = append(u.refused, no)
		case err != nil && no == nil:
			return u.users, u.refused, err
		}
	}
}

// userReader collects users.
type userReader struct {
	users   []*User
	refused []*RefusedError
}

func (u *userReader) statement(c *cursor) error {
	var grant *Grant
	var err error
	switch {
	case c.words("GRANT"):
		grant, err = c.grant()
	case c.words("CREATE", "USER"):
		c.words("IF", "NOT", "EXISTS")
	case c.words("ALTER", "USER"):
		c.words("IF", "EXISTS")
	case c.words("SET", "PASSWORD", "FOR"):
		return u.setPassword(c)
	case c.is("SET"), c.is("FLUSH", "PRIVILEGES"):
		return nil // of the session
	default:
		return c.refuse("%.40q, which is not about a user of databases", c.raw(c.token(0)))
	}
	if err != nil {
		return err
	}
	who, err := c.account()
	if err != nil {
		return err
	}
	var said User
	if err := c.userOptions(&said); err != nil {
		return err
	}
	user, err := u.of(c, who)
	if err != nil {
		return err
	}
	user.take(&said)
	if grant != nil {
		user.Grants = append(user.Grants, *grant)
	}
	return nil
}

// of finds a user, or begins one.
func (u *userReader) of(c *cursor, who Account) (*User, error) {
	i := slices.IndexFunc(u.users, func(x *User) bool { return x.Account == who })
	if i >= 0 {
		return u.users[i], nil
	}
	if len(u.users) == maxUsers {
		return nil, c.refuse("more than %d users", maxUsers)
	}
	user := &User{Account: who, Line: c.r.lex.line}
	u.users = append(u.users, user)
	return user, nil
}

// take takes over what a statement says of a user. IDENTIFIED BY PASSWORD knows one plugin only, and yields to what names another.
func (u *User) take(said *User) {
	if len(said.Auth) > 0 && (!said.old || u.old || len(u.Auth) == 0) {
		u.Auth, u.old = said.Auth, said.old
	}
	if said.TLS != "" {
		u.TLS = said.TLS
	}
	if said.Limits != nil {
		u.Limits = said.Limits
	}
	u.Locked = u.Locked || said.Locked
}

// setPassword is what follows SET PASSWORD FOR.
func (u *userReader) setPassword(c *cursor) error {
	who, err := c.account()
	if err != nil {
		return err
	}
	if !c.sign("=") {
		return c.refuse("a SET PASSWORD that is not understood")
	}
	call := c.words("PASSWORD") && c.sign("(")
	value, err := c.plainText()
	if err != nil {
		return err
	}
	if call && !c.sign(")") || !c.done() {
		return c.refuse("a SET PASSWORD that is not understood")
	}
	auth := Auth{Plugin: "mysql_native_password", Hash: value}
	if call {
		auth = Auth{Password: value}
	}
	user, err := u.of(c, who)
	if err == nil {
		user.Auth = []Auth{auth}
	}
	return err
}

// serverUsers belong to servers.
var serverUsers = []string{"", "root", "mysql", "public", "debian-sys-maint", "mariadb.sys"}

// account passes 'user'@'host'.
func (c *cursor) account() (Account, error) {
	user, err := c.userName()
	if err != nil {
		return Account{}, err
	}
	out := Account{user, "%"}
	if c.sign("@") {
		if out.Host, err = c.userName(); err != nil {
			return out, err
		}
		for c.sign(".") { // 10.0.0.1 without quotes
			more, err := c.userName()
			if err != nil {
				return out, err
			}
			out.Host += "." + more
		}
	}
	low := strings.ToLower(out.User)
	if slices.Contains(serverUsers, low) || strings.HasPrefix(low, "mysql.") || strings.HasPrefix(low, "mariadb.") || strings.HasPrefix(low, "slotfs_") {
		return out, c.refuse("the user %.80s, who is the server's own", out.User)
	}
	return out, nil
}

// userName passes a name, in any quotes or none.
func (c *cursor) userName() (string, error) {
	t := c.token(0)
	if t.kind == sign || t.kind == nothing {
		return "", c.refuse("a user is missing")
	}
	c.next++
	name := c.name(t)
	if len(name) > 255 || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' || strings.ContainsRune("\\'\"`", r) }) {
		return "", c.refuse("a user with signs that are not taken")
	}
	return name, nil
}

// plainText passes a text without escapes.
func (c *cursor) plainText() (string, error) {
	t := c.token(0)
	if t.kind != text {
		return "", c.refuse("a text is missing")
	}
	c.next++
	s := c.name(t)
	if len(s) > 1024 || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' || r == '\\' || r == '\'' }) {
		return "", c.refuse("a password or hash with signs that are not taken")
	}
	return s, nil
}
