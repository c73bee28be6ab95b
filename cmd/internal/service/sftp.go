package service

import (
	"context"
	"errors"
	iofs "io/fs"
	"os"
	"path/filepath"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/login"
	"slotfs/cmd/internal/service/audit"
	"slotfs/cmd/internal/service/browse"
	"slotfs/cmd/internal/sftpserver"
	"slotfs/sftpdest/auth"
)

// Links are the links and passwords that let people in.
func (e *Environment) Links() *login.Links { return &login.Links{Dir: e.State.Access(), Now: time.Now} }

// Record adds to the audit record. That it could not is for the log: what was done is done.
func (e *Environment) Record(r audit.Record) {
	if err := audit.Open(e.State.Audit()).Add(r); err != nil {
		e.Log.Error("audit record", "error", err)
	}
}

// followSFTP answers SFTP as the configuration says from now on.
func (s *Service) followSFTP(ctx context.Context, l *listener, c config.SFTPServer) {
	same := func(before any) bool { return c.Equal(before.(config.SFTPServer)) }
	if c.Listen == "" {
		l.follow(ctx, c, same, nil)
		return
	}
	l.follow(ctx, c, same, func() (func(context.Context) error, error) { return s.startSFTP(c) })
}

// startSFTP takes the address of the SFTP server.
func (s *Service) startSFTP(c config.SFTPServer) (serve func(context.Context) error, err error) {
	key, err := s.sftpHostKey()
	if err != nil {
		return nil, err
	}
	server, err := sftpserver.Listen(c.Listen, sftpserver.Options{HostKey: key, Users: sftpUsers{s, c.Keys, s.Links()}, Log: s.Log,
		Record: func(r audit.Record) {
			r.Who = sftpIdentity(r.Who).String()
			s.Record(r)
		}})
	if err != nil {
		return nil, err
	}
	s.Log.Info("SFTP server", "address", server.Address(), "host-key", server.Fingerprint())
	return server.Serve, nil
}

// sftpHostKey is the host key of the SFTP server, which is made for the first one.
func (s *Service) sftpHostKey() ([]byte, error) {
	path := filepath.Join(s.State.Access(), "sftp_host_key")
	private, err := os.ReadFile(path)
	if err == nil {
		return private, config.Private(path)
	}
	if !errors.Is(err, iofs.ErrNotExist) {
		return nil, s.State.Fault(err)
	}
	key, err := auth.NewKey("slotfs-sftp-server")
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.State.Access(), 0o700); err != nil {
		return nil, s.State.Fault(err)
	}
	if err := config.WriteFile(path+".pub", []byte(key.Line+"\n")); err != nil {
		return nil, s.State.Fault(err)
	}
	if err := config.WriteFile(path, key.Private); err != nil {
		return nil, s.State.Fault(err)
	}
	return key.Private, nil
}

// sftpIdentity is who logs in with a name by SFTP.
func sftpIdentity(user string) login.Identity {
	if user == config.Administrator {
		return login.Root
	}
	return login.Identity{Account: user}
}

// sftpUsers are who may log in by SFTP.
type sftpUsers struct {
	service *Service
	keys    map[string][]string
	links   *login.Links
}

var _ sftpserver.Users = sftpUsers{}

// Keys implements sftpserver.Users.
func (u sftpUsers) Keys(user string) []string { return u.keys[user] }

// Password implements sftpserver.Users.
func (u sftpUsers) Password(user, password string) bool {
	l, err := u.links.Use(password, true)
	if err != nil && !errors.Is(err, login.ErrLink) {
		u.service.Log.Error("SFTP server", "error", err)
	}
	return err == nil && l.Who == sftpIdentity(user)
}

// Tree implements sftpserver.Users.
func (u sftpUsers) Tree(ctx context.Context, user string) (browse.Tree, error) {
	return u.service.Tree(ctx, sftpIdentity(user))
}
