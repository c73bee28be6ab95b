package web

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"slotfs/cmd/internal/exit"
)

// policy lets the page load what this server has, and nothing else; no text can become a script.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"frame-ancestors 'none'; base-uri 'none'; form-action 'self'"

const (
	maxBody     = 1 << 20
	bodyTime    = 30 * time.Second // that a request may take to arrive
	waitingTime = 20 * time.Second // for others to be answered
)

// handler answers all requests.
func (s *Server) handler() http.Handler {
	sameOrigin := http.NewCrossOriginProtection()
	sameOrigin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusForbidden, "another site asked for that", "")
	}))
	if s.Config.URL != "" {
		_ = sameOrigin.AddTrustedOrigin(s.Config.URL) // the configuration was checked
	}
	return s.guard(sameOrigin.Handler(http.HandlerFunc(s.route)))
}

// route has a request answered by what it asks for.
func (s *Server) route(w http.ResponseWriter, r *http.Request) {
	switch path := r.URL.Path; {
	case strings.HasPrefix(path, "/api/"):
		s.answer(w, r)
	case path == "/session" && r.Method == http.MethodGet:
		s.tellSession(w, r)
	case path == "/session" && r.Method == http.MethodPost:
		s.begin(w, r)
	case path == "/session" && r.Method == http.MethodDelete:
		s.end(w, r)
	case reads(r):
		s.page(w, r)
	default:
		refuse(w, http.StatusMethodNotAllowed, r.Method+": not here", "")
	}
}

// guard is around everything.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer s.contain(r)
		pw := s.begun(w)
		if !s.meant(r.Host) {
			refuse(pw, http.StatusMisdirectedRequest, "this server does not have the name "+fmt.Sprintf("%.80q", r.Host), "say with url in [web] how people reach it")
			return
		}
		if err := readBody(pw, r); err != nil {
			refuse(pw, http.StatusBadRequest, "request: "+err.Error(), "")
			return
		}
		next.ServeHTTP(pw, r)
	})
}

// begun is an answer that says what browsers must not do with it.
func (s *Server) begun(w http.ResponseWriter) *patientWriter {
	for name, value := range map[string]string{
		"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY",
		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-store",
		"Permissions-Policy": "camera=(), geolocation=(), microphone=()",
	} {
		w.Header().Set(name, value)
	}
	return &patientWriter{ResponseWriter: w, control: http.NewResponseController(w), stall: s.Limits.Stall}
}

// contain ends a request that went wrong in here, and that one alone.
func (s *Server) contain(r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if v != http.ErrAbortHandler {
		s.Log.Error("web", "path", r.URL.Path, "error", v, "stack", string(debug.Stack()))
	}
	panic(http.ErrAbortHandler)
}

// meant reports whether a request is for this server. On loopback another site's name may lead here by its own DNS; where there is a
// certificate the browser compares the name with that.
func (s *Server) meant(host string) bool {
	host = strings.ToLower(host)
	if s.Config.Certificate != "" || slices.Contains(s.hosts, host) {
		return true
	}
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.Trim(name, "[]")
	ip := net.ParseIP(name)
	return name == "localhost" || ip != nil && ip.IsLoopback()
}

// readBody takes all of a request, in bounded time, so that no handler waits for a visitor.
func readBody(w *patientWriter, r *http.Request) error {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		if r.ContentLength != 0 {
			return fmt.Errorf("%s with a body", r.Method)
		}
		return nil
	}
	if err := w.control.SetReadDeadline(time.Now().Add(bodyTime)); err != nil {
		return err
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return err
	}
	r.Body = io.NopCloser(strings.NewReader(string(text)))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(string(text))), nil }
	return w.control.SetReadDeadline(time.Time{})
}

// enter waits until there is room for one more; leave makes room again.
func enter(ctx context.Context, room chan struct{}, wait time.Duration) (leave func(), ok bool) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	select {
	case room <- struct{}{}:
		return func() { <-room }, true
	case <-ctx.Done():
		return nil, false
	}
}

// refusal is an error as the API tells it.
type refusal struct {
	Error string `json:"error"`
	Hint  string `json:"hint,omitempty"`
	Code  int    `json:"code"`
}

// refuse answers that something cannot be.
func refuse(w http.ResponseWriter, status int, text, hint string) {
	code := exit.Failed
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		code = exit.Refused
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		code = exit.Busy
		w.Header().Set("Retry-After", "10")
	}
	tell(w, status, refusal{Error: text, Hint: hint, Code: code})
}

// tell answers with a value.
func tell(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // who hung up needs no answer
}
