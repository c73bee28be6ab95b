package view_test

import (
	"strings"
	"testing"

	"slotfs/fs/fstest"
	"slotfs/fs/view"
	"slotfs/indexer/backup"
)

func TestWhatIsWithheldFromOwnersIsRootsWhereverItIsShown(t *testing.T) {
	w := fstest.NewWorld()
	all := append(members(), fstest.Hard("alice/homedir/message", "alice/homedir/mail/d/info/1"))
	w.Add(t, source("alice", "2026-01-05", func(s *backup.Snapshot) { s.Owner = &backup.Owner{UID: 1001, GID: 1001} }), parts(), all...)
	held := map[backup.PartKind]view.Withheld{}
	v := show(t, w, view.Options{Owner: users, Withheld: func() map[backup.PartKind]view.Withheld { return held }})
	roots := func() string {
		var found []string
		for path, n := range walk(t, v) {
			rest, ok := strings.CutPrefix(path, "/box/accounts/alice/2026-01-05/")
			if ok && n.Attr.UID == 0 && n.Attr.Mode&0o077 == 0 && !strings.HasPrefix(rest, "full") && !strings.HasPrefix(rest, "archive") {
				found = append(found, rest)
			}
		}
		return " " + strings.Join(found, " ") + " "
	}
	before := roots()
	for _, c := range []struct {
		kind     backup.PartKind
		is       view.Withheld
		roots    string
		notRoots string
	}{
		{backup.Email, view.Withheld{Names: true, Contents: true}, "email email/all email/d email/d/info files/mail files/mail/d/info files/mail/d/info/1 files/message", "files/suid cron"},
		{backup.Email, view.Withheld{Contents: true}, "email/d/info/1 files/mail/d/info/1 files/message", "email email/all files/mail files/mail/d/info files/suid"},
		{backup.Files, view.Withheld{Names: true, Contents: true}, "files files/suid files/mail", "email email/all email/d/info/1 cron"},
		{backup.Config, view.Withheld{Names: true, Contents: true}, "config config/hashes", "email files/suid"},
	} {
		held = map[backup.PartKind]view.Withheld{c.kind: c.is}
		got := roots()
		for p := range strings.FieldsSeq(c.roots) {
			if !strings.Contains(got, " "+p+" ") {
				t.Errorf("%s %+v: %s is not root's", c.kind, c.is, p)
			}
		}
		for p := range strings.FieldsSeq(c.notRoots) {
			if strings.Contains(got, " "+p+" ") {
				t.Errorf("%s %+v: %s is root's", c.kind, c.is, p)
			}
		}
	}
	held = nil
	if len(roots()) != len(before) {
		t.Errorf("nothing is withheld any more, but %s", roots())
	}
}
