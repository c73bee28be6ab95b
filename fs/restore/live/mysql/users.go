package mysql

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"slotfs/fs/restore/live/dump"
	"slotfs/fs/restore/live/record"
)

// UsersKind is the kind of the records of database users.
const UsersKind = "database users"

// UsersOptions of a restore of database users.
type UsersOptions struct {
	Account string    // whose they are
	Text    io.Reader // statements about them
	Source  string    // for the record
	Note    func(line int, text string)
	// Reached hears of each step before the next one begins; may be nil.
	Reached func(step string)
}

// UsersReport is what a restore of database users did, or would do.
type UsersReport struct {
	ID      string
	Created []string // USER@HOST
	Altered []string
	Grants  []string // what they may do now in words
	LeftOut []string
}

// usersDetail is what the record has: how the users were before.
type usersDetail struct {
	Before []userBefore `json:"before"`
}

// userBefore is a user as the server told of him. Nothing: there was none.
type userBefore struct {
	User   account  `json:"user"`
	Create string   `json:"create,omitempty"` // CREATE USER ...
	Grants []string `json:"grants,omitempty"`
}

// altering is the stage of a restore of users that has not ended.
const altering = "altering"

// plannedUser is a user that a restore makes or changes.
type plannedUser struct {
	who        account
	before     userBefore
	statements []string
}

// RestoreUsers makes and alters database users as a dump has them. What they may do besides stays. It is all or nothing.
func (s *Server) RestoreUsers(ctx context.Context, store *record.Store, o UsersOptions) (UsersReport, error) {
	plan, out, err := s.planUsers(ctx, &o)
	if err != nil || len(plan) == 0 {
		return out, err
	}
	rec, err := store.New(record.Record{Kind: UsersKind, Account: o.Account, Source: o.Source, Target: strings.Join(append(slices.Clone(out.Created), out.Altered...), ", "), Stage: altering})
	if err != nil {
		return out, err
	}
	defer rec.Close()
	out.ID = rec.ID
	var d usersDetail
	for _, p := range plan {
		d.Before = append(d.Before, p.before)
	}
	if err := rec.Reach(altering, d); err != nil {
		return out, err
	}
	o.reached("recorded")
	for _, p := range plan {
		if err := s.asWritten(ctx, p.statements); err != nil {
			err = fmt.Errorf("user %s: %w", p.who.text(), err)
			return out, errors.Join(err, s.takeUsersBack(context.WithoutCancel(ctx), rec, &d))
		}
		o.reached("altered")
	}
	return out, rec.Reach(record.Done, d)
}

func (o *UsersOptions) reached(step string) {
	if o.Reached != nil {
		o.Reached(step)
	}
}

// RehearseUsers tells what RestoreUsers would do.
func (s *Server) RehearseUsers(ctx context.Context, o UsersOptions) (UsersReport, error) {
	_, out, err := s.planUsers(ctx, &o)
	return out, err
}

// takeUsersBack makes the users what they were before.
func (s *Server) takeUsersBack(ctx context.Context, rec *record.Record, d *usersDetail) error {
	for i := range d.Before {
		if err := s.putUserBack(ctx, &d.Before[i]); err != nil {
			return fmt.Errorf("user %s: take back: %w", d.Before[i].User.text(), err)
		}
	}
	return rec.Reach(record.Failed, d)
}

// putUserBack makes a user what he was before, by the server's own words.
func (s *Server) putUserBack(ctx context.Context, b *userBefore) error {
	if b.Create == "" {
		return s.exec(ctx, "DROP USER IF EXISTS "+b.User.sql())
	}
	alter, ok := strings.CutPrefix(b.Create, "CREATE USER ")
	if !ok {
		return fmt.Errorf("%.60q is not understood", b.Create)
	}
	all := append([]string{"CREATE USER IF NOT EXISTS " + b.User.sql(), "ALTER USER " + alter, "REVOKE ALL PRIVILEGES, GRANT OPTION FROM " + b.User.sql()}, b.Grants...)
	return s.asWritten(ctx, all)
}

// UndoUsers makes the users what they were before a restore.
func (s *Server) UndoUsers(ctx context.Context, store *record.Store, old *record.Record) (UsersReport, error) {
	var d usersDetail
	if err := json.Unmarshal(old.Detail, &d); err != nil {
		return UsersReport{}, fmt.Errorf("restore %s: %w", old.ID, err)
	}
	if old.Stage != record.Done {
		return UsersReport{}, fmt.Errorf("restore %s: it changed nothing", old.ID)
	}
	var now usersDetail
	var out UsersReport
	for i := range d.Before {
		b, err := s.userNow(ctx, d.Before[i].User)
		if err != nil {
			return out, err
		}
		now.Before = append(now.Before, b)
		out.Altered = append(out.Altered, b.User.text())
	}
	rec, err := store.New(record.Record{Kind: UsersKind, Account: old.Account, Source: old.ID, Target: old.Target, Stage: altering})
	if err != nil {
		return out, err
	}
	defer rec.Close()
	out.ID = rec.ID
	if err := rec.Reach(altering, now); err != nil {
		return out, err
	}
	for i := range d.Before {
		if err := s.putUserBack(ctx, &d.Before[i]); err != nil {
			return out, errors.Join(fmt.Errorf("user %s: %w", d.Before[i].User.text(), err), s.takeUsersBack(context.WithoutCancel(ctx), rec, &now))
		}
	}
	old.Undone = rec.ID
	return out, errors.Join(rec.Reach(record.Done, now), old.Save())
}

// tidyUsers takes back a restore of users that was interrupted.
func (s *Server) tidyUsers(ctx context.Context, r *record.Record) error {
	var d usersDetail
	if r.Detail != nil {
		if err := json.Unmarshal(r.Detail, &d); err != nil {
			return err
		}
	}
	return s.takeUsersBack(ctx, r, &d)
}

// asWritten runs statements in a session in which a backslash in a text is one.
func (s *Server) asWritten(ctx context.Context, statements []string) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer discard(conn)
	for _, q := range append([]string{"SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES'"}, statements...) {
		if _, err := conn.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// userNow reads what the server tells of a user.
func (s *Server) userNow(ctx context.Context, who account) (userBefore, error) {
	b := userBefore{User: who}
	found, err := s.strings(ctx, "SELECT User FROM mysql.user WHERE User = ? AND Host = ?", who.User, who.Host)
	if err != nil || len(found) == 0 {
		return b, err
	}
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return b, err
	}
	defer discard(conn)
	mode := "SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES'"
	if !s.Info.MariaDB && s.Info.Version >= 80017 {
		mode += ", print_identified_with_as_hex = ON" // hashes of caching_sha2_password are no text
	}
	if _, err := conn.ExecContext(ctx, mode); err != nil {
		return b, err
	}
	if err := conn.QueryRowContext(ctx, "SHOW CREATE USER "+who.sql()).Scan(&b.Create); err != nil {
		return b, err
	}
	rows, err := conn.QueryContext(ctx, "SHOW GRANTS FOR "+who.sql())
	if err != nil {
		return b, err
	}
	defer rows.Close()
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			return b, err
		}
		b.Grants = append(b.Grants, one)
	}
	return b, rows.Err()
}

// text is USER@HOST for people.
func (a account) text() string { return a.User + "@" + a.Host }

// server is an account of a dump as this package has it.
func serverAccount(a dump.Account) account { return account{a.User, a.Host} }
