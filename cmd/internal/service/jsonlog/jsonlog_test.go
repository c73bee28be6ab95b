package jsonlog

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

type record struct {
	Name  string    `json:"name"`
	Ended time.Time `json:"ended"`
}

func (r *record) time() time.Time { return r.Ended }

// logAt is an empty log whose clock stands.
func logAt(t *testing.T, now time.Time) *Log[record] {
	t.Helper()
	return &Log[record]{What: "log", Dir: filepath.Join(t.TempDir(), "log"), Now: func() time.Time { return now }, Time: (*record).time}
}

func mustAdd(t *testing.T, l *Log[record], all ...record) {
	t.Helper()
	for _, r := range all {
		if err := l.Add(&r); err != nil {
			t.Fatal(err)
		}
	}
}

func all(t *testing.T, f *Follower[record]) (got []record) {
	t.Helper()
	if err := f.Poll(func(r *record) error { got = append(got, *r); return nil }); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestManyWritersLoseNothing(t *testing.T) {
	s := logAt(t, noon)
	const writers, each = 8, 25
	var wait sync.WaitGroup
	for w := range writers {
		wait.Go(func() { // a log of its own, as another process has one
			own := *s
			for i := range each {
				if err := own.Add(&record{fmt.Sprintf("%d-%d-%s", w, i, strings.Repeat("x", 300*i)), noon}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	f, seen := s.Follow(), map[string]bool{}
	for _, r := range all(t, f) {
		seen[r.Name] = true
	}
	if len(seen) != writers*each || f.Skipped != 0 {
		t.Errorf("%d accounts, %d lines skipped", len(seen), f.Skipped)
	}
}

func TestTornLineIsSkippedAndCountedAndHidesNoOther(t *testing.T) {
	s := logAt(t, noon)
	mustAdd(t, s, record{"a", noon}, record{"b", noon})
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
		mustAdd(t, s, record{"c", noon})
		got := all(t, s.Follow())
		if got[0].Name != "a" || got[len(got)-1].Name != "c" {
			t.Fatalf("cut at %d: %v", cut, got)
		}
		if late := all(t, f); len(late) != 1 || late[0].Name != "c" {
			t.Fatalf("cut at %d: a follower saw %v", cut, late)
		}
	}
}

func TestGarbageIsSkipped(t *testing.T) {
	s := logAt(t, noon)
	mustAdd(t, s, record{"a", noon})
	path := filepath.Join(s.Dir, "2026-11.jsonl")
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(f, "\x00\x00\n{}\n[1]\n%s\nnull\n", strings.Repeat("y", 3*maxLine))
	f.Close()
	mustAdd(t, s, record{"b", noon})
	follower := s.Follow()
	if got := all(t, follower); len(got) != 2 || got[1].Name != "b" || follower.Skipped != 5 {
		t.Errorf("%d records, %d skipped", len(got), follower.Skipped)
	}
}

func TestFollowerReadsWhatIsNewOnly(t *testing.T) {
	s := logAt(t, noon)
	f := s.Follow()
	for i := range 3 {
		mustAdd(t, s, record{fmt.Sprint(i), noon.AddDate(0, i, 0)})
		if got := all(t, f); len(got) != 1 || got[0].Name != fmt.Sprint(i) {
			t.Errorf("%d: %v", i, got)
		}
	}
}

func TestOldMonthsGoAndNewOnesStay(t *testing.T) {
	s := logAt(t, noon)
	for i := range 40 {
		mustAdd(t, s, record{"a", noon.AddDate(0, i-39, -28)})
	}
	names, err := segments(s.Dir)
	if err != nil || names[0] != "2025-10.jsonl" || names[len(names)-1] != "2026-11.jsonl" {
		t.Errorf("%v, %v", names, err)
	}
}

func TestSizeIsBounded(t *testing.T) {
	s := logAt(t, noon)
	s.MaxSize = 1000
	for i := range 10 {
		mustAdd(t, s, record{strings.Repeat("z", 200), noon.AddDate(0, i-9, 0)})
	}
	names, err := segments(s.Dir)
	if err != nil || len(names) > 4 || names[len(names)-1] != "2026-11.jsonl" {
		t.Errorf("%v, %v", names, err)
	}
}

func FuzzLine(f *testing.F) {
	f.Add([]byte(`{"name":"x","ended":"2026-01-01T00:00:00Z"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		follower := (&Log[record]{Time: (*record).time}).Follow()
		if err := follower.line(line, func(*record) error { return nil }); err != nil {
			t.Error(err)
		}
	})
}

func TestMonthsThatEndedBeforeAreNotRead(t *testing.T) {
	l := logAt(t, noon)
	for month := range 3 {
		at := noon.AddDate(0, month-2, 0)
		l.Now = func() time.Time { return at }
		mustAdd(t, l, record{Name: at.Month().String(), Ended: at})
	}
	got := all(t, l.FollowSince(noon.AddDate(0, -1, 0)))
	if len(got) != 2 || got[0].Name != "October" || got[1].Name != "November" {
		t.Errorf("read %v", got)
	}
}
