package web

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"slotfs/cmd/internal/login"
	"slotfs/cmd/internal/service/audit"
	"slotfs/indexer/lru"
)

// csrfHeader has the token of the session's page, which no other site knows.
const csrfHeader = "X-Csrf-Token"

// Paths of the API that are treated in a way of their own.
const (
	contentPath   = "/api/v1/content"
	progressPath  = "/api/v1/progress"
	archivePath   = "/api/v1/archive"
	downloadsPath = "/api/v1/downloads"
	restoresPath  = "/api/v1/restores"
)

// answer answers a request to the API for whoever is logged in.
func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	session, ok := s.session(r)
	if !ok {
		notLoggedIn(w)
		return
	}
	s.answerTo(w, r, session, func() (*http.Request, context.CancelFunc) {
		return s.withSession(r, session, r.URL.Path != progressPath)
	})
}

// answerTo answers a request of a session. begin gives the request its context when it is its turn.
func (s *Server) answerTo(w http.ResponseWriter, r *http.Request, session *login.Session, begin func() (*http.Request, context.CancelFunc)) {
	if !reads(r) && !session.Proves(r.Header.Get(csrfHeader)) {
		s.record(r, session, audit.Record{Action: audit.Refused, Detail: r.Method + " " + r.URL.Path, Error: "no token of the page"})
		refuse(w, http.StatusForbidden, "the request is not from the page of this session", "load the page again")
		return
	}
	room, wait := s.requests, waitingTime
	if r.URL.Path == progressPath {
		room, wait = s.streams, time.Second
	}
	leave, ok := func() {}, true
	if !sendsArchive(r) { // the API bounds these
		leave, ok = enter(r.Context(), room, wait)
	}
	if !ok {
		refuse(w, http.StatusServiceUnavailable, "too many requests at once", "wait a little")
		return
	}
	defer leave()
	asked, done := begin()
	defer done()
	asked = asked.WithContext(audit.WithWay(asked.Context(), audit.Way{From: from(r), Link: session.Link}))
	private := &privateWriter{patientWriter: w.(*patientWriter)}
	defer func() { s.recordAnswer(r, session, private.patientWriter) }()
	s.api.ServeHTTP(private, asked)
}

// sendsArchive reports whether a request is for an archive, which takes long, and which the API records itself.
func sendsArchive(r *http.Request) bool {
	return r.URL.Path == archivePath || strings.HasPrefix(r.URL.Path, downloadsPath+"/")
}

// reads reports whether a request changes nothing.
func reads(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }

// privateWriter keeps browsers and proxies from keeping answers, whatever the handler says.
type privateWriter struct{ *patientWriter }

// WriteHeader implements http.ResponseWriter.
func (w *privateWriter) WriteHeader(status int) {
	w.Header().Set("Cache-Control", "no-store")
	w.patientWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (w *privateWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	return w.patientWriter.Write(p)
}

// record adds what somebody did.
func (s *Server) record(r *http.Request, session *login.Session, of audit.Record) {
	of.Who, of.From, of.Link = session.Who.String(), from(r), session.Link
	s.Record(of)
}

// recordAnswer adds what became of a request to the API, where that is to be recorded.
func (s *Server) recordAnswer(r *http.Request, session *login.Session, w *patientWriter) {
	q := r.URL.Query()
	of := audit.Record{Paths: pathsOf(q["path"], q["below"], q["old"], q["new"])}
	switch {
	case w.status == http.StatusForbidden:
		of.Action, of.Detail = audit.Refused, r.Method+" "+r.URL.Path
	case r.Method == http.MethodHead || w.status == http.StatusNotModified || r.URL.Path == downloadsPath || sendsArchive(r):
		return
	case r.URL.Path == contentPath:
		of.Action, of.Bytes = audit.View, w.written
		if q.Has("download") {
			of.Action = audit.Download
		}
	case r.URL.Path == restoresPath && r.Method == http.MethodPost:
		of.Action = audit.Restore
		of.Paths, of.Detail = restoreOf(r)
	case !reads(r):
		of.Action, of.Detail = audit.Change, r.Method+" "+r.URL.Path
	case len(of.Paths) > 0 && w.status < 400:
		s.recordLook(r, session, of.Paths)
		return
	default:
		return
	}
	if w.status >= 400 {
		of.Bytes, of.Error = 0, http.StatusText(w.status)
	}
	s.record(r, session, of)
}

// pathsOf is all paths that are not empty.
func pathsOf(lists ...[]string) []string {
	var all []string
	for _, list := range lists {
		for _, p := range list {
			if p != "" {
				all = append(all, p)
			}
		}
	}
	return all
}

// restoreOf is what a request to restore has, and where to.
func restoreOf(r *http.Request) (paths []string, directory string) {
	var q struct {
		Paths     []string `json:"paths"`
		Directory string   `json:"directory"`
		DryRun    bool     `json:"dry_run"`
	}
	if body, err := r.GetBody(); err != nil || json.NewDecoder(body).Decode(&q) != nil {
		return nil, ""
	}
	if q.DryRun {
		q.Directory += " (dry run)"
	}
	return q.Paths, q.Directory
}

// looks remembers who looked at which account, so that each session's first look is recorded.
type looks struct {
	mu   sync.Mutex
	seen lru.Map[look, struct{}] // guarded by mu
}

type look struct{ session, account string }

const rememberedLooks = 100_000

// first reports whether this is the first look of a session at an account.
func (l *looks) first(session, account string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := look{session, account}
	if _, ok := l.seen.Get(of); ok {
		return false
	}
	l.seen.Put(of, struct{}{}, 1)
	l.seen.Shrink(rememberedLooks, nil)
	return true
}

// recordLook records that somebody looks at the names in accounts, once in a session.
func (s *Server) recordLook(r *http.Request, session *login.Session, paths []string) {
	for _, p := range paths {
		account, ok := accountOf(p)
		if ok && s.looks.first(session.CSRF, account) {
			s.record(r, session, audit.Record{Action: audit.View, Paths: []string{account}})
		}
	}
}

// accountOf is the directory of the account that a path leads into.
func accountOf(p string) (string, bool) {
	elements := strings.Split(strings.Trim(p, "/"), "/")
	for i, e := range elements {
		if e == "accounts" && i > 0 && i+1 < len(elements) {
			return strings.Join(elements[:i+2], "/"), true
		}
	}
	return "", false
}
