package view

import (
	"testing"

	"slotfs/indexer/backup"
)

func TestOwnersAreThoseOfTheSameNameHere(t *testing.T) {
	here := &Accounts{Users: map[string]uint32{"alice": 1002, "bob": 1001, "mail": 8, "eve": 4242}, Groups: map[string]uint32{"alice": 1002, "mail": 12},
		UserIDs: map[uint32]bool{1001: true, 1002: true, 8: true, 4242: true, 99: true}, GroupIDs: map[uint32]bool{1002: true, 12: true}}
	s := &backup.Snapshot{Names: backup.Names{Users: []backup.Name{{ID: 8, Name: "mail"}, {ID: 1002, Name: "bob"}, {ID: 1003, Name: "carol"}, {ID: 1004}, {ID: 4242}},
		Groups: []backup.Name{{ID: 8, Name: "mail"}, {ID: 1100, Name: "nowhere"}}}, Owner: &backup.Owner{UID: 1001, GID: 1001}}
	s.Account = "alice"
	const file, dir, link = backup.ModeRegular | 0o664, backup.ModeDir | 0o1775, backup.ModeSymlink | 0o777
	for _, c := range []struct{ in, want Attr }{
		{Attr{Mode: file}, Attr{Mode: file}},
		{Attr{Mode: file, UID: 1001, GID: 1001}, Attr{Mode: file, UID: 1002, GID: 1002}}, // the account's, without a name
		{Attr{Mode: file, UID: 1002, GID: 8}, Attr{Mode: file, UID: 1001, GID: 12}},
		{Attr{Mode: file, UID: 1003, GID: 8}, Attr{Mode: backup.ModeRegular | 0o600}},
		{Attr{Mode: dir, UID: 1003}, Attr{Mode: backup.ModeDir | 0o700}},
		{Attr{Mode: link, UID: 1003, GID: 1100}, Attr{Mode: link}},
		{Attr{Mode: file, UID: 8, GID: 1100}, Attr{Mode: backup.ModeRegular | 0o604, UID: 8}},
		{Attr{Mode: file, UID: 1004, GID: 5}, Attr{Mode: file, UID: 1004, GID: 5}}, // several names, and nobody's number
		{Attr{Mode: file, UID: 4242, GID: 0}, Attr{Mode: backup.ModeRegular | 0o600}},
		{Attr{Mode: file, UID: 99, GID: 99}, Attr{Mode: file, UID: 99, GID: 99}}, // a system's own
	} {
		if got := here.Local(c.in, s); got != c.want {
			t.Errorf("%+v: %+v, want %+v", c.in, got, c.want)
		}
	}
}
