// Package web serves the page on which people look at backups in a browser, and the API to whoever is logged in there. It knows HTTP,
// cookies and what browsers must be told so that no other site gets at anything. It must not know what there is to see: whoever serves
// hands in the API.
package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/login"
	"slotfs/cmd/internal/service/audit"
)

// Limits bound what visitors can take. Those that are 0 have their defaults.
type Limits struct {
	Connections int           // at once; default 512
	Requests    int           // that are answered at once; more wait; default 64
	Streams     int           // of events, at once; default 64
	Idle        time.Duration // ends a session that asks nothing for so long; default 30 min
	Session     time.Duration // ends every session; default 12 h
	Stall       time.Duration // a visitor who takes no byte for so long is gone; default 1 min
	Look        time.Duration // how often it is looked whether the session of a long answer goes on; default 5 s
}

func (l Limits) withDefaults() Limits {
	for _, n := range []struct {
		v  *int
		to int
	}{{&l.Connections, 512}, {&l.Requests, 64}, {&l.Streams, 64}} {
		if *n.v == 0 {
			*n.v = n.to
		}
	}
	for _, d := range []struct {
		v  *time.Duration
		to time.Duration
	}{{&l.Idle, 30 * time.Minute}, {&l.Session, 12 * time.Hour}, {&l.Stall, time.Minute}, {&l.Look, 5 * time.Second}} {
		if *d.v == 0 {
			*d.v = d.to
		}
	}
	return l
}

// Options say how to serve.
type Options struct {
	Config  config.Web
	Version string
	Links   *login.Links
	Admins  *login.Admins
	// API answers requests below /api/, of whom who says.
	API    func(who func(*http.Request) login.Identity) http.Handler
	Limits Limits
	Log    *slog.Logger
	Record func(audit.Record) // takes what visitors did
	Now    func() time.Time
}

// Server answers on one address.
type Server struct {
	Options
	secure   bool // browsers come by TLS
	hosts    []string
	http     *http.Server
	listener net.Listener
	sessions *login.Sessions
	throttle *login.Throttle
	api      http.Handler
	requests chan struct{} // has one for each that is answered
	streams  chan struct{}
	logins   chan struct{}
	looks    looks
	pages    map[string]file
}

// failedLogins from one address in a row are let through, and one more after each failedInterval.
const (
	failedLogins   = 10
	failedInterval = 10 * time.Second
)

// Listen takes an address. The error has the cure.
func Listen(o Options) (*Server, error) {
	s := newServer(o)
	s.logins = make(chan struct{}, loginsAtOnce)
	s.sessions = &login.Sessions{Idle: s.Limits.Idle, Max: s.Limits.Session, Now: o.Now, Revoked: s.revoked}
	s.throttle = &login.Throttle{Failures: failedLogins, Interval: failedInterval, Now: o.Now}
	s.pages = pages()
	u, err := url.Parse(o.Config.Address())
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	s.secure = u.Scheme == "https"
	s.hosts = append(s.hosts, strings.ToLower(u.Host))
	s.http.Handler = s.handler()
	if err := s.listen(); err != nil {
		return nil, err
	}
	return s, nil
}

// newServer is a server that listens nowhere yet.
func newServer(o Options) *Server {
	s := &Server{Options: o}
	s.Limits = o.Limits.withDefaults()
	s.requests, s.streams = make(chan struct{}, s.Limits.Requests), make(chan struct{}, s.Limits.Streams)
	s.api = o.API(visitor)
	s.http = &http.Server{ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug)}
	s.http.Protocols = new(http.Protocols)
	s.http.Protocols.SetHTTP1(true)
	return s
}

// listen takes the address, with TLS where there is a certificate.
func (s *Server) listen() error {
	if s.Config.Certificate == "" && !s.Config.Loopback() {
		return exit.Hinted(fmt.Errorf("web: %s: no certificate", s.Config.Listen), "set certificate and key in [web], or listen on 127.0.0.1")
	}
	var conf *tls.Config
	if s.Config.Certificate != "" {
		c := &certificate{cert: s.Config.Certificate, key: s.Config.Key, log: s.Log, now: s.Now}
		if _, err := c.get(nil); err != nil {
			return exit.Hinted(fmt.Errorf("web: %w", err), "look after certificate and key in [web]")
		}
		conf = &tls.Config{GetCertificate: c.get, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	}
	l, err := net.Listen("tcp", s.Config.Listen)
	if err != nil {
		return exit.Hinted(fmt.Errorf("web: %w", err), "choose another address with listen in [web]")
	}
	s.listener = &boundedListener{Listener: l, free: make(chan struct{}, s.Limits.Connections)}
	if conf != nil {
		s.listener = tls.NewListener(s.listener, conf)
	}
	return nil
}

// Serve answers until ctx ends.
func (s *Server) Serve(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { s.http.Close() })()
	s.http.BaseContext = func(net.Listener) context.Context { return ctx }
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("web: %w", err)
	}
	return nil
}

// revoked reports whether a link lets nobody in any more. If that cannot be told it does not.
func (s *Server) revoked(link string) bool {
	revoked, err := s.Links.Revoked(link)
	if err != nil {
		s.Log.Error("web", "error", err)
	}
	return revoked
}
