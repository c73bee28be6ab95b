package cpanel

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestMySQLGrantsAreSortedByUser(t *testing.T) {
	t.Parallel()
	sql := "-- cPanel mysql backup\n" +
		"GRANT USAGE ON *.* TO 'alice'@'localhost' IDENTIFIED BY PASSWORD '*00AA';\n" +
		"GRANT ALL PRIVILEGES ON `alice\\_wp`.* TO 'alice'@'localhost';\n" +
		"GRANT USAGE ON *.* TO \"alice_wp\"@\"10.0.%\" IDENTIFIED BY PASSWORD \"*11BB\";\n" +
		"GRANT SELECT, INSERT (a, `b c`)\n\tON `alice\\_wp`.`wp_posts` TO `alice_wp`@`localhost`; # note\n" +
		"GRANT USAGE ON *.* TO alice_old@10.0.0.1 IDENTIFIED BY 'plain''text';\n" +
		"/* between */ CREATE USER IF NOT EXISTS 'alice_new'@'%' IDENTIFIED VIA mysql_native_password USING '*22';\n" +
		"ALTER USER 'alice_new'@'%' REQUIRE SSL WITH MAX_USER_CONNECTIONS 5 PASSWORD EXPIRE NEVER;\n" +
		"SET PASSWORD FOR 'alice_new'@'%' = PASSWORD('x');\n"
	want := map[string][]string{
		"alice": {"GRANT USAGE ON *.* TO 'alice'@'localhost' IDENTIFIED BY PASSWORD '*00AA'",
			"GRANT ALL PRIVILEGES ON `alice\\_wp`.* TO 'alice'@'localhost'"},
		"alice_wp": {"GRANT USAGE ON *.* TO \"alice_wp\"@\"10.0.%\" IDENTIFIED BY PASSWORD \"*11BB\"",
			"GRANT SELECT, INSERT (a, `b c`) ON `alice\\_wp`.`wp_posts` TO `alice_wp`@`localhost`"},
		"alice_old": {"GRANT USAGE ON *.* TO alice_old@10.0.0.1 IDENTIFIED BY 'plain''text'"},
		"alice_new": {"CREATE USER IF NOT EXISTS 'alice_new'@'%' IDENTIFIED VIA mysql_native_password USING '*22'",
			"ALTER USER 'alice_new'@'%' REQUIRE SSL WITH MAX_USER_CONNECTIONS 5 PASSWORD EXPIRE NEVER",
			"SET PASSWORD FOR 'alice_new'@'%' = PASSWORD('x')"},
	}
	g := readMySQL([]byte(sql), nil)
	for user, statements := range want {
		if !slices.Equal(g.of[user], statements) {
			t.Errorf("%s\n got %q\nwant %q", user, g.of[user], statements)
		}
	}
	if len(g.of) != len(want) || g.skipped != 0 {
		t.Errorf("users %q, %d skipped", g.names(), g.skipped)
	}
}

func TestHostileGrantsAreLeftOut(t *testing.T) {
	t.Parallel()
	for _, sql := range []string{
		"GRANT ALL PRIVILEGES ON *.* TO 'u'@'%';",
		"GRANT USAGE, SUPER ON *.* TO 'u'@'%';",
		"GRANT ALL PRIVILEGES ON `mysql`.* TO 'u'@'%';",
		"GRANT ALL PRIVILEGES ON `m_sq_`.* TO 'u'@'%';",
		"GRANT ALL PRIVILEGES ON `m\\ysql`.* TO 'u'@'%';",
		"GRANT ALL PRIVILEGES ON `%`.* TO 'u'@'%';",
		"GRANT ALL PRIVILEGES ON * TO 'u'@'%';",
		"GRANT USAGE ON *.* TO 'u'@'%' WITH GRANT OPTION;",
		"GRANT USAGE ON *.* TO 'u'@'%' IDENTIFIED BY 'x' WITH GRANT OPTION;",
		"GRANT GRANT OPTION ON `d`.* TO 'u'@'%';",
		"GRANT PROXY ON 'root'@'localhost' TO 'u'@'%';",
		"GRANT 'admin' TO 'u'@'%';",
		"GRANT SELECT ON `d`.* TO 'u'@'%', 'root'@'localhost';",
		"GRANT SELECT ON `d`.* TO 'u'@'%' IDENTIFIED BY 'x', 'v'@'%';",
		"GRANT SELECT ON `d`.* TO 'root'@'localhost';",
		"GRANT SELECT ON `d`.* TO 'mysql.sys'@'localhost';",
		"GRANT SELECT ON `d`.* TO ''@'localhost';",
		"ALTER USER 'Root'@'localhost' IDENTIFIED BY 'x';",
		"SET PASSWORD FOR 'root'@'localhost' = 'x';",
		"SET PASSWORD = 'x';",
		"CREATE USER 'u'@'%' DEFAULT ROLE admin;",
		"GRANT SELECT ON `d`.* TO 'u'@'%' \\! touch /tmp/x;",
		"GRANT SELECT ON `d`.* TO 'u\\'@'%';",
		"GRANT SELECT ON `d`.* TO 'u'@'a\\'; DROP DATABASE x; -- ';",
		"GRANT SELECT ON `d`.* TO 'u'@'%' /*! , 'root'@'%' */;",
		"GRANT SELECT ON `d\n`.* TO 'u'@'%';",
		"GRANT SELECT ON `d`.* TO 'u\xbf'@'%';",
		"GRANT SELECT ON `d`.* TO 'u'@'%'",
		"GRANT SELECT ON `d`.* TO 'u'@'%",
		"GRANT SELECT ON `d`.* TO 'u'@'%' AS 'root';",
		"DROP DATABASE x;", "DELIMITER //", "SET PASSWORD", "GRANT", "GRANT ON TO;", ";;;", "source /etc/passwd;",
	} {
		g := readMySQL([]byte(sql), nil)
		if len(g.of) != 0 {
			t.Errorf("%s gives %q", sql, g.of)
		}
		if strings.HasPrefix(sql, "GRANT ") && strings.HasSuffix(sql, ";") && g.skipped == 0 {
			t.Errorf("%s is left out in silence", sql)
		}
	}
}

func TestStatementAfterASpoiledOneIsFound(t *testing.T) {
	t.Parallel()
	g := readMySQL([]byte("GRANT \\g x;\nGRANT SELECT ON `d`.* TO 'u'@'h';"), nil)
	if len(g.of["u"]) != 1 || g.skipped != 1 {
		t.Errorf("got %q, %d skipped", g.of, g.skipped)
	}
}

func TestAuthFileMakesUsers(t *testing.T) {
	t.Parallel()
	auth := map[string]any{
		"alice":     map[string]any{"localhost": map[string]any{"auth_plugin": "mysql_native_password", "pass_hash": "*00AA"}},
		"alice_sha": map[string]any{"10.0.0.%": map[string]any{"plugin": "caching_sha2_password", "authentication_string": "$A$\x05'q"}},
		"alice_no":  map[string]any{"localhost": map[string]any{"auth_plugin": "unix_socket"}},
		"root":      map[string]any{"localhost": map[string]any{"auth_plugin": "mysql_native_password"}},
		"a'b":       map[string]any{"localhost": map[string]any{"auth_plugin": "mysql_native_password"}},
		"host":      map[string]any{"x'; DROP": map[string]any{"auth_plugin": "mysql_native_password"}},
		"plugin":    map[string]any{"localhost": map[string]any{"auth_plugin": "a b"}},
		"shape":     "text",
		"shapes":    map[string]any{"localhost": []string{"x"}},
	}
	data, err := json.Marshal(auth)
	if err != nil {
		t.Fatal(err)
	}
	g := readMySQL(nil, data)
	want := map[string]string{
		"alice":     "CREATE USER IF NOT EXISTS 'alice'@'localhost' IDENTIFIED WITH mysql_native_password AS '*00AA'",
		"alice_sha": "CREATE USER IF NOT EXISTS 'alice_sha'@'10.0.0.%' IDENTIFIED WITH caching_sha2_password AS 0x244124052771",
		"alice_no":  "CREATE USER IF NOT EXISTS 'alice_no'@'localhost' IDENTIFIED WITH unix_socket",
	}
	for user, statement := range want {
		if !slices.Equal(g.of[user], []string{statement}) {
			t.Errorf("%s: got %q, want %q", user, g.of[user], statement)
		}
	}
	if len(g.of) != len(want) || g.skipped != 6 {
		t.Errorf("users %q, %d skipped", g.names(), g.skipped)
	}
	for _, bad := range []string{"", "null", "[]", "{", `{"a":null}`, `{"a":{"h":null}}`, `{"a":{"h":{"plugin":7}}}`} {
		if g := readMySQL(nil, []byte(bad)); len(g.of) != 0 {
			t.Errorf("%s gives %q", bad, g.of)
		}
	}
}

func TestPostgresGrantsAreSortedByUser(t *testing.T) {
	t.Parallel()
	users := "CREATE USER \"alice_pg\" WITH ENCRYPTED PASSWORD 'md5aa';\nALTER ROLE Alice NOSUPERUSER LOGIN PASSWORD 'md5bb';\n" +
		"CREATE USER postgres;\nALTER USER eve WITH SUPERUSER;\nCREATE USER eve PASSWORD E'\\\\';\nCREATE USER eve; \\! id\n;"
	privileges := "GRANT ALL PRIVILEGES ON DATABASE \"alice_db\" TO \"alice_pg\";\nGRANT alice_db TO alice;\n" +
		"GRANT SELECT ON TABLE public.t TO alice;\n" +
		"GRANT postgres TO eve;\nGRANT pg_read_server_files TO eve;\nGRANT SELECT ON t TO eve, postgres;\n" +
		"GRANT SELECT ON t TO PUBLIC;\nGRANT a, b TO eve;\nGRANT SELECT ON t TO eve WITH GRANT OPTION;\n"
	g := readPostgres([]byte(users), []byte(privileges))
	want := map[string][]string{
		"alice_pg": {"CREATE USER \"alice_pg\" WITH ENCRYPTED PASSWORD 'md5aa'",
			"GRANT ALL PRIVILEGES ON DATABASE \"alice_db\" TO \"alice_pg\""},
		"alice": {"ALTER ROLE Alice NOSUPERUSER LOGIN PASSWORD 'md5bb'", "GRANT alice_db TO alice",
			"GRANT SELECT ON TABLE public.t TO alice"},
		"eve": {"CREATE USER eve"},
	}
	for user, statements := range want {
		if !slices.Equal(g.of[user], statements) {
			t.Errorf("%s\n got %q\nwant %q", user, g.of[user], statements)
		}
	}
	if len(g.of) != len(want) {
		t.Errorf("users %q", g.names())
	}
}

func TestNamesOfUsersMakeDistinctFileNames(t *testing.T) {
	t.Parallel()
	seen := make(map[string]string)
	for _, user := range []string{"a", "a/b", "a%2Fb", "a%b", ".", "..", ".a", "%2E", "...", "a.b", "A"} {
		name := fileName(user)
		if !validName(name+".sql") || name[0] == '.' {
			t.Errorf("user %q: file %q", user, name)
		}
		if other, taken := seen[name]; taken {
			t.Errorf("users %q and %q: both %q", user, other, name)
		}
		seen[name] = user
	}
}

func FuzzGrants(f *testing.F) {
	f.Add("GRANT USAGE ON *.* TO 'a'@'h' IDENTIFIED BY PASSWORD '*0';", `{"a":{"h":{"plugin":"p","hash":"x"}}}`)
	f.Add("GRANT ALL ON `a\\_b`.* TO `a`@`h`; -- x\nSET PASSWORD FOR a@1.2.3.4 = 'x';", "")
	f.Add("CREATE USER \"a\" WITH PASSWORD 'x';GRANT a TO b;/*!x*/;'", "{}")
	f.Add("GRANT SELECT (a) ON \"d\".t TO 'a''b'@'%' REQUIRE SSL;", "null")
	f.Fuzz(func(t *testing.T, sql, auth string) {
		my := readMySQL([]byte(sql), []byte(auth))
		checkGrants(t, my, false)
		checkGrants(t, readPostgres([]byte(sql), []byte(auth)), true)
	})
}

// checkGrants reads what was generated again: each line must be one statement about its user.
func checkGrants(t *testing.T, g *grants, postgres bool) {
	for _, user := range g.names() {
		if !plainUser(user) || !validName(fileName(user)+".pgsql.sql") {
			t.Fatalf("user %q", user)
		}
		for _, statement := range g.of[user] {
			if strings.ContainsAny(statement, "\n\r\x00") {
				t.Fatalf("more than a line: %q", statement)
			}
			s := scanner{src: statement + ";", postgres: postgres}
			tokens, ok, _ := s.statement()
			if !ok || s.pos != len(s.src) {
				t.Fatalf("no single statement: %q", statement)
			}
			about, understood := mysqlUser(tokens)
			if postgres {
				about, understood = postgresUser(tokens)
			}
			if !understood || about != user {
				t.Fatalf("statement of %q (%v) given to %q: %q", about, understood, user, statement)
			}
		}
	}
}
