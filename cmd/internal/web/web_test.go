package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/login"
)

func TestEveryAnswerTellsTheBrowserToKeepOthersOut(t *testing.T) {
	s := plain(t)
	in := s.login(alice())
	for path, want := range map[string]int{"/": 200, "/login": 200, "/nowhere": 404, "/session": 200, "/api/v1/list": 200, "/../../etc/passwd": 404, "/%2e%2e/page.go": 404, "/page/": 404} {
		status, _, h := in.ask("GET", path, "")
		if status != want {
			t.Errorf("%s: %d, want %d", path, status, want)
		}
		if h.Get("Content-Security-Policy") != policy || strings.Contains(policy, "unsafe") || h.Get("X-Content-Type-Options") != "nosniff" ||
			h.Get("Referrer-Policy") != "no-referrer" || h.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s: %v", path, h)
		}
		if cache := h.Get("Cache-Control"); cache != "no-store" && path != "/" && path != "/login" {
			t.Errorf("%s: Cache-Control %q", path, cache)
		}
	}
	if c := in.cookie; !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 0 {
		t.Errorf("cookie %v", c)
	}
}

func TestNobodyGetsAnythingWithoutASession(t *testing.T) {
	s := plain(t)
	for _, b := range []*browser{{site: s}, {site: s, cookie: &http.Cookie{Name: "slotfs", Value: "guessed"}}} {
		for _, method := range []string{"GET", "POST", "DELETE", "PUT", "HEAD"} {
			if status, text, _ := b.ask(method, "/api/v1/list", ""); status != http.StatusUnauthorized || strings.Contains(text, "alice") {
				t.Errorf("%s: %d %s", method, status, text)
			}
		}
		if status, _, _ := b.ask("GET", "/session", ""); status != http.StatusUnauthorized {
			t.Error(status)
		}
	}
}

func TestALinkLetsInOnceAndOnlyToThePage(t *testing.T) {
	s := plain(t)
	_, token := s.link(alice(), true, false)
	b := &browser{site: s}
	if status, text := b.enter(token); status != http.StatusOK || !strings.Contains(text, `"account":"alice"`) || strings.Contains(text, `"admin":true`) {
		t.Fatal(status, text)
	}
	if status, text, _ := b.ask("GET", "/api/v1/list", ""); status != http.StatusOK || text != "account alice " {
		t.Error(status, text)
	}
	_, password := s.link(alice(), false, true)
	for _, bad := range []string{token, password, "x", token[:len(token)-1] + "A", strings.Repeat("A", 5000)} {
		other := &browser{site: s}
		if status, text := other.enter(bad); status != http.StatusUnauthorized || other.csrf != "" {
			t.Errorf("%.10s: %d %s", bad, status, text)
		}
	}
	var actions []string
	for _, r := range s.recorded() {
		actions = append(actions, string(r.Action)+" "+r.Who)
	}
	if want := "login account alice,refused nobody"; !strings.HasPrefix(strings.Join(actions, ","), want) {
		t.Error(actions)
	}
}

func TestAnotherLogInTakesThePlaceOfTheFirst(t *testing.T) {
	s := plain(t)
	b := s.login(alice())
	before := *b
	_, token := s.link(login.Identity{Account: "bob"}, true, false)
	if status, _ := b.enter(token); status != http.StatusOK {
		t.Fatal(status)
	}
	if _, text, _ := b.ask("GET", "/api/v1/list", ""); text != "account bob " {
		t.Error(text)
	}
	if status, _, _ := before.ask("GET", "/api/v1/list", ""); status != http.StatusUnauthorized {
		t.Error("the first session goes on")
	}
}

func TestChangesNeedTheTokenOfThePage(t *testing.T) {
	s := plain(t)
	b := s.login(login.Root)
	if status, text, _ := b.ask("POST", "/api/v1/restores", `{"paths":["a"]}`); status != http.StatusOK || !strings.HasSuffix(text, `{"paths":["a"]}`) {
		t.Error(status, text)
	}
	for _, head := range [][]string{{csrfHeader, ""}, {csrfHeader, "x"}, {"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}} {
		if status, text, _ := b.ask("POST", "/api/v1/restores", `{}`, head...); status != http.StatusForbidden || strings.Contains(text, "root") {
			t.Error(head, status, text)
		}
		if status, _, _ := b.ask("DELETE", "/session", "", head...); status != http.StatusForbidden {
			t.Error(head, status)
		}
	}
	if status, _, _ := b.ask("POST", "/session", `{"token":"x"}`, "Content-Type", "text/plain"); status != http.StatusBadRequest {
		t.Error("a form of another site logs in:", status)
	}
	if status, _, _ := b.ask("DELETE", "/session", ""); status != http.StatusOK {
		t.Error(status)
	}
}

func TestSessionsEnd(t *testing.T) {
	s := serve(t, config.Web{Listen: "127.0.0.1:0"}, Limits{Look: 5 * time.Millisecond})
	ends := map[string]func(b *browser, link string){
		"log-out": func(b *browser, _ string) { b.ask("DELETE", "/session", "") },
		"revoked": func(_ *browser, link string) {
			if err := s.links.Revoke(link); err != nil {
				t.Error(err)
			}
		},
		"idle": func(*browser, string) { s.advance(31 * time.Minute) },
	}
	for name, end := range ends {
		l, token := s.link(login.Root, false, false)
		b := &browser{site: s}
		b.enter(token)
		streamed := make(chan int, 1)
		stream := *b
		go func() {
			status, _, _ := stream.ask("GET", progressPath, "")
			streamed <- status
		}()
		keep := *b.cookie
		end(b, l.ID)
		<-streamed // or the test would never end
		b.cookie = &keep
		if status, _, _ := b.ask("GET", "/api/v1/list", ""); status != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, status)
		}
	}
}

func TestAdministratorsLogInByPassword(t *testing.T) {
	s := plain(t)
	if err := s.admins.Set("eve", "correct horse battery"); err != nil {
		t.Fatal(err)
	}
	enter := func(name, password string) (*browser, int) {
		b := &browser{site: s}
		text, err := json.Marshal(credentials{Name: name, Password: password})
		if err != nil {
			t.Fatal(err)
		}
		status, answer, _ := b.ask("POST", "/session", string(text))
		if status == http.StatusOK && !strings.Contains(answer, `"admin":true`) {
			t.Error(answer)
		}
		return b, status
	}
	b, status := enter("eve", "correct horse battery")
	if status != http.StatusOK {
		t.Fatal(status)
	}
	s.advance(time.Second)
	if err := s.admins.Set("eve", "another password"); err != nil {
		t.Fatal(err)
	}
	if status, _, _ := b.ask("GET", "/api/v1/list", ""); status != http.StatusUnauthorized {
		t.Error("a session goes on behind a password that was changed:", status)
	}
	for _, who := range []string{"eve", "nobody"} {
		if _, status := enter(who, "wrong"); status != http.StatusUnauthorized {
			t.Errorf("%s: %d", who, status)
		}
	}
	for range failedLogins - 2 {
		if status, _ := b.enter("guessed"); status != http.StatusUnauthorized {
			t.Fatal(status)
		}
	}
	if _, status := enter("eve", "another password"); status != http.StatusTooManyRequests {
		t.Error("who guesses is not slowed down:", status)
	}
	s.advance(failedInterval)
	if _, status := enter("eve", "another password"); status != http.StatusOK {
		t.Error(status)
	}
}

func TestNamesOfOthersLeadNowhere(t *testing.T) {
	s := serve(t, config.Web{Listen: "127.0.0.1:0", URL: "http://backup.example.com"}, Limits{})
	b := s.login(alice())
	for host, want := range map[string]int{"evil.example": 421, "evil.example:8480": 421, "": 200, "localhost:9": 200, "127.0.0.1": 200, "[::1]:8480": 200,
		"backup.example.com": 200, "127.0.0.1.evil.example": 421} {
		head := []string{"Host", host}
		if host == "" {
			head = nil
		}
		if status, _, _ := b.ask("GET", "/api/v1/list", "", head...); status != want {
			t.Errorf("%q: %d, want %d", host, status, want)
		}
	}
}

func TestWhatPeopleDidIsRecorded(t *testing.T) {
	s := plain(t)
	b := s.login(login.Root)
	for range 3 {
		b.ask("GET", "/api/v1/list?path=d/accounts/alice/latest/files", "")
	}
	b.ask("GET", "/api/v1/content?path=d/accounts/alice/latest/files/a", "")
	b.ask("GET", "/api/v1/content?download&path=d/accounts/alice/latest/files/%3Cimg%0A", "")
	b.ask("POST", "/api/v1/restores", `{"paths":["d/accounts/alice/latest/files/a"],"directory":"/root"}`)
	b.ask("POST", "/api/v1/jobs/nightly/slots/alice/1/pin", "")
	b.ask("GET", "/api/v1/forbidden?path=d/accounts/bob", "")
	var got []string
	for _, r := range s.recorded() {
		if r.Who != "root" || r.Link == "" || !strings.HasPrefix(r.From, "page 127.0.0.1:") {
			t.Errorf("%+v", r)
		}
		got = append(got, fmt.Sprintf("%s %q %s", r.Action, r.Paths, r.Detail))
	}
	want := []string{`login [] `, `view ["d/accounts/alice"] `, `view ["d/accounts/alice/latest/files/a"] `, `download ["d/accounts/alice/latest/files/<img\n"] `,
		`restore ["d/accounts/alice/latest/files/a"] /root`, `change [] POST /api/v1/jobs/nightly/slots/alice/1/pin`, `refused ["d/accounts/bob"] GET /api/v1/forbidden`}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("recorded\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestMuchAtOnceIsBounded(t *testing.T) {
	s := serve(t, config.Web{Listen: "127.0.0.1:0"}, Limits{Streams: 2, Connections: 20})
	b := s.login(login.Root)
	for range 2 {
		conn, err := net.Dial("tcp", s.server.Address())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\nCookie: %s=%s\r\n\r\n", progressPath, b.cookie.Name, b.cookie.Value)
		if n, err := conn.Read(make([]byte, 1)); n != 1 {
			t.Fatal(err)
		}
	}
	if status, _, h := b.ask("GET", progressPath, ""); status != http.StatusServiceUnavailable || h.Get("Retry-After") == "" {
		t.Error(status)
	}
	for _, over := range []struct {
		method, path, body string
		want               int
	}{{"POST", "/api/v1/restores", strings.Repeat("x", maxBody+1), 400}, {"GET", "/api/v1/list", "body", 400}, {"GET", "/api/v1/list?path=" + strings.Repeat("a", 80<<10), "", 431}} {
		status, text, _ := b.ask(over.method, over.path, over.body)
		if status != over.want {
			t.Errorf("%s %.20s: %d %.100s", over.method, over.path, status, text)
		}
	}
	refused := 0
	for range 60 {
		conn, err := net.Dial("tcp", s.server.Address())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if answer, err := io.ReadAll(io.LimitReader(conn, 12)); err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 200")) {
			refused++
		}
	}
	if refused < 40 {
		t.Errorf("%d of 60 connections are refused", refused)
	}
}

func TestWhatBreaksInARequestEndsThatOneAlone(t *testing.T) {
	s := plain(t)
	b := s.login(alice())
	r, err := http.NewRequest("GET", "http://"+s.server.Address()+"/api/v1/panic", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.AddCookie(b.cookie)
	if res, err := http.DefaultTransport.RoundTrip(r); err == nil {
		res.Body.Close()
		t.Error(res.Status)
	}
	if status, _, _ := b.ask("GET", "/api/v1/list", ""); status != http.StatusOK {
		t.Error(status)
	}
}

func TestPlainHTTPIsForThisMachineAlone(t *testing.T) {
	if _, err := Listen(Options{Config: config.Web{Listen: "0.0.0.0:0"}, API: fakeAPI, Log: slog.New(slog.DiscardHandler), Now: time.Now}); err == nil {
		t.Error("the network can listen in")
	}
}
