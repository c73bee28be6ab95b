package acceptance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
)

// guest is somebody with a browser who came by a link.
type guest struct {
	t      *testing.T
	base   string
	client *http.Client
}

// newGuest opens a link that the program makes.
func newGuest(t *testing.T, h *host, args ...string) *guest {
	t.Helper()
	var made struct{ URL string }
	if err := json.Unmarshal([]byte(h.must(append([]string{"link", "--once", "--json"}, args...)...)), &made); err != nil {
		t.Fatal(err)
	}
	base, token, _ := strings.Cut(made.URL, "/login#")
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	g := &guest{t: t, base: base, client: &http.Client{Jar: jar}}
	for _, want := range []int{http.StatusOK, http.StatusUnauthorized} {
		res, err := http.Post(base+"/session", "application/json", strings.NewReader(fmt.Sprintf(`{"token":%q}`, token)))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Fatalf("log-in: %s, want %d", res.Status, want)
		}
		if want == http.StatusOK {
			u, err := url.Parse(base)
			if err != nil {
				t.Fatal(err)
			}
			jar.SetCookies(u, res.Cookies())
		}
	}
	return g
}

func (g *guest) get(path string) (int, []byte) {
	g.t.Helper()
	return g.answer(g.client.Get(g.base + path))
}

// answer reads an answer to its end.
func (g *guest) answer(res *http.Response, err error) (int, []byte) {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return res.StatusCode, text
}

func TestThePageShowsOwnersWhatIsTheirsAndNothingElse(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	for _, user := range []string{"alice", "bob"} {
		run(t, `"$1" -user "$2" -size 2 "$3/src" >/dev/null; mkdir -p "$3/store/srv1/2026-01-05/accounts"
tar -C "$3/src" -czf "$3/store/srv1/2026-01-05/accounts/$2.tar.gz" "$2"`, accountMaker, user, filepath.Dir(h.store))
	}
	h.must(append(h.addArgs("d"), "--local-origin", "srv1")...)
	h.must("index")
	port := freePort(t)
	run(t, `cat >>"$1/slotfs.toml" <<<"$2"`, h.work, fmt.Sprintf("\n[web]\nlisten = \"127.0.0.1:%d\"\n", port))
	h.mount()
	eventually(t, "the page is served", func() bool {
		res, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/", port))
		if err == nil {
			res.Body.Close()
		}
		return err == nil && res.StatusCode == http.StatusOK
	})
	alice, admin := newGuest(t, h, "--account", "alice"), newGuest(t, h, "--admin")

	const bobs, alices = "d/srv1/accounts/bob/latest", "d/srv1/accounts/alice/latest"
	latest := filepath.Join(h.account("d", "srv1", "alice"), "latest")
	name := strings.TrimSpace(run(t, `cd "$1"; find files -type f -size +0 | LC_ALL=C sort | head -n 1`, latest))
	want := run(t, `cat "$1"`, filepath.Join(latest, name))
	for _, g := range []*guest{alice, admin} {
		if status, text := g.get("/api/v1/content?path=" + alices + "/" + strings.ReplaceAll(url.QueryEscape(name), "%2F", "/")); status != http.StatusOK || string(text) != want {
			t.Errorf("%s: %d %.300s", name, status, text)
		}
	}
	if status, text := admin.get("/api/v1/list?path=" + bobs); status != http.StatusOK || !bytes.Contains(text, []byte("databases")) {
		t.Errorf("%d %s", status, text)
	}
	if _, text := alice.get("/api/v1/accounts"); bytes.Contains(text, []byte("bob")) || !bytes.Contains(text, []byte("alice")) {
		t.Errorf("alice is shown %s", text)
	}
	for _, path := range []string{bobs, alices + "/../../bob/latest", "d/srv1/accounts/alice/%2e%2e/bob/latest", alices + "/archive/alice.tar.gz", alices + "/full/alice/shadow"} {
		for _, request := range []string{"content?path=" + path, "content?path=" + path + "/snapshot.json", "list?path=" + path, "node?path=" + path + "/files", "versions?path=" + path + "/files",
			"diff?old=" + path + "&new=" + path, "find?pattern=*&below=" + path} {
			if status, text := alice.get("/api/v1/" + request); status == http.StatusOK && len(bytes.TrimSpace(text)) > len("[]") {
				t.Errorf("%s: alice gets %.300s", request, text)
			}
		}
	}
	checkAdministratorsOnly(t, alice, admin)
	if said := h.must("audit", "alice"); !strings.Contains(said, "login") || !strings.Contains(said, "view") {
		t.Errorf("the audit record\n%s", said)
	}
}

// checkAdministratorsOnly asks for everything that the API says is for administrators.
func checkAdministratorsOnly(t *testing.T, owner, admin *guest) {
	t.Helper()
	var document struct {
		Paths map[string]map[string]struct {
			Role string `json:"x-slotfs-role"`
		}
	}
	_, text := admin.get("/api/v1/openapi.json")
	if err := json.Unmarshal(text, &document); err != nil || len(document.Paths) < 10 {
		t.Fatalf("%d paths, %v", len(document.Paths), err)
	}
	for path, operations := range document.Paths {
		path = strings.NewReplacer("{", "", "}", "").Replace(path)
		stranger, err := http.Get(owner.base + path)
		if err != nil {
			t.Fatal(err)
		}
		stranger.Body.Close()
		if stranger.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %s without a session", path, stranger.Status)
		}
		if operations["get"].Role != "administrator" {
			continue
		}
		if status, text := owner.get(path); status != http.StatusForbidden {
			t.Errorf("%s: an owner gets %d %.200s", path, status, text)
		}
	}
}
