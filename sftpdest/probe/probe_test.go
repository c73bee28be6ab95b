package probe

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"slotfs/indexer/dest/desttest"
	"slotfs/sftpdest/settings"
	"slotfs/sftpdest/sshdtest"
)

func TestProbeTellsWhatTheServerAllows(t *testing.T) {
	s, link := throughProxy(t)
	link.Limit(3)
	r, err := Run(t.Context(), s, settings.Options{}, Options{Write: true, Time: 50 * time.Millisecond, Connections: 6})
	if err != nil {
		t.Fatal(err)
	}
	if r.Allowed != 3 || !r.AllowedIsLimit || r.Sessions != 10 || r.Authenticated != "publickey" {
		t.Errorf("%+v", r)
	}
	if r.ReadOne == 0 || r.ReadMany == 0 || r.WriteOne == 0 || r.WriteMany == 0 || r.FsyncSeconds == 0 || r.Size == 0 ||
		r.RoundTripSeconds < 0.001 || !slices.Contains(r.Extensions, "statvfs@openssh.com") {
		t.Errorf("%+v", r)
	}
	if left, err := os.ReadDir(s.Directory); err != nil || len(left) != 1 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestProbeOfAServerThatAllowsOneConnection(t *testing.T) {
	s, link := throughProxy(t)
	link.Limit(1)
	r, err := Run(t.Context(), s, settings.Options{Backoff: time.Millisecond}, Options{Write: true, Time: 50 * time.Millisecond, Connections: 3})
	if err != nil {
		t.Fatal(err)
	}
	if r.ReadMany == 0 || r.WriteMany == 0 || r.Connections != 1 || r.Allowed != 1 || !r.AllowedIsLimit {
		t.Errorf("%+v", r)
	}
}

func TestProbeWithoutConsentWritesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/file", desttest.Content(100_000), 0o644); err != nil {
		t.Fatal(err)
	}
	l, err := sshdtest.StartLocal(sshdtest.LocalOptions{Root: "/", Password: "secret", MaxSessions: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s := settings.Settings{Host: l.Host, Port: l.Port, Username: "u", Password: "secret", HostKeys: l.HostKeys, Directory: dir}
	r, err := Run(t.Context(), s, settings.Options{}, Options{Time: 30 * time.Millisecond, Connections: 2})
	if err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 || r.WriteOne != 0 || r.Skipped["write"] == "" || r.ReadOne == 0 {
		t.Errorf("%+v", r)
	}
	if r.Allowed != 2 || r.AllowedIsLimit || r.Sessions != 2 || r.Authenticated != "password" {
		t.Errorf("%+v", r)
	}
}

// throughProxy is an OpenSSH with a file to read, a millisecond away.
func throughProxy(t *testing.T) (settings.Settings, *sshdtest.Link) {
	t.Helper()
	server, err := sshdtest.Start(sshdtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	link, err := sshdtest.Proxy(server.Address(), time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { link.Close() })
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), desttest.Content(1<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	return settings.Settings{
		Host: link.Host, Port: link.Port, Username: server.Username, IdentityFile: server.Identity, HostKeys: server.HostKeys,
		Directory: dir, MaxRetries: 2, MaxConnections: 4,
	}, link
}
