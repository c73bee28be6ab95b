package sftpdest

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"slotfs/indexer/dest"
	"slotfs/indexer/dest/desttest"
	"slotfs/sftpdest/sshdtest"
)

// settingsOf are those of an sshd.
func settingsOf(s *sshdtest.Server) Settings {
	return Settings{
		Host: s.Host, Port: s.Port, Username: s.Username, IdentityFile: s.Identity, HostKeys: s.HostKeys,
		MaxRetries: 2, MaxConnections: 4,
	}
}

func startSSHD(t testing.TB, o sshdtest.Options) *sshdtest.Server {
	t.Helper()
	s, err := sshdtest.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func newDest(t testing.TB, s Settings, o Options) *Destination {
	t.Helper()
	d, err := New(s, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func TestOpenSSHIsADestination(t *testing.T) {
	t.Parallel()
	s := startSSHD(t, sshdtest.Options{User: "nobody"})
	desttest.Suite(t, func(t testing.TB, root string) dest.Destination {
		settings := settingsOf(s)
		settings.Directory = root
		return newDest(t, settings, Options{})
	})
}

func TestOpenSSHWithOneSessionIsADestination(t *testing.T) {
	t.Parallel()
	s := startSSHD(t, sshdtest.Options{User: "nobody", MaxSessions: 1})
	desttest.Suite(t, func(t testing.TB, root string) dest.Destination {
		settings := settingsOf(s)
		settings.Directory, settings.MaxConnections = root, 1
		return newDest(t, settings, Options{})
	})
}

func TestServerWithoutExtensionsIsADestination(t *testing.T) {
	t.Parallel()
	desttest.Suite(t, func(t testing.TB, root string) dest.Destination {
		l, err := sshdtest.StartLocal(sshdtest.LocalOptions{Root: "/", Password: "secret"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return newDest(t, Settings{
			Host: l.Host, Port: l.Port, Username: "u", Password: "secret", HostKeys: l.HostKeys,
			Directory: strings.TrimPrefix(root, "/"), MaxRetries: 1, MaxConnections: 2,
		}, Options{})
	}, desttest.AsRoot)
}

func TestOpenSSHCanBeChanged(t *testing.T) {
	t.Parallel()
	s := startSSHD(t, sshdtest.Options{User: "nobody"})
	desttest.WriteSuite(t, func(t testing.TB, root string) dest.ReadWriter {
		settings := settingsOf(s)
		settings.Directory = root
		return newDest(t, settings, Options{})
	})
}

func TestServerWithoutExtensionsCanBeChanged(t *testing.T) {
	t.Parallel()
	l := startLocal(t, sshdtest.LocalOptions{Root: "/", Password: secret})
	desttest.WriteSuite(t, func(t testing.TB, root string) dest.ReadWriter {
		s := localSettings(l)
		s.Password, s.Directory = secret, root
		return newDest(t, s, Options{})
	})
}

// startProFTPD runs a ProFTPD whose user is nobody, and settings that lead to it.
func startProFTPD(t testing.TB) Settings {
	t.Helper()
	const nobody = 65534
	p, err := sshdtest.StartProFTPD(nobody, nobody)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return Settings{
		Host: p.Host, Port: p.Port, Username: p.Username, IdentityFile: p.Identity, HostKeys: p.HostKeys,
		MaxRetries: 2, MaxConnections: 2,
	}
}

func TestProFTPDIsADestination(t *testing.T) {
	t.Parallel()
	s := startProFTPD(t)
	desttest.Suite(t, func(t testing.TB, root string) dest.Destination {
		s := s
		s.Directory = root
		return newDest(t, s, Options{})
	}, desttest.ResolvesLinks)
}

func TestProFTPDCanBeChanged(t *testing.T) {
	t.Parallel()
	s := startProFTPD(t)
	desttest.WriteSuite(t, func(t testing.TB, root string) dest.ReadWriter {
		s := s
		s.Directory = root
		return newDest(t, s, Options{})
	})
}

func TestServerThatLosesConnectionsIsADestination(t *testing.T) {
	t.Parallel()
	desttest.LossSuite(t, func(t testing.TB, root string) (dest.ReadWriter, func(int)) {
		var losses atomic.Int64
		l := startLocal(t, sshdtest.LocalOptions{Password: secret, Serve: sshdtest.Odd("/", sshdtest.Oddities{Losses: &losses})})
		s := localSettings(l)
		s.Password, s.Directory, s.MaxRetries = secret, root, 5
		return newDest(t, s, Options{Backoff: time.Millisecond}), func(n int) { losses.Store(int64(n)) }
	})
}
