package history

import (
	"path/filepath"
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
