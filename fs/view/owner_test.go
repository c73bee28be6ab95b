package view_test

import (
	"strings"
	"testing"

	"slotfs/fs/fstest"
	"slotfs/fs/view"
	"slotfs/indexer/backup"
)

// localOrigin is where the accounts of this machine are in these tests.
func localOrigin(s *backup.Snapshot) view.Local {
	if s.Origin == "srv1" || s.Machine == "this" {
		return users(s)
	}
	return view.Local{}
}

func TestAccountOfAnotherServerIsNotTheLocalUserOfItsName(t *testing.T) {
	w := fstest.NewWorld()
	for _, origin := range []string{"srv1", "srv2"} {
		w.Add(t, source("alice", "2026-01-05", func(s *backup.Snapshot) {
			s.Origin, s.Owner = origin, &backup.Owner{UID: 1001, GID: 1001}
		}), parts(), members()...)
	}
	at := walk(t, show(t, w, view.Options{Owner: localOrigin}))
	for path, want := range map[string]uint32{
		"srv1/accounts/alice": 5001, "srv1/accounts/alice/2026-01-05": 5001, "srv1/accounts/alice/2026-01-05/files": 5001,
		"srv1/accounts/alice/2026-01-05/ssl": 0, "srv1/accounts/alice/2026-01-05/archive": 0,
		"srv2/accounts/alice": 0, "srv2/accounts/alice/2026-01-05": 0,
	} {
		n, ok := at["/box/"+path]
		if !ok || n.Attr.UID != want {
			t.Errorf("%s: shown %v, owned by %d, want %d", path, ok, n.Attr.UID, want)
		}
		if perm := n.Attr.Mode & 0o077; want == 0 && perm != 0 && !strings.Contains(path, "ssl") {
			t.Errorf("%s: others may do %o", path, perm)
		}
	}
}

func TestSnapshotOfAnotherMachineInTheDirectoryOfALocalAccountIsRootsAlone(t *testing.T) {
	w := fstest.NewWorld()
	for name, machine := range map[string]string{"2026-01-05T020000": "this", "2026-01-04T020000": "other"} {
		s := source("alice", name, func(s *backup.Snapshot) { s.Kind, s.Machine, s.Origin = backup.Slot, machine, "nightly" })
		w.Add(t, s, parts(), members()...)
	}
	at := walk(t, show(t, w, view.Options{Owner: localOrigin}))
	dir := "/box/nightly/accounts/alice"
	if n := at[dir]; n.Attr.UID != 5001 || n.Attr.Mode&0o777 != 0o700 {
		t.Errorf("account: %d, %o", n.Attr.UID, n.Attr.Mode)
	}
	if n := at[dir+"/2026-01-04T020000"]; n.Attr.UID != 0 || n.Attr.Mode&0o777 != 0o700 {
		t.Errorf("snapshot of another machine: owned by %d, mode %o", n.Attr.UID, n.Attr.Mode)
	}
	if n := at[dir+"/2026-01-05T020000"]; n.Attr.UID != 5001 {
		t.Errorf("snapshot of this machine: owned by %d", n.Attr.UID)
	}
}

func TestDumpsAndMailboxesOfRootAreTheAccountsToRead(t *testing.T) {
	dump := fstest.File("alice/mysql/alice_wp.sql", "-- dump")
	message := fstest.File("alice/homedir/mail/d/info/1", "hello")
	grants := fstest.File("alice/mysql.sql", "GRANT")
	config := fstest.File("alice/homedir/secret.php", "root's")
	all := []fstest.Member{fstest.Dir("alice"), fstest.Dir("alice/mysql"), dump, grants, fstest.Dir("alice/homedir"), config,
		fstest.Dir("alice/homedir/mail"), fstest.Dir("alice/homedir/mail/d"), fstest.Dir("alice/homedir/mail/d/info"), message}
	for i := range all {
		all[i].UID, all[i].GID = 0, 0
		all[i].Mode = all[i].Mode&^0o777 | 0o600
	}
	w := fstest.NewWorld()
	s := source("alice", "2026-01-05", func(s *backup.Snapshot) { s.Owner = &backup.Owner{UID: 1001, GID: 1001} })
	w.Add(t, s, &backup.Parts{Full: "alice", Grafts: []backup.Graft{
		{Kind: backup.Files, Path: "files", From: "alice/homedir"},
		{Kind: backup.Databases, Path: "databases/alice_wp.sql", From: "alice/mysql/alice_wp.sql"},
		{Kind: backup.DatabaseUsers, Path: "database-users/alice.sql", Content: []byte("GRANT"), Secret: true},
		{Kind: backup.Email, Path: "email/d/info", From: "alice/homedir/mail/d/info"},
	}}, all...)
	at := walk(t, show(t, w, view.Options{Owner: users}))
	for path, want := range map[string]struct{ uid, mode uint32 }{
		"databases/alice_wp.sql":   {5001, 0o600},
		"email/d/info":             {5001, 0o700},
		"email/d/info/1":           {5001, 0o600},
		"database-users/alice.sql": {0, 0o400},
		"files/secret.php":         {0, 0o600},
	} {
		n, ok := at["/box/accounts/alice/2026-01-05/"+path]
		if !ok || n.Attr.UID != want.uid || n.Attr.Mode&0o777 != want.mode {
			t.Errorf("%s: shown %v, owned by %d, mode %o; want %d, %o", path, ok, n.Attr.UID, n.Attr.Mode&0o777, want.uid, want.mode)
		}
	}
}

func TestUnclaimedSnapshotsAreRootsAndNobodysLatest(t *testing.T) {
	w := fstest.NewWorld()
	add := func(name string, unclaimed bool) {
		w.Add(t, source("alice", name, func(s *backup.Snapshot) {
			s.Origin, s.Unclaimed, s.Owner = "srv1", unclaimed, &backup.Owner{UID: 1001, GID: 1001}
		}), parts(), members()...)
	}
	add("2026-01-05", false)
	add("2026-01-06T101500.archive", true)
	at := walk(t, show(t, w, view.Options{Owner: localOrigin}))
	dir := "/box/srv1/accounts/alice"
	if n := at[dir+"/2026-01-06T101500.archive"]; n.Attr.UID != 0 || n.Attr.Mode&0o077 != 0 {
		t.Errorf("unclaimed: owned by %d, mode %o", n.Attr.UID, n.Attr.Mode)
	}
	if n := at[dir+"/latest"]; n.Target != "2026-01-05" {
		t.Errorf("latest is %q", n.Target)
	}
}
