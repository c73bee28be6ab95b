package acceptance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// hosting is a mount with two accounts whose home this is, served as a page and by SFTP.
func hosting(t *testing.T, conf string, keys string) *host {
	t.Helper()
	h := newHost(t)
	for _, user := range []string{"alice", "bob"} {
		run(t, `"$1" -user "$2" -size 2 "$3/src" >/dev/null; mkdir -p "$3/store/srv1/2026-01-05/accounts" "$3/store/srv1/2026-01-04/accounts"
tar -C "$3/src" -czf "$3/store/srv1/2026-01-05/accounts/$2.tar.gz" "$2"; cp -a "$3/src/$2" "$3/store/srv1/2026-01-04/accounts/"`, accountMaker, user, filepath.Dir(h.store))
	}
	h.must(append(h.addArgs("d"), "--local-origin", "srv1")...)
	h.must("index")
	port := freePort(t)
	run(t, `cat >>"$1/slotfs.toml" <<<"$2"`, h.work, fmt.Sprintf("\n[web]\nlisten = \"127.0.0.1:%d\"\n%s\n%s", port, keys, conf))
	h.mount()
	eventually(t, "the page is served", func() bool {
		res, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/", port))
		if err == nil {
			res.Body.Close()
		}
		return err == nil && res.StatusCode == http.StatusOK
	})
	return h
}

// post sends a change to the API as the page does.
func (g *guest) post(path, body string) (int, []byte) {
	g.t.Helper()
	var session struct{ CSRF string }
	if _, text := g.get("/session"); json.Unmarshal(text, &session) != nil {
		g.t.Fatalf("session: %s", text)
	}
	r, err := http.NewRequest("POST", g.base+path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	r.Header.Set("X-Csrf-Token", session.CSRF)
	return g.answer(g.client.Do(r))
}

func TestExportsAreWhatTheMountShows(t *testing.T) {
	t.Parallel()
	h := hosting(t, "", "")
	at := func(day, part string) string { return "d/srv1/accounts/alice/" + day + "/" + part }
	out := t.TempDir()
	for _, format := range []string{"tar.gz", "tar", "zip"} {
		file := filepath.Join(out, "a."+format)
		h.must("export", at("latest", "full/"), "--numeric-owner", "-o", file)
		extract := `mkdir "$1.d"; tar --xattrs --acls -xpf "$1" -C "$1.d"`
		if format == "zip" {
			extract = `mkdir "$1.d"; bsdtar -xpf "$1" -C "$1.d"; touch -r "$2" "$1.d"`
		}
		run(t, extract+`; diff -r --no-dereference "$2" "$1.d"; out=$(rsync -aHcni --omit-link-times --omit-dir-times --numeric-ids "$2/" "$1.d/"); [ -z "$out" ] || { echo "$out"; exit 1; }`,
			file, filepath.Join(h.mnt, at("latest", "full")))
	}
	h.must("export", at("latest", "databases"), at("2026-01-04", "databases"), "-o", filepath.Join(out, "two.tar"))
	run(t, `mkdir "$1/two"; tar -xpf "$1/two.tar" -C "$1/two"; for day in 2026-01-04 2026-01-05; do diff -r "$2/$day/databases" "$1/two/$day/databases"; done`, out, h.account("d", "srv1", "alice"))

	h.must("export", at("latest", ""), "-o", filepath.Join(out, "cpmove-alice.tar.gz"))
	run(t, `cmp "$1/cpmove-alice.tar.gz" "$2/srv1/2026-01-05/accounts/alice.tar.gz"`, out, h.store)
	h.must("export", at("2026-01-04", ""), "--format", "cpmove", "-o", filepath.Join(out, "tree.tar.gz"))
	run(t, `mkdir "$1/tree"; tar -xpzf "$1/tree.tar.gz" -C "$1/tree"; diff -r --no-dereference "$2/src/alice" "$1/tree/cpmove-alice"
out=$(rsync -aHAXcni --numeric-ids "$2/src/alice/" "$1/tree/cpmove-alice/"); [ -z "$out" ] || { echo "$out"; exit 1; }`, out, filepath.Dir(h.store))

	if r := h.slotfs("export", at("latest", "files"), "-o", filepath.Join(out, "a.zip")); r.code != 1 || !strings.Contains(r.stderr, "--overwrite") {
		t.Errorf("over a file: %d %s", r.code, r.stderr)
	}
	run(t, `truncate -s 1000 "$1/srv1/2026-01-05/accounts/bob.tar.gz"`, h.store)
	r := h.slotfs("export", "d/srv1/accounts/bob/latest/files", "-o", filepath.Join(out, "broken.zip"))
	if _, err := os.Stat(filepath.Join(out, "broken.zip")); r.code != 3 || !os.IsNotExist(err) {
		t.Errorf("of a backup that is gone: %d %s, %v", r.code, r.stderr, err)
	}
	if r := h.slotfs("index"); r.code != 3 {
		t.Fatalf("index: %d %s", r.code, r.stderr)
	}
	name := strings.TrimSpace(run(t, `ls "$1" | grep truncated`, h.account("d", "srv1", "bob")))
	if r := h.slotfs("export", "d/srv1/accounts/bob/"+name, "--format", "cpmove", "-o", filepath.Join(out, "bob.tar.gz")); r.code != 1 || !strings.Contains(r.stderr, "truncated") {
		t.Errorf("cpmove of a truncated backup: %d %s", r.code, r.stderr)
	}
	if said := h.must("audit"); strings.Count(said, "export to") < 6 {
		t.Errorf("the audit record\n%s", said)
	}
}

func TestOwnersGetWhatAccessGivesThemAndNothingElse(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	sftp := newVisitor(t, port, "alice")
	h := hosting(t, "[access.mail]\nparts = [\"email\"]\nrights = [\"view\"]\n[access.databases]\naccounts = [\"a*\"]\nparts = [\"databases\"]\nrights = []\n[access.cron]\naccounts = [\"bob\"]\nrights = [\"view\", \"download\", \"restore\"]\n",
		fmt.Sprintf("[sftp-server]\nlisten = \"127.0.0.1:%d\"\nkeys = {alice = %q}\n", port, sftp.public))
	const snapshot = "d/srv1/accounts/alice/2026-01-05"
	latest := filepath.Join(h.account("d", "srv1", "alice"), "2026-01-05")
	message := strings.TrimSpace(run(t, `cd "$1"; find files/mail -type f -size +0 -path '*/cur/*' | LC_ALL=C sort | head -n 1`, latest))
	dump := strings.TrimSpace(run(t, `cd "$1"; find databases -name '*.sql' | head -n 1`, latest))
	alice, bob, admin := newGuest(t, h, "--account", "alice"), newGuest(t, h, "--account", "bob"), newGuest(t, h, "--admin")
	escaped := strings.ReplaceAll(message, ",", "%2C")

	if status, text := alice.get("/api/v1/list?path=" + snapshot + "/" + filepath.Dir(message)); status != http.StatusOK || !bytes.Contains(text, []byte(filepath.Base(message))) {
		t.Errorf("who may look at mail sees %d %.300s", status, text)
	}
	for _, path := range []string{snapshot + "/" + escaped, snapshot + "/email" + strings.TrimPrefix(escaped, "files/mail"), snapshot + "/" + dump} {
		for _, request := range []string{"content?path=", "content?download&path=", "archive?format=zip&path=", "archive?format=tar&path=", "tables?scan&path=", "rows?path="} {
			if status, text := alice.get("/api/v1/" + request + path); status != http.StatusForbidden && status != http.StatusNotFound && status != http.StatusBadRequest {
				t.Errorf("%s%s: alice gets %d %.300s", request, path, status, text)
			}
			if status, text := bob.get("/api/v1/" + request + path); status != http.StatusForbidden && status != http.StatusNotFound {
				t.Errorf("%s%s: bob gets %d %.300s", request, path, status, text)
			}
		}
	}
	for _, request := range []string{"list?path=" + snapshot + "/databases", "find?pattern=*.sql&below=" + snapshot} {
		if _, text := alice.get("/api/v1/" + request); bytes.Contains(text, []byte(filepath.Base(dump))) {
			t.Errorf("%s: alice gets %.300s", request, text)
		}
	}
	out := t.TempDir()
	said, _ := sftp.sftp(fmt.Sprintf("ls \"/%s/%s\"\n-get \"/%s/%s\" %s/\n-get /%s/%s %s/\n", snapshot, filepath.Dir(message), snapshot, message, out, snapshot, dump, out))
	if got, err := os.ReadDir(out); err != nil || len(got) > 0 || !strings.Contains(said, "cur/"+filepath.Base(message)+"\n") || !strings.Contains(said, "ermission denied") {
		t.Errorf("%d files by SFTP, which says\n%s", len(got), said)
	}

	body := fmt.Sprintf(`{"paths":["%s/files/public_html","%s/cron"],"format":"tar.gz"}`, snapshot, snapshot)
	status, text := alice.post("/api/v1/downloads", body)
	var made struct{ URL string }
	if err := json.Unmarshal(text, &made); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	status, archive := alice.get(made.URL)
	file := filepath.Join(t.TempDir(), "a.tar.gz")
	if err := os.WriteFile(file, archive, 0o600); err != nil || status != http.StatusOK {
		t.Fatalf("%d %v", status, err)
	}
	run(t, `mkdir "$1.d"; tar -xpzf "$1" -C "$1.d"; diff -r --no-dereference "$2/files/public_html" "$1.d/files/public_html"; diff -r "$2/cron" "$1.d/cron"`, file, latest)
	for name, g := range map[string]*guest{"bob": bob, "an administrator": admin} {
		if status, _ := g.get(made.URL); status != http.StatusNotFound {
			t.Errorf("%s gets alice's download: %d", name, status)
		}
	}
	for _, path := range []string{snapshot, "d/srv1"} {
		status, text := alice.get("/api/v1/archive?format=tar&path=" + path)
		for _, others := range []string{filepath.Base(message), dump, "accounts/bob", "archive/alice", "full/alice/shadow"} {
			if status != http.StatusOK || bytes.Contains(text, []byte(others)) {
				t.Errorf("%s: alice gets %d with %s", path, status, others)
			}
		}
	}
	for _, path := range []string{snapshot + "/full", snapshot + "/archive", "d/srv1/accounts/bob/2026-01-05/files"} {
		if status, text := alice.get("/api/v1/archive?path=" + path); status == http.StatusOK {
			t.Errorf("%s: alice gets %d bytes", path, len(text))
		}
	}
	restore := `{"paths":["` + snapshot + `/files/public_html"],"dry_run":true}`
	if status, text := alice.post("/api/v1/live", restore); status != http.StatusForbidden {
		t.Errorf("alice restores: %d %s", status, text)
	}
	if status, text := bob.post("/api/v1/restores", `{"paths":["d/srv1/accounts/bob/2026-01-05/files"],"directory":"/tmp/x","dry_run":true}`); status != http.StatusForbidden {
		t.Errorf("bob restores into a directory: %d %s", status, text)
	}
	if status, text := bob.get("/api/v1/access"); status != http.StatusOK || !bytes.Contains(text, []byte(`"email":{"view":true,"download":true,"restore":true}`)) {
		t.Errorf("bob may %d %s", status, text)
	}
	if said := h.must("audit", "alice"); !strings.Contains(said, "download") || !strings.Contains(said, "files/public_html") {
		t.Errorf("the audit record\n%s", said)
	}
}
