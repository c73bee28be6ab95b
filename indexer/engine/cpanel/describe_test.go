package cpanel

import (
	"context"
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

// directoryOf is a directory that a test makes.
type directoryOf struct {
	entry backup.Entry
	names []string // in the order of the archive
	below map[string]*directoryOf
}

func newDirectory(name string) *directoryOf {
	return &directoryOf{entry: backup.Entry{Name: name, Mode: backup.ModeDir | 0o755}, below: make(map[string]*directoryOf)}
}

// fixture is a tree in memory with the contents that an engine may ask for.
type fixture struct {
	tree  *tree.Tree
	files map[string]string
	asked []string
}

// plant makes a tree of lines like those of `tar t`: "dir/", "file", "file=content", "link -> target";
// "dir/ 1001:1002" has an owner.
func plant(t *testing.T, lines ...string) *fixture {
	t.Helper()
	top := newDirectory("")
	f := &fixture{files: make(map[string]string)}
	for _, line := range lines {
		e := backup.Entry{Mode: backup.ModeRegular | 0o644, UID: 0, GID: 0, Nlink: 1}
		path := line
		if p, target, ok := strings.Cut(line, " -> "); ok {
			path, e.Mode, e.Target = p, backup.ModeSymlink|0o777, target
		} else if p, owner, ok := strings.Cut(line, "/ "); ok {
			path, e.Mode = p, backup.ModeDir|0o711
			if _, err := fmt.Sscanf(owner, "%d:%d", &e.UID, &e.GID); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
		} else if p, ok := strings.CutSuffix(line, "/"); ok {
			path, e.Mode = p, backup.ModeDir|0o711
		} else if p, content, ok := strings.Cut(line, "="); ok {
			path, e.Size = p, int64(len(content))
			f.files[p] = content
		}
		top.add(path, e)
	}
	store := treetest.NewStore()
	root, err := top.write(store)
	if err != nil {
		t.Fatal(err)
	}
	f.tree = tree.New(store, root, tree.NewCache(1<<20))
	return f
}

func (f *directoryOf) add(path string, e backup.Entry) {
	name, rest, more := strings.Cut(path, "/")
	child, ok := f.below[name]
	if !ok {
		child = newDirectory(name)
		f.below[name] = child
		f.names = append(f.names, name)
	}
	if more {
		child.add(rest, e)
		return
	}
	e.Name = name
	child.entry = e
}

// write stores the directory and everything below it.
func (f *directoryOf) write(store *treetest.Store) (backup.Entry, error) {
	if !f.entry.IsDir() {
		return f.entry, nil
	}
	var entries []backup.Entry
	for _, name := range f.names {
		e, err := f.below[name].write(store)
		if err != nil {
			return e, err
		}
		entries = append(entries, e)
	}
	e := f.entry
	e.Nlink = 2
	if len(entries) == 0 {
		return e, nil
	}
	d, err := tree.Write(context.Background(), store, entries)
	e.Child, e.Count, e.Nlink = d.Child, d.Count, 2+d.Dirs
	return e, err
}

// read hands out the contents that the engine wants, as a pass does.
func (f *fixture) read(path string) ([]byte, error) {
	f.asked = append(f.asked, path)
	content, ok := f.files[path]
	size := int64(len(content))
	want := New().Wants(path, size)
	if !ok || !want.Wanted() {
		return nil, fmt.Errorf("read %s: %w", path, fs.ErrNotExist)
	}
	if damaged, ok := strings.CutPrefix(content, "damaged:"); ok && want.Unpacked {
		return []byte(damaged), engine.ErrDamaged
	}
	want.Unpacked = false // what is planted is what it unpacks to
	from, to := want.Gap(size)
	return []byte(content[:from] + content[to:]), nil
}

// describe describes the fixture and holds the promises of backup.Parts.
func (f *fixture) describe(t *testing.T, s backup.Source) engine.Description {
	t.Helper()
	d, err := New().Describe(context.Background(), &s, f.tree, f.read)
	if err != nil {
		t.Fatal(err)
	}
	checkParts(t, f.tree, d.Parts)
	return d
}

// checkParts holds what backup.Parts and backup.Graft promise, and that links are never followed.
func checkParts(t *testing.T, tr *tree.Tree, p backup.Parts) {
	t.Helper()
	kinds := backup.PartKinds()
	from := make(map[string]bool)
	paths := make(map[string]bool)
	for i, g := range p.Grafts {
		if i > 0 {
			before := p.Grafts[i-1]
			if a, b := slices.Index(kinds, before.Kind), slices.Index(kinds, g.Kind); a > b || a == b && before.Path >= g.Path {
				t.Errorf("%s %q comes after %s %q", g.Kind, g.Path, before.Kind, before.Path)
			}
		}
		top, _, _ := strings.Cut(g.Path, "/")
		if top != string(g.Kind) {
			t.Errorf("%s at %q", g.Kind, g.Path)
		}
		for _, name := range strings.Split(g.Path, "/") {
			if !validName(name) {
				t.Errorf("path %q", g.Path)
			}
		}
		if g.From != "" {
			it, err := tr.Resolve(context.Background(), g.From)
			if err != nil || !it.IsDir() && !it.IsRegular() {
				t.Errorf("%q shows %q: mode %o, %v", g.Path, g.From, it.Mode, err)
			}
			for up := g.From; up != ""; up = parent(up) {
				if from[string(g.Kind)+" "+up] {
					t.Errorf("%s shows %q twice", g.Kind, g.From)
				}
			}
			from[string(g.Kind)+" "+g.From] = true
		} else if len(g.Content) == 0 {
			t.Errorf("%q shows nothing", g.Path)
		}
		paths[g.Path] = true
	}
	for path := range paths {
		for up := parent(path); up != ""; up = parent(up) {
			if paths[up] {
				t.Errorf("%q lies below %q", path, up)
			}
		}
	}
}

// lines tells grafts of a kind: path < from, with ! for secret ones.
func lines(p backup.Parts, kind backup.PartKind) []string {
	var out []string
	for _, g := range p.Grafts {
		if g.Kind != kind {
			continue
		}
		line := g.Path + " < " + strings.ReplaceAll(g.From, "\x00", "*")
		if g.Secret {
			line += " !"
		}
		out = append(out, line)
	}
	return out
}

// account is the tree of an account below prefix.
func account(prefix string) []string {
	all := []string{
		"cp/", "cp/alice=DNS=example.com", "homedir/ 1001:1002",
		"homedir/public_html/index.html", "homedir/www -> public_html", "homedir/ssl/keys/a.key",
		"homedir/etc/example.com/passwd=info:x:1001:1002::/home/alice/mail/example.com/info:/x",
		"homedir/etc/example.com/shadow=info:hash", "homedir/etc/example.com/quota=info:1",
		"homedir/etc/example.com/info/filter=x", "homedir/etc/example.com/info/filter.yaml=x",
		"homedir/mail/cur/", "homedir/mail/new/", "homedir/mail/tmp/", "homedir/mail/.Sent/cur/", "homedir/mail/subscriptions",
		"homedir/mail/example.com/info/cur/1", "homedir/mail/example.com/accounts/cur/2",
		"homedir/mail/example.com/link -> /etc", "homedir/mail/other.net/x/cur/3",
		"homedir/mail/info@example.com -> example.com/info", "homedir/mail/.info@example_com -> example.com/info",
		"homedir/mail/outside.org -> /etc", "homedir/mail/stuff/box/",
		"homedir/.autorespond/info@example.com", "homedir/.autorespond/info@example.com.json",
		"mysql/alice_wp.sql", "mysql/alice_wp.create", "mysql/blog.sql.gz", "mysql/roundcube.sql", "mysql/horde.sql",
		"mysql/openfileslimit", "mysql/alice_only.create", "mysql/x.sql -> /etc/shadow", "psql/alice_pg.tar",
		"mysql.sql=GRANT USAGE ON *.* TO 'alice'@'localhost' IDENTIFIED BY PASSWORD '*0';",
		"psql/psql_users.sql=CREATE USER alice_pg PASSWORD 'md5';",
		"va/example.com", "va/other.net", "vad/old.example.com", "vf/example.com",
		"mm/news_example.com/config.pck", "mma/", "dnszones/example.com.db", "dnszones/note.txt",
		"dnssec_keys/example.com/k.private", "apache_tls/example.com", "sslkeys/", "domainkeys/private/example.com",
		"domainkeys/public/example.com", "cron/alice",
		"proftpdpasswd=alice:h:1001:1002::/:/\nalice_logs:h:1001:1002::/:/\nftp:h:99:99::/:/\nweb@example.com:h:1001:1002::/:/\n",
		"userdata/main=main_domain: example.com\naddon_domains:\n  other.net: other.example.com\nparked_domains: []\nsub_domains:\n  - other.example.com\n",
		"userdata/example.com", "addons", "resellerconfig/", "shadow", "quota", "shell", "version", "unknown/thing",
	}
	for i, line := range all {
		all[i] = join(prefix, line)
	}
	return all
}

func TestDescribeCutsAnAccountIntoParts(t *testing.T) {
	t.Parallel()
	f := plant(t, account("alice")...)
	d := f.describe(t, backup.Source{Account: "alice", Name: "2026-01-05", Kind: backup.TarGzip})
	if d.Account != "alice" || d.Status != "" || d.Detail != "" || d.Parts.Full != "alice" {
		t.Errorf("account %q, status %q %q, full %q", d.Account, d.Status, d.Detail, d.Parts.Full)
	}
	if d.Owner == nil || *d.Owner != (backup.Owner{UID: 1001, GID: 1002}) {
		t.Errorf("owner %v", d.Owner)
	}
	want := map[backup.PartKind][]string{
		backup.Files: {"files < alice/homedir"},
		backup.Databases: {"databases/alice_only.create < alice/mysql/alice_only.create",
			"databases/alice_pg.tar < alice/psql/alice_pg.tar", "databases/alice_wp.create < alice/mysql/alice_wp.create",
			"databases/alice_wp.sql < alice/mysql/alice_wp.sql", "databases/blog.sql.gz < alice/mysql/blog.sql.gz"},
		backup.DatabaseUsers: {"database-users/alice.sql <  !", "database-users/alice_pg.pgsql.sql <  !"},
		backup.Email: {"email/alice/.Sent < alice/homedir/mail/.Sent", "email/alice/cur < alice/homedir/mail/cur",
			"email/alice/new < alice/homedir/mail/new", "email/alice/subscriptions < alice/homedir/mail/subscriptions",
			"email/alice/tmp < alice/homedir/mail/tmp", "email/example.com/accounts < alice/homedir/mail/example.com/accounts",
			"email/example.com/accounts@/passwd < alice/homedir/etc/example.com/passwd",
			"email/example.com/accounts@/quota < alice/homedir/etc/example.com/quota",
			"email/example.com/accounts@/shadow < alice/homedir/etc/example.com/shadow !",
			"email/example.com/filters < alice/vf/example.com", "email/example.com/forwarders < alice/va/example.com",
			"email/example.com/info < alice/homedir/mail/example.com/info",
			"email/old.example.com/whole-domain-forwarder < alice/vad/old.example.com",
			"email/other.net/forwarders < alice/va/other.net", "email/other.net/x < alice/homedir/mail/other.net/x"},
		backup.Forwarders: {"forwarders/example.com < alice/va/example.com", "forwarders/other.net < alice/va/other.net",
			"forwarders/whole-domain/old.example.com < alice/vad/old.example.com"},
		backup.Filters: {"filters/example.com < alice/vf/example.com",
			"filters/info@example.com < alice/homedir/etc/example.com/info/filter",
			"filters/info@example.com.yaml < alice/homedir/etc/example.com/info/filter.yaml"},
		backup.Autoresponders: {"autoresponders/info@example.com < alice/homedir/.autorespond/info@example.com",
			"autoresponders/info@example.com.json < alice/homedir/.autorespond/info@example.com.json"},
		backup.Lists:    {"lists/mm < alice/mm"},
		backup.DNS:      {"dns/example.com.db < alice/dnszones/example.com.db", "dns/keys < alice/dnssec_keys !"},
		backup.SSL:      {"ssl/apache_tls < alice/apache_tls !", "ssl/home < alice/homedir/ssl !"},
		backup.DKIM:     {"dkim/private < alice/domainkeys/private !", "dkim/public < alice/domainkeys/public"},
		backup.Cron:     {"cron/alice < alice/cron/alice"},
		backup.FTP:      {"ftp/proftpdpasswd < alice/proftpdpasswd !"},
		backup.Domains:  {"domains/addons < alice/addons", "domains/userdata < alice/userdata"},
		backup.Reseller: nil,
		backup.Config: {"config/cp < alice/cp", "config/quota < alice/quota", "config/shadow < alice/shadow !",
			"config/shell < alice/shell", "config/version < alice/version"},
	}
	for _, kind := range backup.PartKinds() {
		if got := lines(d.Parts, kind); !slices.Equal(got, want[kind]) {
			t.Errorf("%s\n got %q\nwant %q", kind, got, want[kind])
		}
	}
	counts := backup.Counts{backup.Databases: 4, backup.DatabaseUsers: 2, backup.Email: 4,
		backup.Forwarders: 3, backup.Filters: 2, backup.Autoresponders: 1, backup.Lists: 1, backup.DNS: 1, backup.SSL: 1,
		backup.DKIM: 1, backup.Cron: 1, backup.FTP: 2, backup.Domains: 3}
	for _, kind := range backup.PartKinds() {
		if kind != backup.Files && d.Counts[kind] != counts[kind] {
			t.Errorf("%d %s, want %d", d.Counts[kind], kind, counts[kind])
		}
	}
	g, _ := d.Parts.Find("database-users/alice.sql")
	if !strings.HasSuffix(string(g.Content), "GRANT USAGE ON *.* TO 'alice'@'localhost' IDENTIFIED BY PASSWORD '*0';\n") {
		t.Errorf("alice.sql is %q", g.Content)
	}
}

func TestHomeThatIsTheWholeTreeIsShownEntryByEntry(t *testing.T) {
	t.Parallel()
	d := plant(t, "public_html/x", "mail/example.com/info/cur/", "mail/cur/", ".bashrc", "www -> public_html").describe(t,
		backup.Source{Account: "example.com", Loose: true, Name: "2026-01-05.home-1"})
	if got := lines(d.Parts, backup.Files); !slices.Equal(got, []string{"files/.bashrc < .bashrc", "files/mail < mail",
		"files/public_html < public_html"}) {
		t.Errorf("files %q", got)
	}
	if got := lines(d.Parts, backup.Email); !slices.Equal(got, []string{"email/default/cur < mail/cur",
		"email/example.com/info < mail/example.com/info"}) {
		t.Errorf("email %q", got)
	}
}

func TestDescribeFindsTheRoot(t *testing.T) {
	t.Parallel()
	with := func(lines []string, more ...string) []string { return append(lines, more...) }
	for _, c := range []struct {
		name    string
		lines   []string
		account string
		full    string
		files   string
		status  backup.Status
	}{
		{"no top folder", account(""), "alice", "", "homedir", ""},
		{"renamed top folder", account("backup-1.5.2026_03-04-05_bob"), "alice", "backup-1.5.2026_03-04-05_bob",
			"backup-1.5.2026_03-04-05_bob/homedir", ""},
		{"deep", account("home/backup/alice"), "alice", "home/backup/alice", "home/backup/alice/homedir", ""},
		{"something beside", with(account("alice"), "README"), "alice", "", "alice/homedir", ""},
		{"something beside the path", with(account("a/alice"), "a/x/y"), "alice", "", "a/alice/homedir", ""},
		{"two accounts", with(account("bob"), account("cpmove-alice")...), "alice", "", "cpmove-alice/homedir", ""},
		{"homedir.tar", []string{"alice/cp/alice", "alice/homedir.tar", "alice/homedir.tar\x00/public_html/x",
			"alice/homedir.tar\x00/mail/example.com/info/cur/"}, "alice", "alice", "alice/homedir.tar*", ""},
		{"homedir.tar beside an empty homedir", []string{"alice/cp/alice", "alice/homedir/", "alice/homedir.tar",
			"alice/homedir.tar\x00/x"}, "alice", "alice", "alice/homedir.tar*", ""},
		{"homedir.tar beside the homedir", []string{"alice/cp/alice", "alice/homedir/a", "alice/homedir/b", "alice/homedir.tar",
			"alice/homedir.tar\x00/x"}, "alice", "alice", "alice/homedir", ""},
		{"userdata without a home", []string{"alice/cp/alice", "alice/userdata/main"}, "alice", "alice", "", ""},
		{"cp alone", []string{"alice/cp/alice"}, "alice", "alice", "", backup.Incomplete},
		{"no cp", []string{"alice/homedir/x", "alice/mysql/a.sql"}, "", "alice", "alice/homedir", backup.Incomplete},
		{"home alone", []string{"public_html/x", "mail/", "etc/"}, "", "", "", ""},
		{"home alone in a folder", []string{"alice/public_html/x"}, "", "alice", "alice", ""},
		{"nothing", nil, "", "", "", backup.Incomplete},
		{"other things", []string{"var/log/x", "opt/y"}, "", "", "", backup.Incomplete},
		{"an account that a customer placed in a home", []string{"public_html/cp/bob", "public_html/homedir/x", "mail/x"}, "", "", "", ""},
		{"an account in a home", []string{"alice/homedir/cp/bob", "alice/homedir/homedir/x"}, "", "alice", "alice/homedir", backup.Incomplete},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := plant(t, c.lines...).describe(t, backup.Source{Account: "alice", Loose: true, Name: "2026-01-02T101500.archive"})
			files, _ := d.Parts.Find("files")
			from := strings.ReplaceAll(files.From, "\x00", "*")
			if d.Account != c.account || d.Parts.Full != c.full || from != c.files || d.Status != c.status {
				t.Errorf("account %q, full %q, files %q, status %q (%s)", d.Account, d.Parts.Full, from, d.Status, d.Detail)
			}
			if (d.Status != "") != (d.Detail != "") {
				t.Errorf("status %q with detail %q", d.Status, d.Detail)
			}
		})
	}
}
