package history

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// storeAt is an empty store whose clock stands.
func storeAt(t *testing.T, now time.Time) *Store {
	t.Helper()
	return &Store{Dir: filepath.Join(t.TempDir(), "history"), Now: func() time.Time { return now }}
}

func (s *Store) mustAdd(t *testing.T, all ...Record) {
	t.Helper()
	for _, r := range all {
		if err := s.Add(r); err != nil {
			t.Fatal(err)
		}
	}
}

func all(t *testing.T, f *Follower) (got []Record) {
	t.Helper()
	if err := f.Poll(func(r *Record) error { got = append(got, *r); return nil }); err != nil {
		t.Fatal(err)
	}
	return got
}

func backupOf(account string, ended time.Time, result Result) Record {
	return Record{Kind: Backup, Destination: "box", Job: "nightly", Account: account, Began: ended.Add(-time.Minute), Ended: ended, Result: result}
}

func TestRecordsComeBackAsTheyWereAdded(t *testing.T) {
	s := storeAt(t, noon)
	want := Record{Kind: Backup, Began: noon.Add(-time.Hour), Ended: noon, Seconds: 3600, Destination: "box", Job: "nightly", Account: "al\"ice\n",
		Run: "r1", Result: Partial, Slot: 3, Files: 10, Bytes: 1 << 40, Sent: 2, SentB: 3, Copied: 4, Linked: 5, Deleted: 6, Free: 7, Size: 8, Warning: "w",
		Cause: Full}
	s.mustAdd(t, want)
	if got := all(t, s.Follow()); len(got) != 1 || got[0] != want {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestNothingIsThereBeforeTheFirstRecord(t *testing.T) {
	if got := all(t, storeAt(t, noon).Follow()); got != nil {
		t.Errorf("got %v", got)
	}
}

func TestManyWritersLoseNothing(t *testing.T) {
	s := storeAt(t, noon)
	const writers, each = 8, 25
	var wait sync.WaitGroup
	for w := range writers {
		wait.Go(func() { // a store of its own, as another process has one
			own := &Store{Dir: s.Dir, Now: s.Now}
			for i := range each {
				if err := own.Add(backupOf(fmt.Sprintf("%d-%d-%s", w, i, strings.Repeat("x", 300*i)), noon, Complete)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	f, seen := s.Follow(), map[string]bool{}
	for _, r := range all(t, f) {
		seen[r.Account] = true
	}
	if len(seen) != writers*each || f.Skipped != 0 {
		t.Errorf("%d accounts, %d lines skipped", len(seen), f.Skipped)
	}
}

func TestTornLineIsSkippedAndCountedAndHidesNoOther(t *testing.T) {
	s := storeAt(t, noon)
	s.mustAdd(t, backupOf("a", noon, Complete), backupOf("b", noon, Complete))
	path := filepath.Join(s.Dir, "2026-11.jsonl")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := len(data) / 2; cut < len(data)-1; cut += 7 {
		if err := os.WriteFile(path, data[:cut+1], 0o600); err != nil {
			t.Fatal(err)
		}
		f := s.Follow()
		all(t, f)
		s.mustAdd(t, backupOf("c", noon, Complete))
		got := all(t, s.Follow())
		if got[0].Account != "a" || got[len(got)-1].Account != "c" {
			t.Fatalf("cut at %d: %v", cut, got)
		}
		if late := all(t, f); len(late) != 1 || late[0].Account != "c" {
			t.Fatalf("cut at %d: a follower saw %v", cut, late)
		}
	}
}

func TestGarbageIsSkipped(t *testing.T) {
	s := storeAt(t, noon)
	s.mustAdd(t, backupOf("a", noon, Complete))
	path := filepath.Join(s.Dir, "2026-11.jsonl")
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(f, "\x00\x00\n{}\n[1]\n%s\nnull\n", strings.Repeat("y", 3*maxLine))
	f.Close()
	s.mustAdd(t, backupOf("b", noon, Complete))
	follower := s.Follow()
	if got := all(t, follower); len(got) != 2 || got[1].Account != "b" || follower.Skipped != 5 {
		t.Errorf("%d records, %d skipped", len(got), follower.Skipped)
	}
}

func TestFollowerReadsWhatIsNewOnly(t *testing.T) {
	s := storeAt(t, noon)
	f := s.Follow()
	for i := range 3 {
		s.mustAdd(t, backupOf(fmt.Sprint(i), noon.AddDate(0, i, 0), Complete))
		if got := all(t, f); len(got) != 1 || got[0].Account != fmt.Sprint(i) {
			t.Errorf("%d: %v", i, got)
		}
	}
}

func TestOldMonthsGoAndNewOnesStay(t *testing.T) {
	s := storeAt(t, noon)
	for i := range 40 {
		s.mustAdd(t, backupOf("a", noon.AddDate(0, i-39, -28), Complete))
	}
	names, err := segments(s.Dir)
	if err != nil || names[0] != "2025-10.jsonl" || names[len(names)-1] != "2026-11.jsonl" {
		t.Errorf("%v, %v", names, err)
	}
}

func TestClockThatWasWrongForADayRemovesNothing(t *testing.T) {
	s := storeAt(t, noon)
	s.mustAdd(t, backupOf("a", noon, Complete))
	ahead := &Store{Dir: s.Dir, Now: func() time.Time { return noon.AddDate(20, 0, 0) }}
	ahead.mustAdd(t, backupOf("a", ahead.Now(), Complete))
	s.mustAdd(t, backupOf("a", noon.Add(time.Minute), Failed))
	board, _, err := s.Read()
	if err != nil {
		t.Fatal(err)
	}
	got := board.All[Key{Backup, "box", "nightly", "a"}]
	if got == nil || !got.LastGood.Equal(noon) || got.Last.Result != Failed {
		t.Errorf("standing %+v", got)
	}
}

func TestSizeIsBounded(t *testing.T) {
	before := maxSize
	maxSize = 1000
	defer func() { maxSize = before }()
	s := storeAt(t, noon)
	for i := range 10 {
		s.mustAdd(t, backupOf(strings.Repeat("z", 200), noon.AddDate(0, i-9, 0), Complete))
	}
	names, err := segments(s.Dir)
	if err != nil || len(names) > 4 || names[len(names)-1] != "2026-11.jsonl" {
		t.Errorf("%v, %v", names, err)
	}
}

func TestStandingTellsSinceWhenSomethingFails(t *testing.T) {
	b := NewBoard(func() time.Time { return noon })
	at := func(h int) time.Time { return noon.Add(time.Duration(h-48) * time.Hour) }
	unreached := backupOf("a", at(3), Failed)
	unreached.Cause = Unreachable
	for _, r := range []Record{backupOf("a", at(1), Complete), backupOf("a", at(2), Failed), unreached, backupOf("a", at(4), Busy),
		backupOf("a", at(5), Interrupted), backupOf("b", at(4), Partial), {Kind: Run, Destination: "box", Job: "nightly", Run: "r", Ended: at(6), Result: Failed,
			Free: 10, Size: 100}} {
		if err := b.Take(&r); err != nil {
			t.Fatal(err)
		}
	}
	a := b.All[Key{Backup, "box", "nightly", "a"}]
	if a.Last.Result != Failed || !a.LastGood.Equal(at(1)) || !a.Failing.Equal(at(2)) || a.Count[Busy] != 1 {
		t.Errorf("a stands %+v", a)
	}
	if got := b.All[Key{Backup, "box", "nightly", "b"}]; !got.Failing.IsZero() || !got.LastGood.Equal(at(4)) {
		t.Errorf("b stands %+v", got)
	}
	if !b.RunEnded("r") || b.RunEnded("s") {
		t.Error("runs")
	}
	if _, out := b.Troubles[Trouble{"box", Unreachable}]; out {
		t.Error("b reached the destination after the outage")
	}
	if got := b.Rooms["box"]; got.Free != 10 || got.Size != 100 {
		t.Errorf("room %+v", got)
	}
}

func FuzzLine(f *testing.F) {
	f.Add([]byte(`{"kind":"pass","ended":"2026-01-01T00:00:00Z"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		follower := (&Store{}).Follow()
		if err := follower.line(line, NewBoard(func() time.Time { return noon }).Take); err != nil {
			t.Error(err)
		}
	})
}
