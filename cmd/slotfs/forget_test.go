package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slotfs/cmd/internal/service/slots"
)

func TestForgetRemovesAllBackupsOfAnAccountAndNoOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	home := w.box()
	w.must(0, "job", "add", "j", "--destination", "box", "--source", home+"/*", "--retention", "2")
	for range 2 {
		w.must(0, "sync", "j")
	}
	w.must(0, "index", "box")
	for want, args := range map[string][]string{
		"give --yes":                {"forget", "j", "alice"},
		"account nobody: no slots":  {"forget", "j", "nobody", "--yes"},
		`account "../x"`:            {"forget", "j", "../x", "--yes"},
		"job k: not in":             {"forget", "k", "alice", "--yes"},
		"ACCOUNT is missing":        {"forget", "j"},
		`unexpected argument "bob"`: {"forget", "j", "alice", "bob"},
	} {
		if r := w.run(args...); r.code != 2 || !strings.Contains(r.err, want) {
			t.Errorf("%v: want %q: %+v", args, want, r)
		}
	}
	w.must(0, "pin", "j", "alice", "2")
	w.refused(1, "the slot is pinned", "forget", "j", "alice", "--yes")
	w.must(0, "unpin", "j", "alice", "2")
	if all := w.slotsOf("j", "alice"); len(all) != 2 {
		t.Fatalf("before: %+v", all)
	}
	var done slots.Forgotten
	if err := json.Unmarshal([]byte(w.must(0, "forget", "j", "alice", "--yes", "--json").out), &done); err != nil || done.Slots != 2 || done.Bytes != 28 {
		t.Errorf("forgotten: %+v, %v", done, err)
	}
	if _, err := os.Stat(filepath.Join(w.store, "j", "alice")); !os.IsNotExist(err) {
		t.Errorf("alice is there: %v", err)
	}
	if all := w.slotsOf("j", "bob"); len(all) != 2 || all[0].Phase != "complete" || all[1].Phase != "complete" {
		t.Errorf("bob has %+v", all)
	}
	w.must(0, "index", "box")
	if out := w.must(0, "ls", "box/j/accounts").out; strings.Contains(out, "alice") || !strings.Contains(out, "bob") {
		t.Errorf("the index shows %s", out)
	}
	if out := w.must(0, "history", "j").out; !strings.Contains(out, "forget") || !strings.Contains(out, "2 slots") {
		t.Errorf("history: %s", out)
	}
	w.must(0, "sync", "j") // it is still there, and is backed up anew
	if all := w.slotsOf("j", "alice"); len(all) != 2 || all[0].Gen != 1 || all[1].Phase != "free" {
		t.Errorf("after the next sync: %+v", all)
	}
	text := filepath.Join(w.dir, "slotfs.prom")
	w.configure("[metrics]\ntextfile = \"" + text + "\"\n")
	if err := os.RemoveAll(filepath.Join(home, "alice")); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ args, want string }{{"sync j", "1"}, {"forget j alice --yes", ""}, {"index box", "0"}} {
		w.run(strings.Fields(step.args)...) // the first one ends with 3: an account is gone
		shown, err := os.ReadFile(text)
		if want := `slotfs_job_gone_accounts{destination="box",job="j"} ` + step.want; err != nil || !strings.Contains(string(shown), want) {
			t.Errorf("%s: %q is not shown, %v", step.args, want, err)
		}
	}
}
