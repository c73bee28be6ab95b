package dump

import (
	"encoding/hex"
	"strings"
	"testing"
)

// shown are users as text.
func shown(users []*User) string {
	var b strings.Builder
	for _, u := range users {
		b.WriteString(u.User + "@" + u.Host)
		for _, a := range u.Auth {
			b.WriteString(" " + a.Plugin + "=" + hex.EncodeToString([]byte(a.Hash)) + a.Password)
		}
		b.WriteString(" " + u.TLS)
		for _, l := range u.Limits {
			b.WriteString(" " + l.Name + "=" + l.Value)
		}
		if u.Locked {
			b.WriteString(" locked")
		}
		for _, g := range u.Grants {
			b.WriteString("; ")
			for _, p := range g.Privileges {
				b.WriteString(p.Name + "(" + strings.Join(p.Columns, "|") + ")")
			}
			b.WriteString(" " + g.Kind + " " + g.Database + " " + g.Object)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestUsersAreWhatTheStatementsSay(t *testing.T) {
	for sql, want := range map[string]string{
		"GRANT USAGE ON *.* TO 'alice'@'localhost' IDENTIFIED BY PASSWORD '*00AA';\nGRANT ALL PRIVILEGES ON `alice\\_wp`.* TO 'alice'@'localhost';":                                      "alice@localhost mysql_native_password=2a30304141 ; ALL PRIVILEGES()  alice\\_wp \n",
		"GRANT SELECT, INSERT (a, `b c`) ON `alice_wp`.`wp posts` TO `alice_wp`@`10.0.%`; # x":                                                                                           "alice_wp@10.0.% ; SELECT()INSERT(a|b c) TABLE alice_wp wp posts\n",
		"GRANT EXECUTE ON PROCEDURE `alice_wp`.`p` TO alice_x@10.0.0.1":                                                                                                                  "",
		"CREATE USER IF NOT EXISTS 'alice_s'@'%' IDENTIFIED WITH caching_sha2_password AS 0x244124;\nGRANT USAGE ON *.* TO 'alice_s'@'%' IDENTIFIED BY PASSWORD '*11';":                  "alice_s@% caching_sha2_password=244124 \n",
		"CREATE USER `alice_m`@`%` IDENTIFIED VIA unix_socket OR ed25519 USING 'abc' REQUIRE SSL WITH MAX_USER_CONNECTIONS 5 MAX_QUERIES_PER_HOUR 7 ACCOUNT LOCK PASSWORD EXPIRE NEVER;": "alice_m@% unix_socket= ed25519=616263 SSL MAX_USER_CONNECTIONS=5 MAX_QUERIES_PER_HOUR=7 locked\n",
		"CREATE USER alice_n;SET PASSWORD FOR alice_n = '*22';":                                                                                                                          "alice_n@% mysql_native_password=2a3232 \n",
		"ALTER USER IF EXISTS 'alice_b'@'h' IDENTIFIED BY 'clear';":                                                                                                                      "alice_b@h =clear \n",
		"/*M!999999\\- enable the sandbox mode */ \nGRANT /*!50000 DELETE HISTORY, */ DROP ON a.* TO b;":                                                                                 "b@% ; DELETE HISTORY()DROP()  a \n",
	} {
		if want == "" {
			continue
		}
		users, refused, err := ReadUsers(strings.NewReader(sql), maria)
		if got := shown(users); err != nil || len(refused) > 0 || got != want {
			t.Errorf("%s\n got %q\nwant %q\n%v %v", sql, got, want, refused, err)
		}
	}
}

func TestWhatIsNotAboutAnAccountsDatabasesIsRefused(t *testing.T) {
	for _, sql := range []string{
		"GRANT ALL PRIVILEGES ON *.* TO 'u'@'%'", "GRANT USAGE, SUPER ON *.* TO 'u'@'%'", "GRANT SELECT ON * TO u", "GRANT FILE ON d.* TO u", "GRANT CREATE USER ON d.* TO u",
		"GRANT SELECT ON d.* TO u WITH GRANT OPTION", "GRANT USAGE ON *.* TO u WITH GRANT OPTION", "GRANT GRANT OPTION ON d.* TO u", "GRANT PROXY ON root TO u", "GRANT 'admin' TO u",
		"GRANT SELECT ON d.* TO u, v", "GRANT SELECT ON d.* TO root@localhost", "GRANT SELECT ON d.* TO 'mysql.sys'", "GRANT SELECT ON d.* TO ''@localhost", "GRANT SELECT ON d.* TO slotfs_x",
		"ALTER USER 'Root'@'localhost' IDENTIFIED BY 'x'", "SET PASSWORD FOR root = 'x'", "CREATE USER u DEFAULT ROLE admin", "GRANT SELECT ON d.* TO u AS root", "DROP DATABASE x",
		"CREATE USER u IDENTIFIED WITH p BY 'x'", "CREATE USER u IDENTIFIED BY 'a\\'b'", "GRANT SELECT (a), DROP (b) ON d.t TO u", "GRANT SELECT ON FUNCTION d.* TO u",
		"GRANT SELECT ON `d\n`.* TO u", "REVOKE ALL ON d.* FROM u", "CREATE USER u IDENTIFIED VIA a OR b OR c OR d OR e", "CREATE USER u REQUIRE SUBJECT 'x'",
	} {
		users, refused, err := ReadUsers(strings.NewReader(sql+";\n"), maria)
		if len(users) > 0 || len(refused) != 1 || err != nil {
			t.Errorf("%s: %s, %v, %v", sql, shown(users), refused, err)
		}
	}
	for _, sql := range []string{"CREATE USER 'u\\'@'%';", "GRANT SELECT ON d.* TO u \\! id;", "GRANT SELECT ON d.* TO u", "GRANT SELECT ON `d", "CREATE USER u /*!50000 /*!50000 x*/ */;"} {
		if users, _, err := ReadUsers(strings.NewReader(sql), maria); len(users) > 0 || err == nil {
			t.Errorf("%s: %s, %v", sql, shown(users), err)
		}
	}
}

// FuzzReadUsers holds that what is read of users has no sign that could end a name or a text.
func FuzzReadUsers(f *testing.F) {
	f.Add("GRANT ALL ON `a\\_b`.* TO 'a'@'h' IDENTIFIED BY PASSWORD '*0';SET PASSWORD FOR a@1.2.3.4 = PASSWORD('x');")
	f.Add("CREATE USER a IDENTIFIED VIA x USING 'y' OR z AS 0x00 REQUIRE NONE WITH MAX_USER_CONNECTIONS 1 ACCOUNT LOCK;GRANT SELECT (`b c`) ON TABLE d.t TO a;")
	f.Fuzz(func(t *testing.T, sql string) {
		users, _, _ := ReadUsers(strings.NewReader(sql), maria)
		bad := func(s, signs string) {
			if strings.ContainsAny(s, signs) {
				t.Fatalf("%q of %q", s, sql)
			}
		}
		for _, u := range users {
			bad(u.User+u.Host, "`'\"\\\n\x00")
			for _, a := range u.Auth {
				bad(a.Plugin+a.Password, "`'\"\\\n\x00")
			}
			for _, g := range u.Grants {
				bad(g.Database+g.Object, "`\n\x00")
				for _, p := range g.Privileges {
					bad(p.Name+strings.Join(p.Columns, ""), "`\x00")
				}
			}
		}
	})
}
