package web

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/login"
	"slotfs/cmd/internal/service/audit"
)

// site is a server with an API that tells who asks.
type site struct {
	t      *testing.T
	server *Server
	links  *login.Links
	admins *login.Admins

	mu      sync.Mutex
	now     time.Time      // guarded by mu
	records []audit.Record // guarded by mu
}

func (s *site) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *site) advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func (s *site) recorded() []audit.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]audit.Record{}, s.records...)
}

// fakeAPI tells who asks; /api/v1/progress goes on until somebody ends it.
func fakeAPI(who func(*http.Request) login.Identity) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case progressPath:
			fmt.Fprint(w, ": hello\n\n")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		case "/api/v1/panic":
			panic("broken")
		case "/api/v1/forbidden":
			refuse(w, http.StatusForbidden, "no", "")
		default:
			w.Header().Set("Cache-Control", "public, max-age=1000")
			text, _ := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %s", who(r), text)
		}
	})
}

func serve(t *testing.T, conf config.Web, limits Limits) *site {
	t.Helper()
	s := &site{t: t, now: time.Now()}
	dir := t.TempDir()
	s.links, s.admins = &login.Links{Dir: dir, Now: s.clock}, &login.Admins{Dir: dir, Now: s.clock}
	var err error
	s.server, err = Listen(Options{Config: conf, Version: "test", Links: s.links, Admins: s.admins, API: fakeAPI, Limits: limits, Log: slog.New(slog.DiscardHandler),
		Record: func(r audit.Record) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.records = append(s.records, r)
		}, Now: s.clock})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.server.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

// plain is served on loopback, at a port of its own.
func plain(t *testing.T) *site { return serve(t, config.Web{Listen: "127.0.0.1:0"}, Limits{}) }

// browser is somebody with cookies.
type browser struct {
	site   *site
	cookie *http.Cookie
	csrf   string
}

// ask sends a request as the page does.
func (b *browser) ask(method, path, body string, head ...string) (status int, text string, header http.Header) {
	b.site.t.Helper()
	r, err := http.NewRequest(method, "http://"+b.site.server.Address()+path, strings.NewReader(body))
	if err != nil {
		b.site.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if b.cookie != nil {
		r.AddCookie(b.cookie)
	}
	r.Header.Set(csrfHeader, b.csrf)
	for i := 0; i+1 < len(head); i += 2 {
		r.Header.Set(head[i], head[i+1])
		if head[i] == "Host" {
			r.Host = head[i+1]
		}
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		b.site.t.Fatal(err)
	}
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	if err != nil {
		b.site.t.Fatal(err)
	}
	for _, c := range res.Cookies() {
		b.cookie = c
	}
	return res.StatusCode, string(all), res.Header
}

// link makes a link and its token.
func (s *site) link(who login.Identity, once, sftp bool) (login.Link, string) {
	s.t.Helper()
	l, token, err := s.links.Make(login.Link{Who: who, Expires: s.clock().Add(time.Hour), Once: once, SFTP: sftp})
	if err != nil {
		s.t.Fatal(err)
	}
	return l, token
}

// login logs a browser in by a link.
func (s *site) login(who login.Identity) *browser {
	s.t.Helper()
	_, token := s.link(who, true, false)
	b := &browser{site: s}
	if status, text := b.enter(token); status != http.StatusOK {
		s.t.Fatal(status, text)
	}
	return b
}

// enter comes with the token of a link.
func (b *browser) enter(token string) (int, string) {
	status, text, _ := b.ask("POST", "/session", fmt.Sprintf(`{"token":%q}`, token))
	var w welcome
	if json.Unmarshal([]byte(text), &w) == nil && w.CSRF != "" {
		b.csrf = w.CSRF
	}
	return status, text
}

func alice() login.Identity { return login.Identity{Account: "alice"} }
