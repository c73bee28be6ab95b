package acceptance

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Users of this machine: two with accounts, and one without.
var panelAlice, panelBob, panelCarol = panelUser{"slotpalice", 47120}, panelUser{"slotpbob", 47121}, panelUser{"slotpcarol", 47122}

// panelHost is a host whose panels have the page.
type panelHost struct {
	*host
	socket, files string // the panel socket; what was installed
}

// newPanelHost has accounts of two users on a server that is this machine, and one of the same name on another.
func newPanelHost(t *testing.T) *panelHost {
	t.Helper()
	h := &panelHost{host: newHost(t)}
	for _, u := range []panelUser{panelAlice, panelBob, panelCarol} {
		run(t, `id "$1" >/dev/null 2>&1 || useradd -M -u "$2" "$1"`, u.name, fmt.Sprint(u.uid))
		t.Cleanup(func() { run(t, `userdel "$1"`, u.name) })
	}
	for _, of := range [][3]string{{"srv1", panelAlice.name, "here"}, {"srv1", panelBob.name, "here"}, {"srv2", panelAlice.name, "elsewhere"}} {
		run(t, `mkdir -p "$1/$2"; "$4" -user "$3" -size 2 "$1/$2" >/dev/null; home=$(find "$1/$2/$3" -maxdepth 1 -name homedir)
printf 'of %s %s' "$3" "$5" >"$home/own-of-$3-$5.txt"
printf '<script>alert(1)</script>' >"$home/<img src=x onerror=alert(1)>.html"
mkdir -p "$6/$2/2026-01-05/accounts"; tar -C "$1/$2" -czf "$6/$2/2026-01-05/accounts/$3.tar.gz" "$3"`,
			filepath.Dir(h.store), of[0], of[1], accountMaker, of[2], h.store)
	}
	dir, err := os.MkdirTemp("", "slotfs-panel")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	run(t, `chmod 755 "$1" "$2"`, dir, filepath.Dir(binary))
	h.socket, h.files = filepath.Join(dir, "run/panel.sock"), filepath.Join(dir, "files")
	h.must(append(h.addArgs("d"), "--local-origin", "srv1")...)
	run(t, `cat >>"$1/slotfs.toml" <<<"$2"`, h.work, fmt.Sprintf("\n[panel]\nsocket = %q\n", h.socket))
	h.must("index")
	h.install()
	h.mount()
	eventually(t, "the panel socket", func() bool { _, err := os.Stat(h.socket); return err == nil })
	return h
}

// install installs the plug-ins on a machine with panels that lies over this one, and keeps what they are.
func (h *panelHost) install() {
	h.t.Helper()
	out := run(h.t, `slotfs() { "$1" --config "$2/slotfs.toml" --state-dir "$2/state" panel "${@:3}"; }
export -f slotfs
unshare --mount --propagation private bash -euo pipefail -c '
mkdir -p "$3"; mount -t tmpfs tmpfs /usr/local
layer=$(mktemp -d "$3.XXXX"); mount -t tmpfs tmpfs "$layer"; mkdir "$layer/upper" "$layer/work"
mount -t overlay overlay -o lowerdir=/var,upperdir="$layer/upper",workdir="$layer/work" /var
! slotfs "$1" "$2" install 2>"$3/refused"
mkdir -p /usr/local/cpanel/{bin,scripts,Cpanel/API,base/frontend/jupiter,whostmgr/docroot/{cgi,addon_plugins}} /usr/local/directadmin/plugins
touch /usr/local/cpanel/version /usr/local/directadmin/directadmin
for command in bin/register_appconfig bin/unregister_appconfig scripts/install_plugin scripts/uninstall_plugin; do
	printf "#!/bin/sh\necho \$0 >>/usr/local/ran\n[ -e \"\$1\" ] || [ \$1 = slotfs ]\n" >/usr/local/cpanel/$command; chmod 755 /usr/local/cpanel/$command
done
slotfs "$1" "$2" install; slotfs "$1" "$2" install
[ $(wc -l </usr/local/ran) = 2 ]
cp -a /usr/local/cpanel /usr/local/directadmin /var/cpanel "$3"
slotfs "$1" "$2" remove; slotfs "$1" "$2" remove cpanel
[ -z "$(find /usr/local/cpanel /usr/local/directadmin /var/cpanel -iname "*slotfs*")" ]
' - "$1" "$2" "$3"
cat "$3/refused"`, binary, h.work, h.files)
	for _, want := range []string{"cpanel installed: WHM has it", "directadmin installed", "cpanel is installed already", "cpanel removed", "cpanel is not installed",
		"slotfs: panel: neither cPanel & WHM nor DirectAdmin is on this machine\nslotfs: hint: "} {
		if !strings.Contains(out, want) {
			h.t.Errorf("installing does not say %q:\n%s", want, out)
		}
	}
}

// page is a page of a panel for somebody.
func (h *panelHost) page(kind string, user panelUser, env ...string) *panelScript {
	path := map[string]string{"whm": "cpanel/whostmgr/docroot/cgi/slotfs/slotfs.cgi", "cpanel": "cpanel/base/frontend/jupiter/slotfs/index.live.cgi",
		"directadmin": "directadmin/plugins/slotfs/user/page.raw"}[kind]
	return &panelScript{kind: kind, path: filepath.Join(h.files, path), user: user, env: env}
}

// curl asks the panel socket as a user, without a panel. It waits where that user asks too much.
func (h *panelHost) curl(user, path string, args ...string) (status, text string) {
	h.t.Helper()
	eventually(h.t, "there is time for "+path, func() bool {
		status, text = h.curlOnce(user, path, args...)
		return status != "429"
	})
	return status, text
}

func (h *panelHost) curlOnce(user, path string, args ...string) (status, text string) {
	h.t.Helper()
	args = append([]string{"--reuid", user, "--clear-groups", "--regid", user, "curl", "-s", "-w", "\n%{http_code}", "--unix-socket", h.socket, "http://x" + path}, args...)
	out, err := exec.Command("setpriv", args...).CombinedOutput()
	if err != nil {
		h.t.Fatalf("%s: %v %s", path, err, out)
	}
	at := strings.LastIndexByte(string(out), '\n')
	return string(out[at+1:]), string(out[:at])
}

func TestInPanelsEachOwnerHasHisAccountAlone(t *testing.T) {
	t.Parallel()
	h := newPanelHost(t)
	root := panelUser{"root", 0}
	for _, kind := range []string{"cpanel", "directadmin"} {
		for _, user := range []panelUser{panelAlice, panelBob} {
			checkOwnPage(t, h.page(kind, user), user)
		}
	}
	for _, admin := range []*panelScript{h.page("whm", root)} {
		if status, text := admin.ask(t, "GET", "/api/v1/accounts", nil); status != "200" || !strings.Contains(text, panelAlice.name) || !strings.Contains(text, panelBob.name) {
			t.Errorf("WHM shows root %s %s", status, text)
		}
	}
	for name, page := range map[string]*panelScript{
		"a reseller":                        h.page("whm", panelUser{"reseller", 0}),
		"nobody who is logged in":           h.page("whm", panelUser{"", 0}),
		"a user in the page of WHM":         h.page("whm", panelAlice),
		"root in the page of cPanel":        h.page("cpanel", root),
		"somebody without backups":          h.page("cpanel", panelCarol),
		"a system user":                     h.page("directadmin", panelUser{"www-data", 33}),
		"nobody":                            h.page("directadmin", panelUser{"nobody", 65534}),
		"a uid that nobody has":             h.page("cpanel", panelUser{panelAlice.name, 47129}),
		"another site in alice's browser":   h.page("cpanel", panelAlice, "HTTP_SEC_FETCH_SITE=cross-site"),
		"a page whose user is only claimed": h.page("cpanel", panelUser{panelBob.name, 47122}),
	} {
		for _, path := range []string{"/session", "/api/v1/accounts", "/api/v1/list?path=d"} {
			if status, text := page.ask(t, "GET", path, nil); status != "403" || strings.Contains(text, "own-of") || !strings.Contains(text, `"error"`) {
				t.Errorf("%s, %s: %s %.300s", name, path, status, text)
			}
		}
	}
	if status, text := h.curl("root", "/api/v1/accounts"); status != "403" || !strings.Contains(text, "control.sock") {
		t.Errorf("root: %s %s", status, text)
	}
	checkImpostor(t, h)
	checkOthersNeverSee(t, h)
	checkProofs(t, h)
	checkInBrowser(t, h)
	checkCrowd(t, h)
	said := h.must("audit", "--json")
	for _, want := range []string{`"from":"panel socket, uid 47120"`, `"who":"account slotpalice"`, `"action":"refused"`, `"from":"panel WHM 192.0.2.7"`} {
		if !strings.Contains(strings.ReplaceAll(said, `": "`, `":"`), want) {
			t.Errorf("the audit record lacks %s:\n%.3000s", want, said)
		}
	}
	h.must("umount", h.mnt)
	if status, text := h.page("cpanel", panelAlice).ask(t, "GET", "/session", nil); status != "503" || !strings.Contains(text, "does not run") {
		t.Errorf("without a service: %s %s", status, text)
	}
}

// checkOwnPage looks at what an owner sees in a panel.
func checkOwnPage(t *testing.T, page *panelScript, user panelUser) {
	t.Helper()
	head, text := page.run(t, "GET", "", "")
	if !strings.HasPrefix(head.Get("Content-Type"), "text/html") || !strings.Contains(text, `<html data-panel="`+page.kind+`"`) || !strings.Contains(head.Get("Content-Security-Policy"), "script-src 'nonce-") {
		t.Errorf("%v %.300s", head, text)
	}
	if status, text := page.ask(t, "GET", "/session", nil); status != "200" || !strings.Contains(text, `"account":"`+user.name+`"`) || !strings.Contains(text, `"admin":false`) {
		t.Errorf("%s: %s %s", user.name, status, text)
	}
	status, text := page.ask(t, "GET", "/api/v1/accounts", nil)
	var listed struct {
		Accounts []struct{ Account, Origin string }
	}
	if err := json.Unmarshal([]byte(text), &listed); err != nil || status != "200" || strings.Count(text, `"srv1"`) < 1 || strings.Contains(text, "srv2") {
		t.Errorf("%s: %s %s %v", user.name, status, text, err)
	}
	files := "/api/v1/content?path=d/srv1/accounts/" + user.name + "/latest/files/"
	if status, text := page.ask(t, "GET", files+"own-of-"+user.name+"-here.txt", nil); status != "200" || text != "of "+user.name+" here" {
		t.Errorf("%s: %s %q", user.name, status, text)
	}
	if status, text := page.ask(t, "GET", files+url.PathEscape("<img src=x onerror=alert(1)>.html"), nil); status != "200" || text != "<script>alert(1)</script>" {
		t.Errorf("%s: %s %q", user.name, status, text)
	}
	if status, text := page.ask(t, "GET", "/api/v1/list?path=d/srv1/accounts/"+user.name+"/latest/files", nil); status != "200" || !strings.Contains(text, "onerror") {
		t.Errorf("%s: %s %q", user.name, status, text)
	}
	for _, path := range []string{"/", "/api/v1/../../etc/passwd", "http://evil.example/api/v1/", "//evil.example/api/v1/x", "/panel/api/v1/accounts", "/session/x", "/api/v1/list?path=x HTTP/1.1\r\nX: y"} {
		if status, text := page.ask(t, "GET", path, nil); status == "200" {
			t.Errorf("%s: %s %s %.300q", user.name, path, status, text)
		}
	}
}

// checkOthersNeverSee asks all routes of the API for bob's account, as alice: on the socket and in both panels. It also asks for the account
// of alice's name on a server that is not this machine.
func checkOthersNeverSee(t *testing.T, h *panelHost) {
	t.Helper()
	_, text := h.curl(panelAlice.name, "/api/v1/openapi.json")
	var document struct {
		Paths map[string]map[string]struct {
			Role string `json:"x-slotfs-role"`
		}
	}
	if err := json.Unmarshal([]byte(text), &document); err != nil || len(document.Paths) < 20 {
		t.Fatalf("%d paths, %v", len(document.Paths), err)
	}
	pages := []*panelScript{h.page("cpanel", panelAlice), h.page("directadmin", panelAlice)}
	for _, account := range []string{"d/srv1/accounts/" + panelBob.name, "d/srv2/accounts/" + panelAlice.name, "d/srv1/accounts/" + panelAlice.name + "/../" + panelBob.name} {
		dir, own := account+"/latest/files", "own-of-"
		for path, operations := range document.Paths {
			path = strings.NewReplacer("{account}", panelBob.name, "{job}", "j", "{slot}", "1", "{name}", "d", "{id}", "1").Replace(path)
			for method, of := range operations {
				method = strings.ToUpper(method)
				for i, query := range []string{"?path=" + dir, "?path=" + dir + "/../own-of-" + panelBob.name + "-here.txt", "?old=" + dir + "&new=" + dir, "?pattern=own-of*&below=" + dir,
					"?destination=d&origin=srv1&account=" + panelBob.name, "?destination=d&origin=srv2&account=" + panelAlice.name} {
					if i > 0 && (method != "GET" || of.Role == "administrator") {
						continue
					}
					status, text := h.curl(panelAlice.name, path+query, "-X", method)
					if i == 0 {
						for _, page := range pages {
							inPanel, more := page.ask(t, method, path+query, url.Values{"body": {"{}"}})
							if of.Role == "administrator" && inPanel != "403" {
								t.Errorf("%s %s in %s: %s", method, path, page.kind, inPanel)
							}
							text += more
						}
					}
					if of.Role == "administrator" && status != "403" || strings.Contains(text, own+panelBob.name) && !strings.Contains(query, own) || strings.Contains(text, "of "+panelBob.name) || strings.Contains(text, "elsewhere") {
						t.Errorf("%s %s%s: alice gets %s %.300s", method, path, query, status, text)
					}
				}
			}
		}
	}
}

// checkProofs tries to change something with and without proof of a log-in to the panel.
func checkProofs(t *testing.T, h *panelHost) {
	t.Helper()
	control := filepath.Join(h.work, "state/control.sock")
	prove := func(account string) string {
		return strings.TrimSpace(h.must("panel", "prove", "--socket", control, account))
	}
	alice, whm := h.page("cpanel", panelAlice), h.page("whm", panelUser{"root", 0})
	token := func(page *panelScript) string {
		_, text := page.ask(t, "GET", "/session", nil)
		var told struct{ CSRF string }
		if err := json.Unmarshal([]byte(text), &told); err != nil || told.CSRF == "" {
			t.Fatalf("%s: %v", text, err)
		}
		return told.CSRF
	}
	const needs, only = "proof that you are logged in", "only administrators"
	stolen := prove(panelBob.name)
	good := prove(panelAlice.name)
	body := `{"paths":["d/srv1/accounts/slotpalice/latest/files"],"dry_run":true}`
	for _, try := range []struct{ name, proof, csrf, want string }{
		{"without proof", "", token(alice), needs}, {"with one of another", stolen, token(alice), needs}, {"with a guess", "guess", token(alice), needs},
		{"with proof, from another site's page", prove(panelAlice.name), "x", "not from the page"}, {"with proof", good, token(alice), only}, {"with proof that was used", good, token(alice), needs},
	} {
		status, text := alice.ask(t, "POST", "/api/v1/live", url.Values{"body": {body}, "proof": {try.proof}, "csrf": {try.csrf}})
		if status != "403" || !strings.Contains(text, try.want) {
			t.Errorf("%s: %s %s", try.name, status, text)
		}
	}
	if status, text := h.page("directadmin", panelAlice, "SESSION_ID=a", "SESSION_KEY=b").ask(t, "POST", "/api/v1/live", url.Values{"body": {body}, "csrf": {token(alice)}}); status != "403" || !strings.Contains(text, needs) {
		t.Errorf("with a session of no DirectAdmin: %s %s", status, text)
	}
	for csrf, want := range map[string]string{token(whm): "200", "": "403", token(alice): "403"} {
		if status, text := whm.ask(t, "POST", "/api/v1/reload", url.Values{"csrf": {csrf}}); status != want {
			t.Errorf("WHM, token %q: %s %s, want %s", csrf, status, text, want)
		}
	}
	if r := exec.Command("setpriv", "--reuid", panelAlice.name, "--clear-groups", "--regid", panelAlice.name, binary, "panel", "prove", "--socket", control, panelAlice.name); r.Run() == nil {
		t.Error("a user makes his proofs himself")
	}
}

// checkImpostor has another user listen where a page looks for the service.
func checkImpostor(t *testing.T, h *panelHost) {
	t.Helper()
	dir, err := os.MkdirTemp("", "slotfs-impostor")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	run(t, `chown "$2" "$1"; chmod 755 "$1"`, dir, panelBob.name)
	script, socket := filepath.Join(dir, "page"), filepath.Join(dir, "s")
	run(t, `sed "s|--socket .*|--socket $1|" "$2" >"$3"; chmod 755 "$3"`, socket, h.page("cpanel", panelAlice).path, script)
	impostor := exec.Command("setpriv", "--reuid", panelBob.name, "--clear-groups", "--regid", panelBob.name, "perl", "-MIO::Socket::UNIX", "-e", `
		umask 0; my $l = IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 9) or die; while (my $c = $l->accept) { my $n = sysread($c, my $b, 9); print $n ? "told\n" : "nothing\n"; exit }`, socket)
	var told strings.Builder
	impostor.Stdout = &told
	if err := impostor.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the impostor listens", func() bool { _, err := os.Stat(socket); return err == nil })
	page := &panelScript{kind: "cpanel", path: script, user: panelAlice}
	if status, text := page.ask(t, "GET", "/session", nil); status != "503" || !strings.Contains(text, "listens there") {
		t.Errorf("an impostor: %s %s", status, text)
	}
	if err := impostor.Wait(); err != nil || told.String() != "nothing\n" {
		t.Errorf("an impostor is told something: %q, %v", told.String(), err)
	}
}

// checkInBrowser has the owner of an account look into his backups in cPanel, whose server stands in the way as well as it can.
func checkInBrowser(t *testing.T, h *panelHost) {
	t.Helper()
	at := h.page("cpanel", panelAlice).serveBrowser(t)
	base, path, _ := strings.Cut(at, "/cpsess")
	b := newTab(t, newBrowser(t), base)
	b.do(navigate(base + "/cpsess" + path))
	b.settled()
	b.sees(panelAlice.name)
	if text := eval[string](b, `() => document.body.innerText`); strings.Contains(text, panelBob.name) || strings.Contains(text, "Log out") {
		t.Errorf("alice sees\n%s", text)
	}
	b.do(navigate(base + "/cpsess" + path + "#/files/d/srv1/accounts/" + panelAlice.name + "/latest/files"))
	b.settled()
	b.sees("<img src=x onerror=alert(1)>.html")
	name := "own-of-" + panelAlice.name + "-here.txt"
	b.click("a, button", name)
	b.sees("of " + panelAlice.name + " here")
	b.click("a", "Download")
	if text := run(t, `cat "$1"`, b.kept(name)); text != "of "+panelAlice.name+" here" {
		t.Errorf("downloaded %q", text)
	}
	b.accessible("the page in cPanel")
	b.shot("panel-files")
}

// checkCrowd has one user open ten thousand connections and say nothing: others are served, and the service keeps its memory.
func checkCrowd(t *testing.T, h *panelHost) {
	t.Helper()
	resident := func() int {
		n, err := strconv.Atoi(strings.TrimSpace(run(t, `awk '/^VmRSS/ {print $2}' /proc/$("$1" --config "$2/slotfs.toml" --state-dir "$2/state" status --json | grep -o '"pid": *[0-9]*' | grep -o '[0-9]*')/status`, binary, h.work)))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := resident()
	crowd := exec.Command("setpriv", "--reuid", panelAlice.name, "--clear-groups", "--regid", panelAlice.name, "perl", "-MSocket", "-e", `
		$| = 1; my (@open, $refused);
		for (1 .. 10000) {
			socket(my $s, AF_UNIX, SOCK_STREAM, 0) or last;
			connect($s, pack_sockaddr_un($ARGV[0])) or next;
			push @open, $s;
			shift @open if @open > 900;
		}
		print "there\n"; <STDIN>;`, h.socket)
	in, err := crowd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := crowd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := crowd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "bob is served beside a crowd", func() bool {
		status, _ := h.page("cpanel", panelBob).ask(t, "GET", "/session", nil)
		return status == "200"
	})
	if grown := resident() - before; grown > 64<<10 {
		t.Errorf("10,000 connections cost %d KiB", grown)
	}
	in.Close()
	if err := crowd.Wait(); err != nil {
		t.Error(err)
	}
	eventually(t, "alice is served when her crowd is gone", func() bool {
		status, _ := h.page("cpanel", panelAlice).ask(t, "GET", "/session", nil)
		return status == "200"
	})
}
