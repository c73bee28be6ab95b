package mysql

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

const (
	nativeHash  = "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19" // of "password"
	ed25519Hash = "ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY"
)

// grantsOf is what the server tells of a user.
func (w *world) grantsOf(user string) string {
	w.t.Helper()
	return strings.ReplaceAll(w.query("SHOW CREATE USER "+user+"; SHOW GRANTS FOR "+user), `\\`, `\`) // the client escapes
}

func (w *world) users(text string) UsersOptions {
	return UsersOptions{Account: "alice", Text: strings.NewReader(text), Source: "database-users/x.sql"}
}

func TestDatabaseUsersComeBackWithTheirPasswordsAndGrantsAndTheRestoreIsUndone(t *testing.T) {
	w := newWorld(t, "alice_users")
	w.query("CREATE USER alice_old@localhost IDENTIFIED BY 'new password'; GRANT SELECT ON `alice\\_new`.* TO alice_old@localhost")
	defer w.query("DROP USER IF EXISTS alice_old@localhost, alice_made@'10.0.%', alice_sock@localhost, alice_ed@'%'")
	before := w.grantsOf("alice_old@localhost")
	text := "GRANT USAGE ON *.* TO 'alice_old'@'localhost' IDENTIFIED BY PASSWORD '" + nativeHash + "';\nGRANT ALL PRIVILEGES ON `alice\\_users`.* TO 'alice_old'@'localhost';\n" +
		"CREATE USER IF NOT EXISTS `alice_made`@`10.0.%` IDENTIFIED VIA mysql_native_password USING '" + nativeHash + "' REQUIRE SSL WITH MAX_USER_CONNECTIONS 5;\n" +
		"GRANT SELECT, UPDATE (`name`) ON `alice_users`.`parent` TO `alice_made`@`10.0.%`;\nGRANT SELECT ON alice_users.* TO `alice_made`@`10.0.%`;\nGRANT SELECT ON `alice\\_%`.* TO `alice_made`@`10.0.%`;\n" +
		"CREATE USER alice_sock@localhost IDENTIFIED VIA unix_socket;\n" +
		"CREATE USER 'alice_ed'@'%' IDENTIFIED WITH ed25519 USING '" + ed25519Hash + "';\nCREATE USER 'alice_sha'@'%' IDENTIFIED WITH caching_sha2_password AS 0x00;\n"
	rehearsed, err := w.s.RehearseUsers(t.Context(), w.users(text))
	if err != nil || w.grantsOf("alice_old@localhost") != before || len(rehearsed.Created) == 0 {
		t.Fatalf("dry run: %+v, %v", rehearsed, err)
	}
	out, err := w.s.RestoreUsers(t.Context(), w.store, w.users(text))
	if err != nil || !slices.Equal(out.Created, rehearsed.Created) || !slices.Equal(out.Altered, []string{"alice_old@localhost"}) || len(out.Grants) != 4 {
		t.Fatalf("%+v, %v", out, err)
	}
	if got := w.grantsOf("alice_old@localhost"); !strings.Contains(got, nativeHash) || !strings.Contains(got, "ALL PRIVILEGES ON `alice\\_users`.*") || !strings.Contains(got, "`alice\\_new`.*") {
		t.Errorf("altered: %s", got)
	}
	got := w.grantsOf("alice_made@'10.0.%'")
	for _, want := range []string{nativeHash, "REQUIRE SSL", "MAX_USER_CONNECTIONS 5", "`alice_users`.`parent`", "SELECT ON `alice\\_users`.*", "SELECT ON `alice\\_%`.*"} {
		if !strings.Contains(got, want) {
			t.Errorf("made: %s lacks %s", got, want)
		}
	}
	if got := w.grantsOf("alice_sock@localhost"); !strings.Contains(got, "unix_socket") {
		t.Errorf("by socket: %s", got)
	}
	if !strings.Contains(strings.Join(out.LeftOut, "\n"), "alice_sha@%: ") {
		t.Errorf("left out: %q", out.LeftOut)
	}
	rec, err := w.store.Open(out.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Close()
	if _, err := w.s.UndoUsers(t.Context(), w.store, rec); err != nil {
		t.Fatal(err)
	}
	if after := w.grantsOf("alice_old@localhost"); after != before {
		t.Errorf("after the undo\n%s\nbefore\n%s", after, before)
	}
	if got := w.query("SELECT COUNT(*) FROM mysql.user WHERE User LIKE 'alice\\_made' OR User LIKE 'alice\\_sock'"); got != "0\n" {
		t.Errorf("after the undo %s of those that were made", got)
	}
}

func TestUsersAndDatabasesOfOthersAreNotTouched(t *testing.T) {
	w := newWorld(t, "alice_hostile")
	w.query("CREATE USER bob_shop@localhost IDENTIFIED BY 'x'; CREATE USER alice_admin@localhost; GRANT RELOAD ON *.* TO alice_admin@localhost; CREATE USER alice_both@localhost; GRANT SELECT ON `bob\\_shop`.* TO alice_both@localhost")
	defer w.query("DROP USER IF EXISTS bob_shop@localhost, alice_admin@localhost, alice_both@localhost, alice_u@localhost")
	all := func() string {
		return w.query("SELECT User, Host, authentication_string FROM mysql.user WHERE User NOT LIKE 'alice\\_u' ORDER BY 1, 2; SELECT Host, User, Db FROM mysql.db WHERE User NOT LIKE 'alice\\_u' ORDER BY 1, 2, 3")
	}
	before := all()
	identified := " IDENTIFIED BY PASSWORD '" + nativeHash + "';\n"
	text := "GRANT USAGE ON *.* TO 'alice_u'@'localhost'" + identified + "GRANT USAGE ON *.* TO 'bob_shop'@'localhost'" + identified + "GRANT USAGE ON *.* TO 'alice_admin'@'localhost'" + identified +
		"GRANT USAGE ON *.* TO 'alice_both'@'localhost'" + identified + "GRANT USAGE ON *.* TO 'carol'@'localhost'" + identified
	for _, on := range []string{"`%`.*", "`alice_%`.*", "`alice%`.*", "`a%`.*", "`bob\\_shop`.*", "`bob_shop`.*", "`mysql`.*", "`m_sql`.*", "`alice`.`t`", "`mysql`.`user`", "bob_shop.t", "`alice\\_hostile`.`nosuch`", "`slotfs\\_new\\_x`.*"} {
		text += "GRANT SELECT ON " + on + " TO 'alice_u'@'localhost';\n"
	}
	text += "CREATE USER 'alice_empty'@'localhost' IDENTIFIED BY PASSWORD '';\nCREATE USER 'alice_s'@'localhost' IDENTIFIED VIA unix_socket USING 'root';\n"
	out, err := w.s.RestoreUsers(t.Context(), w.store, w.users(text))
	if err != nil || !slices.Equal(out.Created, []string{"alice_u@localhost"}) || len(out.Altered) > 0 || len(out.Grants) > 0 || len(out.LeftOut) != 19 {
		t.Errorf("%+v, %v", out, err)
	}
	if after := all(); after != before {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
}

func TestUsersAreAsBeforeWhereARestoreOfThemIsCutOff(t *testing.T) {
	w := newWorld(t, "alice_cut")
	w.query("CREATE USER alice_old@localhost IDENTIFIED BY 'x'")
	defer w.query("DROP USER IF EXISTS alice_old@localhost, alice_a@localhost")
	before := w.grantsOf("alice_old@localhost")
	o := w.users("GRANT USAGE ON *.* TO 'alice_a'@'localhost' IDENTIFIED BY PASSWORD '" + nativeHash + "';\nGRANT USAGE ON *.* TO 'alice_old'@'localhost' IDENTIFIED BY PASSWORD '" + nativeHash + "';\n")
	altered := 0
	o.Reached = func(step string) {
		if step == "altered" {
			altered++
			real.Kill()
		}
	}
	if out, err := w.s.RestoreUsers(t.Context(), w.store, o); err == nil || altered != 1 {
		t.Fatalf("%+v, %v after %d", out, err, altered)
	}
	if err := real.Start(); err != nil {
		t.Fatal(err)
	}
	if ids, err := w.s.Tidy(t.Context(), w.store); err != nil || len(ids) != 1 {
		t.Fatalf("%v, %v", ids, err)
	}
	if after := w.grantsOf("alice_old@localhost"); after != before {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
	if _, err := real.Query("SHOW GRANTS FOR alice_a@localhost"); err == nil {
		t.Error(errors.New("a user that was made is still there"))
	}
}
