package upload

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"slotfs/indexer/backup"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/plan"
	"slotfs/sftpdest/slot/source"
)

func TestFileThatChangesWhileItIsComparedIsReadAgainNextTime(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "file")
	if err := os.WriteFile(path, []byte("before"), 0o644); err != nil {
		t.Fatal(err)
	}
	src, err := source.Open(root, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	a := &plan.Action{Do: plan.Compare}
	for found, err := range src.Walk(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if found.Path == "file" {
			a.Entry = found.Entry
		}
	}
	f, err := src.OpenFile("file", &a.Entry)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.WriteFile(path, []byte("after "), 0o644); err != nil {
		t.Fatal(err)
	}
	u := &Uploader{o: Options{Now: time.Now}}
	unchanged, err := u.checkUnchanged(f, a, 6, false)
	if err != nil {
		t.Fatal(err)
	}
	if unchanged || a.Entry.Flags&manifest.Racy == 0 {
		t.Errorf("unchanged %v, flags %b: another change within the same tick would not be seen", unchanged, a.Entry.Flags)
	}
}

func TestFileOfEqualContentUnderAnotherTimeIsSent(t *testing.T) {
	a := &plan.Action{Do: plan.Compare, Claim: manifest.Digest{Hash: "x"}, Old: &manifest.Entry{Entry: backup.Entry{MTime: 5e9}}}
	if a.Entry.MTime = 5e9 + 7; !hasContent(a, "x") {
		t.Error("the same second is another time")
	}
	if a.Entry.MTime = 6e9; hasContent(a, "x") {
		t.Error("readers would find another time than the manifest's")
	}
}
