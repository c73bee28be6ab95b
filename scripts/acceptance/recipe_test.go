package acceptance

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// recipe is what a regular expression finds in the guide, without the indentation of code.
func recipe(t *testing.T, pattern string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/guide.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(pattern).FindStringSubmatch(string(text))
	if found == nil {
		t.Fatalf("the guide has nothing like %s", pattern)
	}
	return strings.ReplaceAll(found[1], "\n    ", "\n")
}

// pkgacct behaves as cPanel's does with these options: it makes cpmove-USER.tar in the directory, with a home that is
// empty but for a note.
const pkgacct = `#!/bin/bash -e
[ "$1 $2" = "--skiphomedir --nocompress" ]
user=$3 out=$4 work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "[2026-01-05 02:00:00 +0000] pkgacct started."
top=$work/cpmove-$user
mkdir -p "$top"/{cp,homedir,mysql,userdata,dnszones,cron,va,apache_tls}
echo "USER=$user" >"$top/cp/$user"; echo "main_domain: example.com" >"$top/userdata/main"
echo "create table t (i int);" >"$top/mysql/${user}_shop.sql"
cat >"$top/mysql.sql" <<Q
GRANT USAGE ON *.* TO '${user}_web'@'localhost' IDENTIFIED BY PASSWORD '*0123456789ABCDEF0123456789ABCDEF01234567';
GRANT ALL PRIVILEGES ON \` + "`" + `${user}\\_shop\` + "`" + `.* TO '${user}_web'@'localhost';
Q
echo '@ IN A 192.0.2.1' >"$top/dnszones/example.com.db"; echo '0 1 * * * true' >"$top/cron/$user"
echo 'note' >"$top/homedir_paths"; echo x >"$top/homedir/left-by-pkgacct"
tar -C "$work" -cf "$out/cpmove-$user.tar" "cpmove-$user"
echo "pkgacctfile is: $out/cpmove-$user.tar"
`

func TestRecipeForCpanelAccounts(t *testing.T) {
	t.Parallel()
	script := recipe(t, `(?s)\n    (#!/bin/sh -e\n.*?)\n\n`)
	prefix := recipe(t, `--prefix (\S+) \\`)
	for _, mode := range []string{"incremental", "compressed"} {
		t.Run(mode, func(t *testing.T) {
			dir := t.TempDir()
			fake := strings.NewReplacer("/usr/local/cpanel/scripts/pkgacct", dir+"/pkgacct", "/var/cpanel/users", dir+"/users").Replace(script)
			run(t, `mkdir "$1/users"; touch "$1/users/alice"`, dir)
			for name, text := range map[string]string{"pkgacct": pkgacct, "before": fake} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			b := newBackups(t, newHost(t), "--mode", mode, "--prefix", prefix, "--before", dir+"/before")
			run(t, `mkdir -p "$1"/alice/{public_html,etc/example.com,mail/example.com/info/cur} "$1/plain"; cd "$1"; echo hi >alice/public_html/index.html
echo 'info:x:1:1::/home/alice/mail/example.com/info:/bin' >alice/etc/example.com/passwd; echo mail >alice/mail/example.com/info/cur/1; echo x >plain/x`, b.home)
			b.mount()
			b.must("sync")
			run(t, `cd "$1"; [ "$(cat databases/alice_shop.sql)" = "create table t (i int);" ]; grep -q 'alice..shop' database-users/alice_web.sql
[ "$(cat email/example.com/info/cur/1)" = mail ]; [ "$(cat files/public_html/index.html)" = hi ]; [ ! -e files/left-by-pkgacct ]
[ -e dns/example.com.db ]; [ -n "$(ls cron)" ]; [ -e full/cp/alice ]; ! ls full/*.tar 2>/dev/null`, b.latest("alice"))
			run(t, `[ "$(cat "$1/full/homedir/x")" = x ]`, b.latest("plain"))
		})
	}
}

func TestRecipeForDatabasesOfAPlainServer(t *testing.T) {
	command := recipe(t, `--before '(mysqldump [^']*)'`)
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "mysqldump"), []byte("#!/bin/sh\necho \"dump: $*\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	h := newHost(t)
	source := filepath.Join(t.TempDir(), "www")
	run(t, `mkdir "$1"; echo hi >"$1/index.php"`, source)
	h.addSlots("nightly", source, "--retention", "14", "--before", command)
	h.must("sync")
	h.must("index")
	h.mount()
	if got := run(t, `cat "$1/databases/shop.sql"`, h.newest("www")); got != "dump: --single-transaction --routines shop\n" {
		t.Errorf("the dump is %q", got)
	}
}
