package cpanel

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"slotfs/indexer/backup"
	"slotfs/indexer/engine"
	"slotfs/indexer/tree"
	"slotfs/indexer/tree/treetest"
)

func TestOwnerIsTheAccountsAndNeverRoot(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		lines []string
		want  *backup.Owner
	}{
		{"home", []string{"cp/alice", "homedir/ 7:8", "proftpdpasswd=alice:x:1:2::/:"}, &backup.Owner{UID: 7, GID: 8}},
		{"members of homedir.tar", []string{"cp/alice", "homedir.tar", "homedir.tar\x00/ 7:8", "homedir.tar\x00/x"}, &backup.Owner{UID: 7, GID: 8}},
		{"rsynced tree", []string{"cp/alice", "homedir/ 0:0", "proftpdpasswd=ftp:x:3:4::/:\nw:x:5:6::/:\nalice:x:1:2::/:"}, &backup.Owner{UID: 1, GID: 2}},
		{"other login", []string{"cp/alice", "homedir/ 0:0", "proftpdpasswd=ftp:x:3:4::/:\nw:x:5:6::/:"}, &backup.Owner{UID: 5, GID: 6}},
		{"mail accounts", []string{"cp/alice", "homedir/ 0:0", "homedir/etc/a.com/passwd=i:x:0:0::/:\ni:x:9:10::/:"}, &backup.Owner{UID: 9, GID: 10}},
		{"mail accounts in homedir.tar", []string{"cp/alice", "homedir.tar", "homedir.tar\x00/etc/a.com/passwd=i:x:9:10::/:"}, &backup.Owner{UID: 9, GID: 10}},
		{"mail accounts below a top folder", []string{"a/cp/alice", "a/homedir/ 0:0", "a/homedir/etc/a.com/passwd=i:x:9:10::/:"}, &backup.Owner{UID: 9, GID: 10}},
		{"nothing but root", []string{"cp/alice", "homedir/ 0:0", "proftpdpasswd=alice:x:0:0::/:\nx\n::::\na:x:-1:4294967295:"}, nil},
		{"files of a lone home are the customer's", []string{"public_html/", "proftpdpasswd=alice:x:1:2::/:"}, nil},
	} {
		d := plant(t, c.lines...).describe(t, backup.Source{Account: "alice"})
		if (d.Owner == nil) != (c.want == nil) || d.Owner != nil && *d.Owner != *c.want {
			t.Errorf("%s: owner %v, want %v", c.name, d.Owner, c.want)
		}
	}
}

func TestNameOfAHomeBackupIsNotTakenFromTheCustomer(t *testing.T) {
	t.Parallel()
	s := backup.Source{Account: "example.com", Loose: true, Name: "2026-01-05.home-1"}
	if d := plant(t, "cp/victim", "homedir/x").describe(t, s); d.Account != "" {
		t.Errorf("account %q", d.Account)
	}
}

func TestNameInCpIsTakenOnlyIfItIsClear(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		lines []string
		want  string
	}{
		{[]string{"cp/bob"}, "bob"},
		{[]string{"cp/alice", "cp/bob"}, "alice"},
		{[]string{"cp/bob", "cp/carol"}, ""},
		{[]string{"cp/bob -> alice"}, ""},
		{[]string{"cp/bob/"}, ""},
		{[]string{"cp/.bob", "cp/-x"}, ""},
		{[]string{"cp/" + strings.Repeat("a", 65)}, ""},
	} {
		d := plant(t, append(c.lines, "homedir/x")...).describe(t, backup.Source{Account: "alice"})
		if d.Account != c.want {
			t.Errorf("%q: account %q, want %q", c.lines, d.Account, c.want)
		}
	}
}

func TestLinksInPlaceOfPartsAreNotFollowed(t *testing.T) {
	t.Parallel()
	lines := []string{"cp/alice", "homedir/x"}
	for _, name := range []string{"mysql", "psql", "va", "vad", "vf", "dnszones", "cron", "domainkeys", "apache_tls", "mm",
		"shadow", "userdata", "homedir/mail", "homedir/etc", "homedir/ssl", "homedir/.autorespond", "dnssec_keys"} {
		lines = append(lines, name+" -> /etc")
	}
	d := plant(t, lines...).describe(t, backup.Source{Account: "alice"})
	var got []string
	for _, g := range d.Parts.Grafts {
		got = append(got, g.Path)
	}
	if want := []string{"files", "config/cp"}; !slices.Equal(got, want) {
		t.Errorf("shows %q, want %q", got, want)
	}
	if d := plant(t, "cp/alice", "homedir -> /home", "userdata/x").describe(t, backup.Source{}); len(lines) == 0 || len(d.Parts.Grafts) != 2 {
		t.Errorf("a home that is a link: %v", d.Parts.Grafts)
	}
}

func TestHostileMailStaysWithinItsDirectory(t *testing.T) {
	t.Parallel()
	d := plant(t, "cp/alice", "va/alice", "va/accounts", "va/a.com/x", "vad/whole-domain", "va/whole-domain",
		"homedir/mail/alice/cur/", "homedir/mail/cur/", "homedir/etc/alice/passwd=x", "homedir/mail/a.com/forwarders/cur/",
		"homedir/mail/a.com/accounts@/x/", "homedir/mail/a.com/.x/", "homedir/mail/@a.com/x/", "homedir/mail/.a@b/x/",
		"homedir/mail/a.com/x y/cur/", "homedir/mail/\n.x/a/").describe(t, backup.Source{Account: "alice"})
	want := []string{"email/\n.x/a < homedir/mail/\n.x/a", "email/a.com/x y < homedir/mail/a.com/x y",
		"email/a.com/forwarders < homedir/mail/a.com/forwarders", "email/alice/accounts/passwd < homedir/etc/alice/passwd"}
	got := lines(d.Parts, backup.Email)
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("%q is missing in %q", line, got)
		}
	}
	for _, line := range got {
		if strings.Contains(line, "@") {
			t.Errorf("shows %q", line)
		}
	}
}

//check:without it takes seconds
func TestManyPartsAreBounded(t *testing.T) {
	t.Parallel()
	lines := []string{"cp/alice", "dnszones/example.com.db", "cron/alice"}
	for i := range maxGrafts {
		lines = append(lines, fmt.Sprintf("homedir/mail/a.com/%d/", i))
	}
	d := plant(t, lines...).describe(t, backup.Source{Account: "alice"})
	if len(d.Parts.Grafts) != maxGrafts || d.Detail == "" || d.Status != "" {
		t.Errorf("%d grafts, %q %q", len(d.Parts.Grafts), d.Status, d.Detail)
	}
	for _, path := range []string{"files", "dns/example.com.db", "cron/alice"} {
		if _, ok := d.Parts.Find(path); !ok {
			t.Errorf("%s is crowded out", path)
		}
	}
}

func TestGeneratedFilesAreBounded(t *testing.T) {
	t.Parallel()
	c := &partitioner{places: make(map[string]bool)}
	big := make([]byte, maxGenerated/2+1)
	if !c.generate(backup.DatabaseUsers, "database-users/a.sql", big) {
		t.Error("the first does not fit")
	}
	if c.generate(backup.DatabaseUsers, "database-users/b.sql", big) || len(c.notes()) != 1 {
		t.Errorf("the second fits; notes %q", c.notes())
	}
}

func TestBrokenIndexIsAnErrorAndNoSmallerAccount(t *testing.T) {
	t.Parallel()
	f := plant(t, account("alice")...)
	_, err := New().Describe(context.Background(), &backup.Source{}, tree.New(treetest.NewStore(), f.tree.Root().Entry, tree.NewCache(1<<20)), f.read)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error is %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := New().Describe(ctx, &backup.Source{}, f.tree, f.read); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	lost := errors.New("connection lost")
	fails := func(string) ([]byte, error) { return nil, lost }
	if _, err := New().Describe(context.Background(), &backup.Source{}, f.tree, fails); !errors.Is(err, lost) {
		t.Errorf("reading fails: %v", err)
	}
}

func TestSystemBackupIsNoIncompleteAccount(t *testing.T) {
	t.Parallel()
	d := plant(t, "files/_etc_passwd.gz", "dirs/_etc_cpanel.tar.gz").describe(t, backup.Source{System: true})
	if d.Status != "" || len(d.Parts.Grafts) != 0 || d.Parts.Full != "" {
		t.Errorf("%+v", d)
	}
}

func TestWantsOnlyWhatDescribeReads(t *testing.T) {
	t.Parallel()
	for path, limit := range map[string]int64{
		"mysql.sql": maxGrants, "alice/mysql.sql": maxGrants, "alice/mysql.sql-auth.json": maxAuth,
		"alice/psql/psql_users.sql": maxAuth, "psql_grants.sql": maxAuth, "alice/userdata/main": maxSettings,
		"alice/proftpdpasswd": maxSettings, "alice/homedir/etc/a.com/passwd": maxPasswd,
		"homedir.tar\x00/etc/a.com/passwd": maxPasswd, "alice/homedir.tar\x00/etc/a.com/passwd": maxPasswd,
	} {
		if New().Wants(path, limit) != backup.Whole || New().Wants(path, limit+1).Wanted() {
			t.Errorf("%q: not wanted up to exactly %d bytes", path, limit)
		}
	}
	for _, path := range []string{"", "/", "x/y/mysql.sql", "homedir/mysql.sql", "homedir.tar\x00/proftpdpasswd",
		"homedir/homedir/etc/a.com/passwd", "alice/homedir/etc/a.com/shadow", "alice/homedir/etc/a/b/passwd", "alice/cp/alice"} {
		if New().Wants(path, 0).Wanted() {
			t.Errorf("%q is wanted", path)
		}
	}
}

func TestEverythingThatIsReadIsWanted(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"", "alice"} {
		lines := append(account(prefix), join(prefix, "homedir/ 0:0"))
		f := plant(t, slices.DeleteFunc(lines, func(l string) bool { return strings.Contains(l, "proftpdpasswd") })...)
		f.describe(t, backup.Source{Account: "alice"})
		for _, path := range f.asked {
			if !New().Wants(path, 1).Wanted() {
				t.Errorf("asks for %q, which nobody keeps", path)
			}
		}
		if !slices.Contains(f.asked, join(prefix, "homedir/etc/example.com/passwd")) {
			t.Errorf("asks for %q", f.asked)
		}
	}
}

func TestDomainsAreCountedOnce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		want int
	}{
		{"main_domain: a.com\nparked_domains: [b.com, a.com]\nsub_domains:\n- x.a.com\naddon_domains: {c.com: c.a.com}\n", 4},
		{"main_domain: [a.com]\nparked_domains: b.com\nsub_domains: {c.com: x}\naddon_domains: [d.com]\n", 0},
		{"a: &a [x.com]\nparked_domains: *a\nsub_domains: [*a, *a]\n", 0},
		{"- a.com", 0}, {"", 0}, {"\t", 0}, {"main_domain: 1.5", 0}, {"main_domain: ''", 0}, {"{", 0},
		{strings.Repeat("[", 20000), 0},
	} {
		if got := parseDomains([]byte(c.text)); len(got) != c.want {
			t.Errorf("%.60q: %v, want %d", c.text, got, c.want)
		}
	}
}

func FuzzUserdata(f *testing.F) {
	f.Add([]byte("main_domain: a.com\naddon_domains:\n  b.com: b.a.com\nparked_domains:\n- c.com\nsub_domains: []\n"))
	f.Add([]byte("a: &a [*a]\nsub_domains: *a"))
	f.Add([]byte("---\n? [x]\n: !!str y\n<<: {main_domain: d.com}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for name := range parseDomains(data) {
			if !validDomain(name) {
				t.Fatalf("domain %q", name)
			}
		}
		if o := ownerIn(data, "alice"); o != nil && (o.UID == 0 || o.GID == 0) {
			t.Fatalf("owner %v", o)
		}
		if n := countFTP(data, "alice"); n < 0 || n > len(data) {
			t.Fatalf("%d logins", n)
		}
	})
}

func FuzzDescribe(f *testing.F) {
	f.Add("cp/alice\nhomedir/mail/a.com/b/\nva/a.com\nhomedir/etc/a.com/passwd=x", "alice")
	f.Add("a/cp/b\na/homedir.tar\na/homedir.tar\x00/mail/cur/\na/mysql/x.sql\nb", "b")
	f.Add("public_html/\nmail/.x/\nmail/x -> /etc", "")
	f.Add("cp/x\nuserdata/main=main_domain: a.com\nmysql.sql=GRANT USAGE ON *.* TO 'a/b'@'h';", "x")
	f.Fuzz(func(t *testing.T, text, account string) {
		top := newDirectory("")
		fx := &fixture{files: make(map[string]string)}
		for _, line := range strings.Split(text, "\n") {
			path, content, _ := strings.Cut(line, "=")
			fx.files[path] = content
			e := backup.Entry{Mode: backup.ModeRegular | 0o600, Size: int64(len(content)), Nlink: 1}
			if p, target, ok := strings.Cut(line, " -> "); ok {
				path, e.Mode, e.Target = p, backup.ModeSymlink|0o777, target
			} else if p, ok := strings.CutSuffix(path, "/"); ok {
				path, e.Mode = p, backup.ModeDir|0o700
			}
			top.add(path, e)
		}
		store := treetest.NewStore()
		root, err := top.write(store)
		if err != nil {
			return // names that no tree has
		}
		fx.tree = tree.New(store, root, tree.NewCache(1<<20))
		var d engine.Description = fx.describe(t, backup.Source{Account: account, Loose: true})
		if d.Account != "" && !validAccount(d.Account) {
			t.Fatalf("account %q", d.Account)
		}
	})
}
