package restore

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMailboxesAreMergedByWhatNamesHaveWithoutFlags(t *testing.T) {
	box := dir("top", dir("new", file("3.M3.h", "read since"), file("4.M4.h", "four")), dir("cur", file("1.M1.h,S=3:2,", "one"), file("2.M2.h:2,S", "gone"), file("5.M5.h:2,S", "same")),
		dir(".Sent", dir("cur", file("1.M1.h,S=3:2,", "another mailbox's"))), file("dovecot-uidlist", "old"), file("filter", "rules"))
	for _, o := range []Options{{Maildir: true}, {Maildir: true, Overwrite: true}} {
		to := t.TempDir()
		live := map[string]string{"cur/1.M1.h,S=3:2,RS": "one", "cur/3.M3.h:2,S": "read since", "cur/5.M5.h:2,S": "same", "new/6.M6.h": "came", "dovecot-uidlist": "live"}
		for name, data := range live {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(to, name)), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(to, name), []byte(data), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		o.Place, o.Rehearse = place(t, to), true
		if out := well(t, box, o); out.Files != 4 || out.Same != 4 {
			t.Errorf("%+v", out.Summary)
		}
		o.Place, o.Rehearse = place(t, to), false
		if out := well(t, box, o); out.Files != 4 || out.Same != 4 {
			t.Errorf("%+v", out.Summary)
		}
		live["new"], live["cur"], live[".Sent"], live[".Sent/cur"] = "folder", "folder", "folder", "folder"
		live["new/4.M4.h"], live["cur/2.M2.h:2,S"], live[".Sent/cur/1.M1.h,S=3:2,"], live["filter"] = "four", "gone", "another mailbox's", "rules"
		wantState(t, to, live)
	}
}

func TestMessagesThatGoRightIntoTheirDirectoryAreMergedToo(t *testing.T) {
	box := t.TempDir()
	to := filepath.Join(box, "new")
	if err := os.MkdirAll(filepath.Join(box, "cur"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(to, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(box, "cur", "1.M1.h:2,S"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := well(t, dir("new", file("1.M1.h", "x"), file("2.M2.h", "y")), Options{Place: place(t, to), Maildir: true})
	if out.Files != 1 || out.Same != 1 {
		t.Errorf("%+v", out.Summary)
	}
	wantState(t, to, map[string]string{"2.M2.h": "y"})
}
