package watch

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/service/alarm"
	"slotfs/cmd/internal/service/gone"
	"slotfs/cmd/internal/service/history"
	"slotfs/cmd/internal/service/metrics"
	"slotfs/cmd/internal/state"
	"slotfs/indexer/backup"
)

var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// world is a watcher with a configuration file and a history.
type world struct {
	*Watcher
	config *config.Config
	store  *history.Store
}

func newWorld(t *testing.T, more string) *world {
	t.Helper()
	dir := t.TempDir()
	text := "[destination.box]\nengine = \"slots\"\nhost = \"h\"\nusername = \"u\"\n[destination.offsite]\nengine = \"cpanel\"\nhost = \"h\"\nusername = \"u\"\n" +
		"[job.nightly]\ndestination = \"box\"\nsource = [\"/home/*\"]\nretention = 3\n" + more
	path := filepath.Join(dir, "slotfs.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, noon, noon); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(path, []string{"slots", "cpanel"})
	if err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return noon }
	d := state.Dir(filepath.Join(dir, "state"))
	return &world{&Watcher{State: d, Log: slog.New(slog.DiscardHandler), Now: now}, c, &history.Store{Dir: d.History(), Now: now}}
}

func (w *world) add(t *testing.T, account string, hours int, result history.Result) {
	t.Helper()
	r := history.Record{Kind: history.Backup, Destination: "box", Job: "nightly", Account: account, Ended: noon.Add(-time.Duration(hours) * time.Hour), Result: result}
	if result == history.Failed {
		r.Error = "a|b\nc"
	}
	if err := w.store.Add(r); err != nil {
		t.Fatal(err)
	}
}

func (w *world) facts(t *testing.T, seen alarm.Seen) *alarm.Facts {
	t.Helper()
	f, err := w.Facts(w.config, seen)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// known is an index that could be asked and has a backup on offsite.
func known() alarm.Seen {
	return alarm.Seen{Holdings: map[string][]alarm.Account{"offsite": {{Name: "bob", Newest: noon.Add(-time.Hour)}}}}
}

func TestCheckIsOneLineInTheWayOfMonitoringPlugins(t *testing.T) {
	w := newWorld(t, "")
	w.add(t, "alice", 2, history.Complete)
	check := func(seen alarm.Seen) Verdict { f := w.facts(t, seen); return Check(f, alarm.Find(f)) }
	want := "SLOTFS OK - 1 job and 2 destinations have good backups | wrong=0;;;0 'job_nightly_age'=7200s;;93600;0 " +
		"'destination_box_age'=7200s;;93600;0 'destination_offsite_age'=3600s;;93600;0"
	if v := check(known()); v.Code != OK || v.Line != want {
		t.Errorf("%+v, want %s", v, want)
	}
	if v := check(alarm.Seen{}); v.Code != Unknown || !strings.HasPrefix(v.Line, "SLOTFS UNKNOWN - the index cannot be asked") {
		t.Errorf("%+v", v)
	}
	full := known()
	full.Rooms = map[string]history.Room{"box": {At: noon, Free: 1, Size: 100}}
	if v := check(full); v.Code != Warning || !strings.Contains(v.Line, "'destination_box_used'=99.0%;95;;0;100") {
		t.Errorf("%+v", v)
	}
	w.add(t, "alice", 1, history.Failed)
	if v := check(known()); v.Code != Critical || !strings.HasPrefix(v.Line, "SLOTFS CRITICAL - nightly/alice: backup failed: a/b c | wrong=1") {
		t.Errorf("%+v", v)
	}
	f := w.facts(t, known())
	f.MaxAge = time.Minute
	if v := Check(f, alarm.Find(f)); v.Code != Critical || strings.Count(v.Line, "no good backup") != 2 || strings.Contains(v.Line, "\n") {
		t.Errorf("%+v", v)
	}
}

func TestBoardIsReadOnAndOthersMayLookAtItMeanwhile(t *testing.T) {
	w := newWorld(t, "")
	w.add(t, "alice", 2, history.Complete)
	before, err := w.Board()
	if err != nil {
		t.Fatal(err)
	}
	w.add(t, "alice", 1, history.Failed)
	after, err := w.Board()
	key := history.Key{Kind: history.Backup, Destination: "box", Job: "nightly", Account: "alice"}
	if err != nil || before.All[key].Last.Result != history.Complete || after.All[key].Last.Result != history.Failed {
		t.Errorf("%+v %+v %v", before.All[key], after.All[key], err)
	}
}

func TestAccountsThatTheLastRunDidNotFindAreNotWatched(t *testing.T) {
	w := newWorld(t, "")
	w.add(t, "alice", 1, history.Complete)
	w.add(t, "left", 1, history.Failed)
	path := w.State.FoundAccounts("box", "nightly")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(`{"alice": {"source": "/home/alice"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if wrong := alarm.Find(w.facts(t, known())).Wrong(); len(wrong) != 0 {
		t.Errorf("%v", wrong)
	}
}

func TestNotifiersThatNeverCanDeliverSaySoBeforeTheyHaveTo(t *testing.T) {
	w := newWorld(t, "[notify.ops]\nurl = \"ntfyy://ntfy.sh/TOPSECRET\"\n[notify.file]\nurl-file = \"/nonexistent/url\"\n[notify.good]\nurl = \"ntfy://ntfy.sh/x\"\n")
	all, err := w.Notifiers(w.config)
	if err != nil || len(all) != 3 {
		t.Fatalf("%+v, %v", all, err)
	}
	file, good, ops := all[0], all[1], all[2]
	if file.Error == "" || good.Error != "" || !strings.Contains(ops.Error, `unknown service "ntfyy"`) || ops.Hint == "" || strings.Contains(ops.Error, "TOPSECRET") {
		t.Errorf("%+v", all)
	}
}

func TestValuesAndNotifiersHoldWhatIsKnown(t *testing.T) {
	w := newWorld(t, "[notify.ops]\ncommand = \"exit 1; TOPSECRET\"\nmin-interval = \"0s\"\n")
	w.add(t, "alice", 1, history.Failed)
	f := w.facts(t, known())
	r := alarm.Find(f)
	w.Tell(t.Context(), f, r, true)
	v := w.Values(f, r)
	if v.Alarms["failed"] != 1 || v.Alarms["silence"] != 0 || v.Undelivered["ops"] != 1 || len(v.Destinations) != 2 || v.Destinations[1].Accounts != 1 {
		t.Errorf("%+v", v)
	}
	tally := Count([]*backup.Snapshot{{Destination: "box", Status: backup.Complete}, {Destination: "box", Status: backup.Incomplete},
		{Destination: "offsite", Status: backup.Truncated}, {Destination: "gone", Status: backup.Complete}})
	tally.AddTo(v, w.config)
	if box, offsite := v.Destinations[0], v.Destinations[1]; box.Slots["updating"] != 1 || box.Snapshots["complete"] != 1 || len(offsite.Slots) != 0 || offsite.Snapshots["truncated"] != 1 {
		t.Errorf("%+v %+v", box, offsite)
	}
	checkVerified(t, w)
	n, err := w.Notifiers(w.config)
	if err != nil || len(n) != 1 || n[0].Tries != 1 || n[0].Hint == "" || strings.Contains(n[0].Way+n[0].Error, "TOPSECRET") {
		t.Errorf("%+v, %v", n, err)
	}
}

func TestURLFileThatOthersMayReadIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(path, []byte("ntfy://ntfy.sh/TOPSECRET\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := sender(&config.Notify{URLFile: path}); err == nil || strings.Contains(err.Error(), "TOPSECRET") {
		t.Errorf("%v", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sender(&config.Notify{URLFile: path}); err != nil {
		t.Error(err)
	}
}

// day is noon so many days ago.
func day(ago int) time.Time { return noon.AddDate(0, 0, -ago) }

// checkVerified looks at what is told of verifications: of a job's slots by the history, of other backups by the index.
func checkVerified(t *testing.T, w *world) {
	t.Helper()
	for _, r := range []history.Record{
		{Kind: history.Verify, Destination: "box", Job: "nightly", Account: "alice", Ended: day(9), Result: history.Complete},
		{Kind: history.Verify, Destination: "box", Job: "nightly", Account: "bob", Ended: day(4), Result: history.Complete},
		{Kind: history.Verify, Destination: "offsite", Ended: day(2), Result: history.Complete, Daily: true},
	} {
		if err := w.store.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	w.config.Destinations["offsite"].Scrub = "1/4"
	f := w.facts(t, known())
	f.Gone = map[string]map[string]*gone.Absence{"nightly": {"left": {}, "moved": {}}}
	v := w.Values(f, alarm.Find(f))
	root := backup.Entry{Mode: backup.ModeDir}
	Count([]*backup.Snapshot{
		{Source: backup.Source{Kind: backup.TarGzip}, Root: root, Destination: "offsite", Status: backup.Complete, Indexed: day(30), Verified: backup.Verification{Read: day(20)}},
		{Source: backup.Source{Kind: backup.TarGzip}, Root: root, Destination: "offsite", Status: backup.Complete, Indexed: day(25)},
		{Source: backup.Source{Kind: backup.Slot, Time: day(90)}, Root: root, Destination: "box", Status: backup.Complete, Indexed: day(90)},
	}).AddTo(v, w.config)
	box, offsite := v.Destinations[0].Verified, v.Destinations[1].Verified
	if box != (metrics.Verified{Last: day(4), Oldest: day(9)}) || offsite != (metrics.Verified{Last: day(2), Oldest: day(25), Share: 0.25}) {
		t.Errorf("box %+v, offsite %+v", box, offsite)
	}
	if want := (metrics.Gone{Job: "nightly", Destination: "box", Accounts: 2}); len(v.Gone) != 1 || v.Gone[0] != want {
		t.Errorf("%+v", v.Gone)
	}
}

func TestWhatAClockThatWasAheadMadeHidesNoSilence(t *testing.T) {
	w := newWorld(t, "")
	now := noon.AddDate(4, 0, 0)
	w.Now = func() time.Time { return now }
	w.store.Now = w.Now
	w.add(t, "alice", 72, history.Complete)
	w.add(t, "alice", -4*365*24, history.Complete)
	w.facts(t, known())
	now = noon // it is set back
	silent := false
	for _, f := range alarm.Find(w.facts(t, known())).Wrong() {
		silent = silent || f.Event == alarm.Silence && strings.Contains(f.Text, "nightly")
	}
	if !silent {
		t.Error("nobody is told that there has been no backup for three days")
	}
}
