package web

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"slotfs/cmd/internal/login"
	"slotfs/cmd/internal/service/audit"
)

// loginsAtOnce bounds the log-ins that are checked at once: each takes time on purpose.
const loginsAtOnce = 8

// cookieName is that of the session. Browsers take one with the prefix from this very host only, and by TLS.
func (s *Server) cookieName() string {
	if s.secure {
		return "__Host-slotfs"
	}
	return "slotfs"
}

// cookie is what a browser shows.
func (s *Server) cookie(r *http.Request) string {
	c, err := r.Cookie(s.cookieName())
	if err != nil {
		return ""
	}
	return c.Value
}

// session is that of a request, which counts as used.
func (s *Server) session(r *http.Request) (*login.Session, bool) {
	cookie := s.cookie(r)
	if cookie == "" {
		return nil, false
	}
	session, ok := s.sessions.Get(cookie)
	if ok && !s.stillAdmin(session) {
		s.sessions.End(cookie)
		return nil, false
	}
	return session, ok
}

// stillAdmin reports whether an administrator who came with a password is still one, with that password.
func (s *Server) stillAdmin(session *login.Session) bool {
	if session.Link != "" {
		return true
	}
	all, err := s.Admins.List()
	if err != nil {
		s.Log.Error("web", "error", err)
	}
	return slices.ContainsFunc(all, func(a login.Admin) bool { return a.Name == session.Who.Name && !a.Made.After(session.Began) })
}

// lives reports whether the session of a request goes on, without using it.
func (s *Server) lives(r *http.Request, session *login.Session) bool {
	return s.sessions.Live(s.cookie(r)) && s.stillAdmin(session)
}

// setCookie has the browser keep a cookie until it is closed, or forget it.
func (s *Server) setCookie(w http.ResponseWriter, value string) {
	c := &http.Cookie{Name: s.cookieName(), Value: value, Path: "/", HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteStrictMode}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// credentials are what somebody logs in with: the token of a link, or a name and a password.
type credentials struct {
	Token    string `json:"token"`
	Name     string `json:"name"`
	Password string `json:"password"`
}

// welcome is what the page has to know of its session.
type welcome struct {
	Who     string `json:"who"`
	Account string `json:"account,omitempty"`
	Admin   bool   `json:"admin"`
	CSRF    string `json:"csrf"`
	Version string `json:"version"`
}

func (s *Server) welcome(session *login.Session) welcome {
	return welcome{Who: session.Who.String(), Account: session.Who.Account, Admin: session.Who.Admin(), CSRF: session.CSRF, Version: s.Version}
}

// tellSession tells who is logged in.
func (s *Server) tellSession(w http.ResponseWriter, r *http.Request) {
	session, ok := s.session(r)
	if !ok {
		notLoggedIn(w)
		return
	}
	tell(w, http.StatusOK, s.welcome(session))
}

func notLoggedIn(w http.ResponseWriter) {
	refuse(w, http.StatusUnauthorized, "nobody is logged in, or not any more", "log in again")
}

// begin logs somebody in.
func (s *Server) begin(w http.ResponseWriter, r *http.Request) {
	var c credentials
	if r.Header.Get("Content-Type") != "application/json" || json.NewDecoder(r.Body).Decode(&c) != nil {
		refuse(w, http.StatusBadRequest, "log-in: want JSON with token, or name and password", "")
		return
	}
	leave, ok := enter(r.Context(), s.logins, time.Second)
	from := address(r)
	if !ok || !s.throttle.May(from) {
		if ok {
			leave()
		}
		refuse(w, http.StatusTooManyRequests, "too many log-ins", "wait a little")
		return
	}
	who, link, err := s.identify(c)
	leave()
	if err != nil {
		s.refuseLogin(w, r, c, err)
		return
	}
	s.sessions.End(s.cookie(r))
	session, cookie := s.sessions.Begin(who, link)
	s.setCookie(w, cookie)
	s.record(r, session, audit.Record{Action: audit.Login})
	tell(w, http.StatusOK, s.welcome(session))
}

var errCredentials = errors.New("name or password is wrong")

// identify says who comes with credentials, and by which link.
func (s *Server) identify(c credentials) (who login.Identity, link string, err error) {
	if c.Token != "" {
		l, err := s.Links.Use(c.Token, false)
		return l.Who, l.ID, err
	}
	ok, err := s.Admins.Check(c.Name, c.Password)
	if err == nil && !ok {
		err = errCredentials
	}
	return login.Identity{Name: c.Name}, "", err
}

// refuseLogin answers a log-in that failed. What else was wrong than the credentials is for the log.
func (s *Server) refuseLogin(w http.ResponseWriter, r *http.Request, c credentials, err error) {
	if !errors.Is(err, errCredentials) && !errors.Is(err, login.ErrLink) {
		s.Log.Error("web", "error", err)
		refuse(w, http.StatusInternalServerError, "log-in: it cannot be told who you are", "the log of slotfs says why")
		return
	}
	s.throttle.Failed(address(r))
	detail, hint := "password", "ask whoever runs this server"
	if c.Token != "" {
		detail, hint = "link", "ask for a new one: slotfs link"
	}
	s.Record(audit.Record{Who: "nobody", From: from(r), Action: audit.Refused, Detail: detail})
	refuse(w, http.StatusUnauthorized, err.Error(), hint)
}

// end logs out.
func (s *Server) end(w http.ResponseWriter, r *http.Request) {
	session, ok := s.session(r)
	if !ok {
		notLoggedIn(w)
		return
	}
	if !session.Proves(r.Header.Get(csrfHeader)) {
		refuse(w, http.StatusForbidden, "the request is not from the page of this session", "load the page again")
		return
	}
	s.sessions.End(s.cookie(r))
	s.setCookie(w, "")
	s.record(r, session, audit.Record{Action: audit.Logout})
	tell(w, http.StatusOK, struct{}{})
}

// address is what a visitor may be expected to have of his own.
func address(r *http.Request) netip.Prefix {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{}
	}
	return login.AddressOf(net.TCPAddrFromAddrPort(a))
}

// from is where a visitor came by, for records.
func from(r *http.Request) string {
	if caller, ok := r.Context().Value(callerKey{}).(Caller); ok {
		return caller.From
	}
	return "page " + r.RemoteAddr
}

// sessionKey is that of the session in the context of a request.
type sessionKey struct{}

// visitor is who asks, in a request to the API.
func visitor(r *http.Request) login.Identity {
	session, ok := r.Context().Value(sessionKey{}).(*login.Session)
	if !ok {
		return login.Identity{}
	}
	return session.Who
}

// withVisitor is a request whose context has its session.
func withVisitor(r *http.Request, session *login.Session) (*http.Request, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithValue(r.Context(), sessionKey{}, session))
	return r.WithContext(ctx), cancel
}

// withSession is withVisitor of a request that ends when its session does. One that uses the session keeps it from idling.
func (s *Server) withSession(r *http.Request, session *login.Session, uses bool) (*http.Request, context.CancelFunc) {
	asked, cancel := withVisitor(r, session)
	ctx := asked.Context()
	go func() {
		tick := time.NewTicker(s.Limits.Look)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			live := s.lives(r, session)
			if live && uses {
				_, live = s.session(r)
			}
			if !live {
				cancel()
			}
		}
	}()
	return asked, cancel
}
