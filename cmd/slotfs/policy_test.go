package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"slotfs/cmd/internal/service/jobs"
	"slotfs/cmd/internal/service/slots"
)

// slotsOf lists the slots of a job's account.
func (w *world) slotsOf(job, account string) (all []slots.Slot) {
	w.t.Helper()
	if err := json.Unmarshal([]byte(w.must(0, "slots", job, "--account", account, "--json").out), &all); err != nil {
		w.t.Fatal(err)
	}
	return all
}

func TestPolicyOfPeriodsSaysWhichSlotGoesAndWhy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	home := w.box()
	add := []string{"job", "add", "j", "--destination", "box", "--source", home + "/*"}
	for want, flags := range map[string][]string{
		"retention beside keep-daily": {"--retention", "3", "--keep-daily", "2"},
		"no backup would be kept":     {"--keep-daily", "0"},
		"keep-weekly -1":              {"--keep-daily", "2", "--keep-weekly", "-1"},
		"retention 0: want 1 to 999":  {"--retention", "0"},
	} {
		w.refused(2, want, append(add, flags...)...)
	}
	w.must(0, append(add, "--keep-daily", "2", "--keep-yearly", "1")...)
	if out := w.must(0, "job", "show", "j").out; !strings.Contains(out, "keep-daily 2, keep-yearly 1") {
		t.Errorf("show: %s", out)
	}
	for n, why := range []string{"0 of 3 slots are there", "1 of 3 slots are there", "2 of 3 slots are there", "no rule keeps it"} {
		if out := w.must(0, "sync", "j", "--dry-run").out; !strings.Contains(out, "would be written ("+why+")") {
			t.Errorf("dry run %d: %s", n, out)
		}
		if n > 0 && n < 3 {
			if free := w.slotsOf("j", "alice")[n]; free.Phase != "free" || free.Next != why {
				t.Errorf("after %d runs: %+v", n, free)
			}
		}
		w.must(0, "sync", "j")
	}
	// All are of one day: the newest is its backup, the oldest stands for years to come, and the one between is taken again.
	all := w.slotsOf("j", "alice")
	if len(all) != 3 || all[0].Slot != 2 || !strings.HasPrefix(all[0].KeptBy, "keep-daily ") || all[1].Next != "no rule keeps it" || all[2].KeptBy != "the oldest" {
		t.Errorf("slots are %+v", all)
	}
	w.must(0, "pin", "j", "alice", "3")
	if out := w.must(0, "slots", "j").out; !strings.Contains(out, "next: keep-daily keeps") && !strings.Contains(out, "slots are pinned") {
		t.Errorf("with a pin: %s", out)
	}
}

func TestSecondJobOverAnAccountCopiesOnTheServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	home := w.box()
	time.Sleep(3 * time.Second) // files that changed just before they were read are read again
	for _, name := range []string{"one", "two"} {
		w.must(0, "job", "add", name, "--destination", "box", "--source", home+"/*", "--retention", "2")
		var results []jobs.Result
		if err := json.Unmarshal([]byte(w.must(0, "sync", name, "--json").out), &results); err != nil {
			t.Fatal(err)
		}
		copied := int64(0)
		if name == "two" {
			copied = 1
		}
		for _, r := range results {
			if r.Copied != copied || r.Uploaded != 1-copied {
				t.Errorf("%s/%s: %+v", name, r.Account, r)
			}
		}
	}
	w.must(0, "verify", "two", "--full")
}
