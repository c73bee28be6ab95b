package audit

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestRecordsAreBoundedAndComeBack(t *testing.T) {
	t.Parallel()
	l := Open(filepath.Join(t.TempDir(), "audit"))
	paths := make([]string, 500)
	for i := range paths {
		paths[i] = strings.Repeat("\x01", 100_000)
	}
	for _, r := range []Record{{Who: "root", Action: Restore, Paths: []string{"a/b"}, Detail: "/root"},
		{Who: "account alice", Action: Download, Paths: paths, From: strings.Repeat("\x02", 1<<20)}} {
		if err := l.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	var got []Record
	skipped, err := l.Read(func(r *Record) error { got = append(got, *r); return nil })
	if err != nil || skipped != 0 || len(got) != 2 {
		t.Fatalf("%d records, %d skipped, %v", len(got), skipped, err)
	}
	if r := got[0]; r.Who != "root" || r.Action != Restore || r.Count != 1 || r.Paths[0] != "a/b" || r.Detail != "/root" || r.Time.IsZero() {
		t.Errorf("%+v", r)
	}
	if r := got[1]; r.Count != 500 || len(r.Paths) != MaxPaths || len(r.Paths[0]) > maxText+3 || len(r.From) > maxText+3 {
		t.Errorf("%d paths of %d", len(r.Paths), r.Count)
	}
}
