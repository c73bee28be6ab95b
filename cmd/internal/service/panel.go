package service

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/login"
	"slotfs/cmd/internal/panel"
	"slotfs/cmd/internal/web"
)

// Limits of the panel socket: each of its users has few connections, and so each request of theirs is answered at once.
const panelConnections = 512

// followPanel answers users of this machine as the configuration says from now on.
func (s *Service) followPanel(ctx context.Context, l *listener, c config.Panel) {
	same := func(before any) bool { return before == c }
	if c.Socket == "" {
		l.follow(ctx, c, same, nil)
		return
	}
	l.follow(ctx, c, same, func() (func(context.Context) error, error) {
		local := s.local(s.panelCaller)
		if err := local.Listen(c.Socket); err != nil {
			return nil, err
		}
		s.Log.Info("panel", "socket", c.Socket)
		return local.Serve, nil
	})
}

// local answers callers of this machine.
func (s *Service) local(caller func(*http.Request) (web.Caller, error)) *web.Local {
	return web.NewLocal(web.Options{Version: s.Version, Log: s.Log, Record: s.Record, Now: time.Now,
		Limits: web.Limits{Connections: panelConnections, Requests: panelConnections},
		API: func(who func(*http.Request) login.Identity) http.Handler {
			return s.handlers.For(func(r *http.Request) (login.Identity, error) { return who(r), nil })
		}}, caller)
}

// panelCaller is who asks on the panel socket: the owner of the account that is called like his user.
func (s *Service) panelCaller(r *http.Request) (web.Caller, error) {
	uid, ok := web.PeerUID(r)
	if !ok {
		return web.Caller{From: "panel socket"}, errors.New("the kernel does not say who asks")
	}
	c := web.Caller{From: fmt.Sprintf("panel socket, uid %d", uid)}
	if uid == 0 {
		return c, exit.Hinted(errors.New("root is nobody's account"), "root asks at "+s.State.Socket())
	}
	account, ok := s.people.Name(uid)
	if !ok {
		return c, exit.Hinted(fmt.Errorf("uid %d is no account of this machine", uid), "log in as the user whose backups you want")
	}
	if panel.Withholds(panel.Root, account) {
		return c, exit.Hinted(fmt.Errorf("the account %s does not have the feature %s", account, panel.Feature), "ask whoever runs this server for it")
	}
	c.Who = login.Identity{Account: account}
	c.Prove = func() error { return s.provePanel(r, account) }
	mine, err := s.Catalog(r.Context(), c.Who)
	switch {
	case err != nil:
		s.Log.Error("panel", "error", err)
		return c, exit.Hinted(errors.New("it cannot be told which backups are yours"), "the log of slotfs says why")
	case len(mine.Snapshots) == 0:
		return c, exit.Hinted(fmt.Errorf("there are no backups of the account %s", account), "they come with the next backup, if this machine is the home of what is backed up: ask whoever runs it")
	}
	return c, nil
}

// provePanel checks that the owner of an account is logged in to a hosting panel: what runs as his user may be a hacked site, which may
// read what it can read anyway, but overwrite nothing.
func (s *Service) provePanel(r *http.Request, account string) error {
	proof := r.Header.Get(panel.HeaderProof)
	err := panel.ErrProof
	if session, ok := panel.SessionOf(proof); ok {
		err = session.Prove(r.Context(), panel.Root, account)
	} else if proof != "" {
		err = s.proofs.Use(proof, account)
	}
	if err != nil {
		return exit.Hinted(err, "load the page in the panel again, or log in there again")
	}
	return nil
}

// makeProof answers the panel's own process, which asks as root for a proof of an account's owner.
func (s *Service) makeProof(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	fmt.Fprintln(w, s.proofs.Make(r.PathValue("account")))
}

// adminCaller is who asks on the control socket by way of a hosting panel. Only root can, and so the panel's word is taken for who that is.
func adminCaller(r *http.Request) (web.Caller, error) {
	c := web.Caller{Who: login.Root, From: strings.TrimSpace("panel " + r.Header.Get(panel.HeaderFrom))}
	if user := r.Header.Get(panel.HeaderUser); user != "" && user != login.Root.Name {
		c.Who = login.Identity{Name: user}
	}
	return c, nil
}

// controls answers on the control socket: the API, and what the pages of hosting panels ask as root.
func (s *Service) controls() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", s.handlers.ForRoot())
	mux.HandleFunc("POST "+panel.ProofPath+"/{account}", s.makeProof)
	mux.Handle(panel.AdminPrefix+"/", http.StripPrefix(panel.AdminPrefix, s.local(adminCaller)))
	return mux
}
