package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"slotfs/cmd/internal/service/gone"
)

// goneRecord reads what is known of accounts that a job finds no more, and has change change it.
func (w *world) goneRecord(change func(r *gone.Record)) {
	w.t.Helper()
	path := filepath.Join(w.state, "gone", "box", "j.json")
	data, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	var r gone.Record
	if err := json.Unmarshal(data, &r); err != nil {
		w.t.Fatal(err)
	}
	change(&r)
	if data, err = json.Marshal(r); err == nil {
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// missedFor makes it so that carol was not found on some days before today.
func (w *world) missedFor(days int) {
	w.t.Helper()
	w.goneRecord(func(r *gone.Record) {
		a := r.Accounts["carol"]
		a.Days, a.RemoteDays, a.Announced = nil, nil, max(0, days-3)
		for n := days; n > 0; n-- {
			day := time.Now().AddDate(0, 0, -n).Format(time.DateOnly)
			a.Days, a.RemoteDays = append(a.Days, day), append(a.RemoteDays, time.Now().UTC().AddDate(0, 0, -n).Format(time.DateOnly))
		}
		a.Since = time.Now().AddDate(0, 0, -days).Add(-time.Hour)
		a.Remote = a.Since
	})
}

func TestBackupsOfAnAccountThatIsGoneForLongAreRemovedAndOfNoOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	home := w.box()
	if err := os.MkdirAll(filepath.Join(home, "carol"), 0o755); err != nil {
		t.Fatal(err)
	}
	add := []string{"job", "add", "j", "--destination", "box", "--source", home + "/*", "--retention", "2", "--gone-after"}
	w.refused(2, "want at least a day", append(add, "23h")...)
	w.must(0, append(add, "10d")...)
	w.must(0, "sync", "j")
	if err := os.Remove(filepath.Join(home, "carol")); err != nil {
		t.Fatal(err)
	}
	w.must(3, "sync", "j") // it warns
	if all := w.slotsOf("j", "carol"); len(all) != 1 || !all[0].Gone || all[0].GoneSince == nil || all[0].Next != "" {
		t.Errorf("carol has %+v", all)
	}
	if all := w.slotsOf("j", "alice"); all[0].Gone {
		t.Errorf("alice has %+v", all)
	}
	w.missedFor(4)
	w.must(0, "sync", "j")
	if out := w.run("status", "--check").out; !strings.Contains(out, "j/carol: the account is gone") || !strings.Contains(out, "WARNING") {
		t.Errorf("status --check: %s", out)
	}
	there := func(want bool, when string) {
		t.Helper()
		if _, err := os.Stat(filepath.Join(w.store, "j", "carol", "slot-01", "state.json")); (err == nil) != want {
			t.Errorf("%s: %v", when, err)
		}
	}
	w.missedFor(10)
	if err := syscall.Mount("other", home, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"alice", "bob", "dave"} {
		if err := os.Mkdir(filepath.Join(home, name), 0o755); err != nil {
			t.Error(err)
		}
	}
	w.run("sync", "j")
	if err := syscall.Unmount(home, 0); err != nil {
		t.Fatal(err)
	}
	there(true, "under another mount")
	w.goneRecord(func(r *gone.Record) { delete(r.Accounts, "dave") })
	w.must(0, "pin", "j", "carol", "1")
	w.run("sync", "j")
	there(true, "with a pin")
	w.must(0, "unpin", "j", "carol", "1")
	if out := w.run("sync", "j").out; !strings.Contains(out, "j/carol: the account is gone: 1 slot removed") {
		t.Errorf("sync: %s", out)
	}
	there(false, "when it was time")
	if _, err := os.Stat(filepath.Join(w.store, "j", "carol")); !os.IsNotExist(err) {
		t.Errorf("its directory: %v", err)
	}
	if all := w.slotsOf("j", "bob"); len(all) < 2 || all[0].Phase != "complete" {
		t.Errorf("bob has %+v", all)
	}
}
