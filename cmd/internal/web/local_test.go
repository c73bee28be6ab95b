package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/login"
	"slotfs/cmd/internal/service/audit"
)

// localSite answers at a socket whoever caller says.
type localSite struct {
	t      *testing.T
	socket string

	mu      sync.Mutex
	records []audit.Record // guarded by mu
}

func serveLocal(t *testing.T, caller func(*http.Request) (Caller, error)) *localSite {
	t.Helper()
	s := &localSite{t: t, socket: filepath.Join(t.TempDir(), "run/panel.sock")}
	l := NewLocal(Options{Version: "test", API: fakeAPI, Log: slog.New(slog.DiscardHandler), Now: time.Now, Record: func(r audit.Record) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.records = append(s.records, r)
	}}, caller)
	if err := l.Listen(s.socket); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(s.socket); !os.IsNotExist(err) {
			t.Error("the socket stays behind:", err)
		}
	})
	return s
}

// ask sends a request.
func (s *localSite) ask(method, path, body string, head ...string) (status int, text string) {
	s.t.Helper()
	r, err := http.NewRequest(method, "http://evil.example"+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(head); i += 2 {
		r.Header.Set(head[i], head[i+1])
	}
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", s.socket) }}}
	res, err := c.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, string(answer)
}

func TestCallersAreWhoTheKernelSays(t *testing.T) {
	s := serveLocal(t, func(r *http.Request) (Caller, error) {
		uid, ok := PeerUID(r)
		return Caller{Who: login.Identity{Account: fmt.Sprint(uid, ok)}, From: "test"}, nil
	})
	want := fmt.Sprintf("account %d true ", os.Getuid())
	for _, head := range [][]string{nil, {"X-Forwarded-For", "root"}, {"Authorization", "Basic cm9vdDo="}, {"Cookie", "slotfs=x"}} {
		if status, text := s.ask("GET", "/api/v1/list", "", head...); status != http.StatusOK || text != want {
			t.Errorf("%v: %d %q", head, status, text)
		}
	}
	if info, err := os.Stat(s.socket); err != nil || info.Mode().Perm() != 0o666 {
		t.Error(info.Mode(), err)
	}
	for path, want := range map[string]int{"/": 404, "/index.html": 404, "/app.js": 404, "/session": 200} {
		if status, text := s.ask("GET", path, ""); status != want {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	if status, _ := s.ask("POST", "/session", `{"token":"x"}`); status != http.StatusNotFound && status != http.StatusForbidden {
		t.Error("a log-in by a socket where everybody is known:", status)
	}
}

func TestWhoMayNotAskIsToldWhyAndRecordedOnce(t *testing.T) {
	s := serveLocal(t, func(*http.Request) (Caller, error) {
		return Caller{From: "uid 7"}, exit.Hinted(errors.New("uid 7 is nobody"), "be somebody")
	})
	for range 3 {
		if status, text := s.ask("GET", "/api/v1/list", ""); status != http.StatusForbidden || !strings.Contains(text, "uid 7 is nobody") || !strings.Contains(text, "be somebody") {
			t.Errorf("%d %s", status, text)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.records) != 1 || s.records[0].Action != audit.Refused || s.records[0].From != "uid 7" {
		t.Errorf("%+v", s.records)
	}
}

func TestChangesByASocketNeedTokenAndProof(t *testing.T) {
	proven := errors.New("no proof")
	s := serveLocal(t, func(*http.Request) (Caller, error) {
		return Caller{Who: alice(), From: "test", Prove: func() error { return proven }}, nil
	})
	_, text := s.ask("GET", "/session", "")
	_, rest, _ := strings.Cut(text, `"csrf":"`)
	token, _, _ := strings.Cut(rest, `"`)
	if status, _ := s.ask("POST", "/api/v1/downloads", "{}", csrfHeader, token); status != http.StatusOK {
		t.Error("what only reads needs proof:", status)
	}
	if status, text := s.ask("POST", "/api/v1/live", "{}", csrfHeader, token); status != http.StatusForbidden || !strings.Contains(text, "no proof") {
		t.Error(status, text)
	}
	proven = nil
	if status, text := s.ask("POST", "/api/v1/live", "{}", csrfHeader, "x"); status != http.StatusForbidden {
		t.Error(status, text)
	}
	if status, text := s.ask("POST", "/api/v1/live", "{}", csrfHeader, token); status != http.StatusOK || text != "account alice {}" {
		t.Error(status, text)
	}
}

func TestOneUserTakesFewConnections(t *testing.T) {
	s := serveLocal(t, func(*http.Request) (Caller, error) { return Caller{Who: alice(), From: "test"}, nil })
	var open []net.Conn
	for range 4 * connectionsOfUser {
		c, err := net.Dial("unix", s.socket)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		open = append(open, c)
	}
	refused := 0
	for _, c := range open[connectionsOfUser:] {
		if _, err := c.Read(make([]byte, 1)); err != nil { // at once, or the test never ends
			refused++
		}
	}
	if refused != 3*connectionsOfUser {
		t.Errorf("%d of %d connections are refused", refused, len(open))
	}
	for _, c := range open {
		c.Close()
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		c, err := net.Dial("unix", s.socket)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(c, "GET /session HTTP/1.1\r\nHost: x\r\n\r\n")
		n, _ := c.Read(make([]byte, 1))
		c.Close()
		if n == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("connections that ended still count")
		}
	}
}

func TestWhoAsksAllTheTimeIsSlowedDown(t *testing.T) {
	now := time.Now()
	l := NewLocal(Options{API: fakeAPI, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }}, nil)
	for range callerBurst {
		if !l.may("a") {
			t.Fatal("refused too early")
		}
	}
	if l.may("a") || !l.may("b") {
		t.Error("one who asks all the time is not slowed down, or another is")
	}
	now = now.Add(time.Second)
	if !l.may("a") {
		t.Error("not let in again")
	}
}

func TestASocketIsNotMadeWhereOthersCouldExchangeIt(t *testing.T) {
	dir := t.TempDir()
	open, file := filepath.Join(dir, "open"), filepath.Join(dir, "file")
	if err := os.Mkdir(open, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(open, "s"), file, filepath.Join(file, "s")} {
		l := NewLocal(Options{API: fakeAPI, Log: slog.New(slog.DiscardHandler), Now: time.Now}, nil)
		if err := l.Listen(path); err == nil || exit.Hint(err) == "" {
			t.Errorf("%s: %v", path, err)
		}
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "mine" {
		t.Error(text, err)
	}
}
