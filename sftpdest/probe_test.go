package sftpdest

import (
	"os"
	"slices"
	"testing"
	"time"

	"slotfs/indexer/dest/desttest"
	"slotfs/sftpdest/sshdtest"
)

func TestProbeTellsWhatTheServerAllows(t *testing.T) {
	s, _, link, _ := remoteFile(t, 1<<20, time.Millisecond)
	link.Limit(3)
	r, err := Probe(t.Context(), s, Options{}, ProbeOptions{Write: true, Time: 50 * time.Millisecond, Connections: 6})
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
	s, _, link, _ := remoteFile(t, 1<<20, time.Millisecond)
	link.Limit(1)
	r, err := Probe(t.Context(), s, Options{Backoff: time.Millisecond}, ProbeOptions{Write: true, Time: 50 * time.Millisecond, Connections: 3})
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
	s := localSettings(startLocal(t, sshdtest.LocalOptions{Root: "/", Password: secret, MaxSessions: 2}))
	s.Password, s.Directory = secret, dir
	before := state(t, dir)
	r, err := Probe(t.Context(), s, Options{}, ProbeOptions{Time: 30 * time.Millisecond, Connections: 2})
	if err != nil {
		t.Fatal(err)
	}
	if state(t, dir) != before || r.WriteOne != 0 || r.Skipped["write"] == "" || r.ReadOne == 0 {
		t.Errorf("%+v", r)
	}
	if r.Allowed != 2 || r.AllowedIsLimit || r.Sessions != 2 || r.Authenticated != "password" {
		t.Errorf("%+v", r)
	}
}
