package service

import (
	"context"
	"net/http"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/login"
	"slotfs/cmd/internal/web"
)

// Admins are the administrators who log in to the page by password.
func (e *Environment) Admins() *login.Admins {
	return &login.Admins{Dir: e.State.Access(), Now: time.Now}
}

// followWeb serves the page as the configuration says from now on.
func (s *Service) followWeb(ctx context.Context, l *listener, c config.Web) {
	same := func(before any) bool { return before == c }
	if c.Listen == "" {
		l.follow(ctx, c, same, nil)
		return
	}
	l.follow(ctx, c, same, func() (func(context.Context) error, error) {
		server, err := web.Listen(web.Options{Config: c, Version: s.Version, Links: s.Links(), Admins: s.Admins(), Log: s.Log, Record: s.Record, Now: time.Now,
			API: func(who func(*http.Request) login.Identity) http.Handler {
				return s.handlers.For(func(r *http.Request) (login.Identity, error) { return who(r), nil })
			}})
		if err != nil {
			return nil, err
		}
		s.Log.Info("page", "url", c.Address())
		return server.Serve, nil
	})
}
