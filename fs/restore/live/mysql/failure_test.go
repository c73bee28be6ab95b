package mysql

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAServerThatDiesLeavesBeforeOrAfter(t *testing.T) {
	for _, stage := range []string{"imported", "swapping", "swapped"} {
		w := newWorld(t, "alice_crash")
		raw, err := real.Dump(w.db)
		if err != nil {
			t.Fatal(err)
		}
		good, spoiled := w.dump(w.db), w.spoil()
		o := w.options(raw)
		o.Reached = func(step string) {
			if step == stage {
				real.Kill()
			}
		}
		if out, err := w.s.Restore(t.Context(), w.store, o); err == nil {
			t.Errorf("%s: %+v without a server", stage, out)
		}
		if err := real.Start(); err != nil {
			t.Fatal(err)
		}
		if ids, err := w.s.Tidy(t.Context(), w.store); err != nil || len(ids) != 1 {
			t.Fatalf("%s: %v, %v", stage, ids, err)
		}
		if stage == "swapped" {
			w.expect(stage, good)
		} else {
			w.expect(stage, spoiled)
		}
		w.clean()
	}
}

func TestWhatCannotBeWrittenToAFileStaysOnTheServer(t *testing.T) {
	w := newWorld(t, "alice_full")
	before := w.dump(w.db)
	path := os.Getenv("PATH")
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, "mariadb-dump"), []byte("#!/bin/sh\necho '-- a beginning'\necho no space left >&2\nexit 5\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", broken+":"+path)
	out, err := w.s.Restore(t.Context(), w.store, w.options("CREATE TABLE only (i INT);"))
	if !errors.Is(err, ErrKept) || !strings.Contains(err.Error(), "no space left") || len(out.Tables) != 1 {
		t.Fatalf("%+v, %v", out, err)
	}
	if got := w.query("SHOW TABLES IN alice_full"); got != "only\n" {
		t.Errorf("the live database has %q", got)
	}
	t.Setenv("PATH", path)
	if ids, err := w.s.Tidy(t.Context(), w.store); err != nil || len(ids) != 1 {
		t.Fatalf("%v, %v", ids, err)
	}
	w.clean()
	rec, err := w.store.Open(out.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Close()
	if _, err := w.s.Undo(t.Context(), w.store, rec, w.options("")); err != nil {
		t.Fatal(err)
	}
	w.expect("after the undo", before)
	w.clean()
}

func TestAServerWithABinaryLogTakesFunctionsAndTriggers(t *testing.T) {
	w := newWorld(t, "alice_binlog")
	raw, err := real.Dump(w.db)
	if err != nil {
		t.Fatal(err)
	}
	good := w.dump(w.db)
	w.spoil()
	w.query("SET GLOBAL log_bin_trust_function_creators = OFF")
	defer w.query("SET GLOBAL log_bin_trust_function_creators = ON")
	if _, err := w.s.Restore(t.Context(), w.store, w.options(raw)); err != nil {
		t.Fatal(err)
	}
	w.expect("after the restore", good)
	w.clean()
}
