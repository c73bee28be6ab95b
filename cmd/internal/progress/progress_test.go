package progress

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"slotfs/indexer/backup"
)

// clock is a time that tests move.
type clock struct{ at time.Time }

func (c *clock) now() time.Time          { return c.at }
func (c *clock) advance(d time.Duration) { c.at = c.at.Add(d) }

func archive(account string) *backup.Source {
	return &backup.Source{Origin: "srv1", Account: account, Name: "2026-01-05", Kind: backup.TarGzip,
		Files: []backup.File{{Path: "2026-01-05/accounts/" + account + ".tar.gz", Size: 1000}}}
}

func TestFeedBoundsReadEventsAndKeepsTheRest(t *testing.T) {
	c := &clock{at: time.Unix(1000, 0)}
	var kinds []Kind
	f := NewFeed("offsite", c.now, func(e Event) { kinds = append(kinds, e.Kind) })
	s := archive("alice")
	f.Planned(1, 1000)
	f.Began(s, 1000, 0)
	for i := range int64(1000) {
		f.Read(s, i)
		c.advance(time.Millisecond)
	}
	f.Ended(s, &backup.Snapshot{Status: backup.Complete}, nil)
	if len(kinds) > 3+5 || len(kinds) < 5 || kinds[0] != Planned || kinds[1] != Began || kinds[len(kinds)-1] != Ended {
		t.Errorf("events: %v", kinds)
	}
}

func TestEventsSurviveTheSocket(t *testing.T) {
	c := &clock{at: time.Unix(1000, 0)}
	f := NewFeed("offsite", c.now, func(e Event) {
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var back Event
		if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(e, back) {
			t.Errorf("%+v became %+v: %v", e, back, err)
		}
	})
	f.Began(archive("alice"), 1000, 10)
	f.Ended(archive("alice"), &backup.Snapshot{Status: backup.Corrupt, Detail: "byte 7"}, errors.New("gone"))
}

// play shows a pass over two archives.
func play(r *Renderer, c *clock) {
	r.Handle(Event{Kind: Started, Destination: "offsite"})
	f := NewFeed("offsite", c.now, r.Handle)
	f.Walked(12, 2)
	f.Planned(2, 2<<30)
	alice, bob := archive("alice"), archive("bob\x1b")
	f.Began(alice, 1<<30, 0)
	f.Began(bob, 1<<30, 0)
	c.advance(10 * time.Second)
	f.Read(alice, 1<<29)
	c.advance(30 * time.Second)
	f.Ended(alice, &backup.Snapshot{Status: backup.Complete}, nil)
	f.Ended(bob, &backup.Snapshot{Status: backup.Truncated, Detail: "ends at byte 77"}, nil)
	r.Close()
}

func TestPlainLinesSayWhatIsDoneAndWhatIsWrong(t *testing.T) {
	c := &clock{at: time.Unix(1000, 0)}
	var out bytes.Buffer
	play(NewRenderer(NewScreen(&out, nil, c.now)), c)
	for _, want := range []string{`offsite: 2026-01-05/accounts/bob\x1b.tar.gz: truncated: ends at byte 77`, "of 2 backups"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing from\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "\x1b") || strings.Contains(out.String(), "alice.tar.gz:") {
		t.Errorf("lines with control characters, or about what is right:\n%q", out.String())
	}
}

func TestLiveBlockShowsRateAndRest(t *testing.T) {
	c := &clock{at: time.Unix(1000, 0)}
	var out bytes.Buffer
	play(NewRenderer(NewScreen(&out, func() int { return 200 }, c.now)), c)
	for _, want := range []string{
		"offsite: srv1/alice/2026-01-05  512 MiB of 1.0 GiB (50%), 51 MiB/s, 10s left",
		"0 of 2 backups, 512 MiB of 2.0 GiB (25%), 51 MiB/s, 30s left",
		"\x1b[3A\r\x1b[J",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing from\n%q", want, out.String())
		}
	}
}

func TestResumedBytesDoNotCountForTheRate(t *testing.T) {
	c := &clock{at: time.Unix(1000, 0)}
	var s state
	s.take(Event{Kind: Started}, c.at)
	s.take(Event{Kind: Planned, Backups: 1, Bytes: 1000 << 20}, c.at)
	s.take(Event{Kind: Began, Source: &Source{Path: "a"}, Bytes: 1000 << 20, Done: 900 << 20}, c.at)
	c.advance(10 * time.Second)
	s.take(Event{Kind: Read, Source: &Source{Path: "a"}, Done: 910 << 20}, c.at)
	if got := s.total(c.at); !strings.Contains(got, "910 MiB of 1.0 GiB (91%)") && !strings.Contains(got, "1.0 MiB/s, 1m30s left") {
		t.Errorf("total: %s", got)
	}
}
