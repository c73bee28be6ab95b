package view_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"slotfs/fs/fstest"
	"slotfs/fs/view"
	"slotfs/indexer/backup"
)

// with changes the attributes of a member.
func with(m fstest.Member, mode, uid, gid uint32) fstest.Member {
	m.Mode = m.Mode&backup.ModeType | mode
	m.UID, m.GID = uid, gid
	return m
}

// members are those of a small account.
func members() []fstest.Member {
	return []fstest.Member{
		with(fstest.Dir("alice"), 0o711, 0, 0),
		with(fstest.File("alice/shadow", "secret"), 0o600, 0, 0),
		with(fstest.Dir("alice/homedir"), 0o711, 1001, 99),
		with(fstest.File("alice/homedir/suid", "#!"), 0o6755, 1001, 1001),
		with(fstest.File("alice/homedir/roots", "r"), 0o640, 0, 12),
		with(fstest.Hard("alice/homedir/hard", "alice/homedir/suid"), 0, 0, 0),
		with(fstest.Hard("alice/homedir/leak", "alice/ssl/key"), 0, 0, 0),
		{Path: "alice/homedir/null", Entry: backup.Entry{Mode: backup.ModeChar | 0o666, Rdev: 259}},
		{Path: "alice/homedir/disk", Entry: backup.Entry{Mode: backup.ModeBlock | 0o666}},
		fstest.Dir("alice/homedir/mail"),
		fstest.Dir("alice/homedir/mail/d"),
		fstest.Dir("alice/homedir/mail/d/info"),
		fstest.File("alice/homedir/mail/d/info/1", "m"),
		with(fstest.Hard("alice/homedir/mail/d/info/copy", "alice/homedir/suid"), 0, 0, 0),
		with(fstest.File("alice/mysql.sql", "GRANT"), 0o644, 0, 0),
		with(fstest.Hard("alice/homedir/leak2", "alice/mysql.sql"), 0, 0, 0),
		fstest.Dir("alice/homedir.tar\x00"),
		fstest.File("alice/homedir.tar\x00/nested", "n"),
		fstest.Dir("alice/ssl"),
		with(fstest.File("alice/ssl/key", "k"), 0o664, 0, 0),
		with(fstest.Hard("alice/homedir/leak", "alice/ssl/key"), 0, 0, 0),
		fstest.Dir("alice/cron"),
	}
}

// parts cuts them, with pieces that overlap and pieces that are not there.
func parts() *backup.Parts {
	return &backup.Parts{Full: "alice", Grafts: []backup.Graft{
		{Kind: backup.Files, Path: "files", From: "alice/homedir"},
		{Kind: backup.Email, Path: "email/all", From: "alice/homedir/mail"},
		{Kind: backup.Email, Path: "email/d/info", From: "alice/homedir/mail/d/info"},
		{Kind: backup.Email, Path: "email/d/again", From: "alice/homedir/mail/d"},
		{Kind: backup.Email, Path: "email/d/info/below", From: "alice/homedir/mail"},
		{Kind: backup.Email, Path: "email/d/lost", From: "alice/homedir/mail/lost"},
		{Kind: backup.Email, Path: "email/../../x", Content: []byte("x")},
		{Kind: backup.Email, Path: "files/other", Content: []byte("x")},
		{Kind: backup.SSL, Path: "ssl", From: "alice/ssl", Secret: true},
		{Kind: backup.Cron, Path: "cron", From: "alice/cron"},
		{Kind: backup.Config, Path: "config/hashes", Content: []byte("h"), Secret: true},
		{Kind: backup.Config, Path: "config/nested", From: "alice/homedir.tar\x00"},
	}}
}

func account(t *testing.T, s backup.Snapshot) map[string]view.Node {
	w := fstest.NewWorld()
	w.Add(t, s, parts(), members()...)
	at := walk(t, show(t, w, view.Options{Owner: users}))
	below := map[string]view.Node{}
	for p, n := range at {
		if rest, ok := strings.CutPrefix(p, "/box/accounts/"); ok {
			below[rest] = n
		}
	}
	return below
}

func TestPartsAreCutOut(t *testing.T) {
	at := account(t, source("alice", "2026-01-05", nil))
	want := strings.Fields(`archive archive/alice.tar.gz config config/hashes config/nested config/nested/nested email
		email/all email/all/d email/all/d/info email/all/d/info/1 email/all/d/info/copy email/d
		email/d/again email/d/again/info email/d/again/info/1 email/d/again/info/copy email/d/info
		email/d/info/1 email/d/info/copy files files/hard files/leak files/leak2 files/mail
		files/mail/d files/mail/d/info files/mail/d/info/1 files/mail/d/info/copy files/roots
		files/suid full full/cron full/homedir full/homedir/hard full/homedir/leak
		full/homedir/leak2 full/homedir/mail full/homedir/mail/d full/homedir/mail/d/info
		full/homedir/mail/d/info/1 full/homedir/mail/d/info/copy full/homedir/roots
		full/homedir/suid full/mysql.sql full/shadow full/ssl full/ssl/key snapshot.json ssl
		ssl/key`)
	if got := paths(at, "alice/2026-01-05/"); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestOwnersAndModes(t *testing.T) {
	own := func(s *backup.Snapshot) { s.Owner = &backup.Owner{UID: 1001, GID: 99} }
	tree := func(s *backup.Snapshot) { own(s); s.Kind = backup.Tree }
	for _, c := range []struct {
		account, path string
		change        func(*backup.Snapshot)
		want          string
	}{
		{"alice", "", own, "700 5001 5002"},
		{"alice", "/2026-01-05", own, "755 5001 5002"},
		{"alice", "/2026-01-05/files", own, "711 5001 5002"},
		{"alice", "/2026-01-05/files/suid", own, "755 5001 1001"},
		{"alice", "/2026-01-05/files/roots", own, "640 0 12"},
		{"alice", "/2026-01-05/files/roots", tree, "640 5001 12"},
		{"alice", "/2026-01-05/files/leak", own, "400 0 0"},
		{"alice", "/2026-01-05/files/leak2", own, "400 0 0"},
		{"alice", "/2026-01-05/email/d/info/copy", own, "755 5001 1001"},
		{"alice", "/2026-01-05/full", own, "700 0 0"},
		{"alice", "/2026-01-05/full/homedir/suid", own, "755 1001 1001"},
		{"alice", "/2026-01-05/full/homedir/roots", tree, "640 0 12"},
		{"alice", "/2026-01-05/full/ssl/key", own, "664 0 0"},
		{"alice", "/2026-01-05/ssl", own, "700 0 0"},
		{"alice", "/2026-01-05/ssl/key", own, "400 0 0"},
		{"alice", "/2026-01-05/config/hashes", own, "400 0 0"},
		{"alice", "/2026-01-05/archive", own, "700 0 0"},
		{"alice", "/2026-01-05/archive/alice.tar.gz", own, "400 0 0"},
		{"alice", "/2026-01-05/snapshot.json", own, "644 5001 5002"},
		{"alice", "/2026-01-05/email", own, "755 5001 5002"},
		{"bob", "", own, "700 0 0"},
		{"bob", "/2026-01-05/files", own, "711 1001 99"},
		{"bob", "/2026-01-05/full", own, "711 0 0"},
		{"bob", "/2026-01-05/ssl", own, "700 0 0"},
		{"root", "", own, "700 0 0"},
		{"root", "/2026-01-05/full", own, "711 0 0"},
	} {
		at := account(t, source(c.account, "2026-01-05", c.change))
		n, ok := at[c.account+c.path]
		got := fmt.Sprintf("%o %d %d", n.Attr.Mode&backup.ModePerm, n.Attr.UID, n.Attr.GID)
		if !ok || got != c.want {
			t.Errorf("%s%s: %s, want %s", c.account, c.path, got, c.want)
		}
	}
}

func TestTheDirectoryOfSystemBackupsIsForRoot(t *testing.T) {
	w := fstest.NewWorld()
	w.Add(t, source("", "2026-01-05", func(s *backup.Snapshot) { s.System = true }), nil, fstest.File("etc_shadow", "x"))
	at := walk(t, show(t, w, view.Options{Owner: users}))
	for path, want := range map[string]uint32{"/box/system": 0o700, "/box": 0o555, "/.slotfs/status.json": 0o400} {
		if n := at[path]; n.Attr.Mode&backup.ModePerm != want || n.Attr.UID != 0 {
			t.Errorf("%s: %o of %d", path, n.Attr.Mode, n.Attr.UID)
		}
	}
}

func TestHardLinksShareAnInodeInEveryView(t *testing.T) {
	at := account(t, source("alice", "2026-01-05", nil))
	for _, dir := range []string{"alice/2026-01-05/files/", "alice/2026-01-05/full/homedir/"} {
		a, b := at[dir+"suid"], at[dir+"hard"]
		if a.Attr.Ino != b.Attr.Ino || a.ID == b.ID || a.Attr.Nlink != 3 {
			t.Errorf("%s: inodes %#x and %#x, %d links", dir, a.Attr.Ino, b.Attr.Ino, a.Attr.Nlink)
		}
	}
}

func TestPrivilegesByAttributeDoNotSurvive(t *testing.T) {
	w := fstest.NewWorld()
	file := fstest.File("ping", "x")
	file.Xattrs = []backup.Xattr{{Name: "security.capability", Value: "all"}, {Name: "user.a", Value: "1"}}
	w.Add(t, source("alice", "2026-01-05", nil), nil, file)
	n := walk(t, show(t, w, view.Options{}))["/box/accounts/alice/2026-01-05/full/ping"]
	if len(n.Xattrs) != 1 || n.Xattrs[0].Name != "user.a" {
		t.Errorf("%v", n.Xattrs)
	}
}

func TestPiecesOfASplitArchiveAreShown(t *testing.T) {
	w := fstest.NewWorld()
	w.Add(t, source("alice", "2026-01-05", func(s *backup.Snapshot) {
		s.Files = []backup.File{{Path: "a/x.part1", Size: 7}, {Path: "a/x.part2", Size: 5, MTime: 9}, {Path: "b/x.part1"}}
	}), nil, fstest.File("f", "x"))
	at := walk(t, show(t, w, view.Options{}))
	const dir = "/box/accounts/alice/2026-01-05/archive/"
	if got := paths(at, dir); !slices.Equal(got, []string{"x.part1", "x.part1.2", "x.part2"}) {
		t.Errorf("%q", got)
	}
	if n := at[dir+"x.part2"]; n.Attr.Size != 5 || n.Attr.MTime != backup.Nanoseconds(9e9) || n.Piece != 1 || n.Source != view.FromOriginal {
		t.Errorf("%+v", n)
	}
}

func TestAPartThatIsTheWholeTree(t *testing.T) {
	w := fstest.NewWorld()
	w.Add(t, source("alice", "2026-01-05", nil), &backup.Parts{Grafts: []backup.Graft{{Kind: backup.Files, Path: "files"}}},
		fstest.File("f", "x"))
	at := walk(t, show(t, w, view.Options{}))
	if _, ok := at["/box/accounts/alice/2026-01-05/files/f"]; !ok {
		t.Errorf("%q", paths(at, "/box/accounts/alice/2026-01-05/"))
	}
}

// FuzzParts cuts a tree in ways that no engine would; whatever comes of it must hold together.
func FuzzParts(f *testing.F) {
	f.Add("email/a;alice/homedir/mail;email/b;alice/homedir/mail/d", false)
	f.Add("files;alice;files/x;alice/homedir;files/x/y;;ssl;alice/ssl", true)
	f.Add("email/\xff;alice/homedir.tar\x00;cron/\x00;alice/cron;full/x;alice", true)
	f.Fuzz(func(t *testing.T, spec string, secret bool) {
		fields := strings.Split(spec, ";")
		if len(fields) > 40 {
			return
		}
		p := &backup.Parts{Full: "alice"}
		for i := 0; i+1 < len(fields); i += 2 {
			kind, _, _ := strings.Cut(fields[i], "/")
			p.Grafts = append(p.Grafts, backup.Graft{Kind: backup.PartKind(kind), Path: fields[i], From: fields[i+1], Secret: secret})
		}
		w := fstest.NewWorld()
		w.Add(t, source("alice", "2026-01-05", nil), p, members()...)
		walk(t, show(t, w, view.Options{Owner: users}))
	})
}

// FuzzNames shows two accounts of any names, each with two snapshots of any names.
func FuzzNames(f *testing.F) {
	f.Add("a", "b", "2026-01-05", "2026-01-05", "o", "accounts")
	f.Add("latest", "latest~", "..", "", "accounts~", "accounts")
	f.Add("a/b", "a_b", "\x00", strings.Repeat("n", 300), "x//y", "x/y")
	f.Add("a", "a", "n", "n", "x//y", "x/y")
	f.Fuzz(func(t *testing.T, a, b, first, second, origin, other string) {
		if len(a)+len(b)+len(first)+len(second)+len(origin)+len(other) > 4000 {
			return
		}
		w := fstest.NewWorld()
		for i, account := range []string{a, b} {
			for j, name := range []string{first, second} {
				w.Add(t, source(account, name, func(s *backup.Snapshot) {
					s.Origin, s.Status = origin, []backup.Status{backup.Complete, backup.Truncated}[(i+j)%2]
					if j == 1 {
						s.Origin = other
					}
				}), nil, fstest.File("x", "1"))
			}
		}
		shown := 0
		for p := range walk(t, show(t, w, view.Options{})) {
			if strings.HasSuffix(p, "/full/x") {
				shown++
			}
		}
		if shown != 4 {
			t.Errorf("%d of 4 snapshots are shown", shown)
		}
	})
}

func TestFullOfATreeThatFilesShowsWholeIsTheCustomersToo(t *testing.T) {
	whole := &backup.Parts{Grafts: []backup.Graft{{Kind: backup.Files, Path: "files"}}}
	w := fstest.NewWorld()
	s := source("alice", "2026-01-05T020000", func(s *backup.Snapshot) {
		s.Kind, s.Owner = backup.Slot, &backup.Owner{UID: 1001, GID: 1001}
	})
	roots := fstest.File("roots", "x")
	roots.UID, roots.GID = 0, 0
	w.Add(t, s, whole, fstest.Dir(""), fstest.File("a", "x"), roots)
	at := walk(t, show(t, w, view.Options{Owner: users}))
	for path, want := range map[string][2]uint32{
		"files": {5001, 5002}, "files/a": {5001, 5002}, "files/roots": {0, 0}, "full": {1001, 1001}, "full/a": {1001, 1001}, "full/roots": {0, 0},
	} {
		n, ok := at["/box/accounts/alice/2026-01-05T020000/"+path]
		if !ok || n.Attr.UID != want[0] || n.Attr.GID != want[1] {
			t.Errorf("%s: %v, owned by %d:%d, want %v", path, ok, n.Attr.UID, n.Attr.GID, want)
		}
	}
	if _, ok := at["/box/accounts/alice/2026-01-05T020000/archive"]; ok {
		t.Error("a slot has an archive/")
	}
}
