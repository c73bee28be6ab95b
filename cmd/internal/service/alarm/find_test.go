package alarm

import (
	"strings"
	"testing"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/service/history"
	"slotfs/indexer/backup"
)

var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// facts are a destination that a job writes to, and one that cPanel writes to; records are added to the board.
func facts(t *testing.T, records ...history.Record) *Facts {
	t.Helper()
	c := &config.Config{
		Destinations: map[string]*config.Destination{"box": {Name: "box", Engine: "slots"}, "offsite": {Name: "offsite", Engine: "cpanel"}},
		Jobs:         map[string]*config.Job{"nightly": {Name: "nightly", Destination: "box"}},
		Watch:        config.Watch{MaxAge: 26 * time.Hour, UnreachableAfter: 2 * time.Hour, NearlyFull: 95},
	}
	f := &Facts{Now: noon, Config: c, Board: history.NewBoard(func() time.Time { return noon }), Configured: noon, Seen: Seen{Holdings: map[string][]Account{}}}
	for _, r := range records {
		if err := f.Board.Take(&r); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func backupOf(account string, hours int, result history.Result) history.Record {
	r := history.Record{Kind: history.Backup, Destination: "box", Job: "nightly", Account: account, Ended: noon.Add(-time.Duration(hours) * time.Hour), Result: result}
	if result == history.Failed {
		r.Error = "nightly/" + account + ": disk\non fire"
	}
	return r
}

func pass(hours int, result history.Result) history.Record {
	return history.Record{Kind: history.Pass, Destination: "offsite", Ended: noon.Add(-time.Duration(hours) * time.Hour), Result: result}
}

// wrong lists what is wrong as "event object".
func wrong(r *Report) string {
	var all []string
	for _, f := range r.Wrong() {
		all = append(all, string(f.Event)+" "+f.Object)
	}
	return strings.Join(all, ", ")
}

func TestWhatIsFound(t *testing.T) {
	unreached, otherKey, warned := backupOf("a", 1, history.Failed), pass(1, history.Failed), backupOf("a", 1, history.Partial)
	unreached.Cause, otherKey.Cause, otherKey.Error = history.Unreachable, history.HostKey, "key"
	long := unreached
	long.Ended = noon.Add(-3 * time.Hour)
	warned.Warning = "2 files could not be read"
	ofRun := backupOf("a", 1, history.Failed)
	ofRun.Run = "r"
	run := history.Record{Kind: history.Run, Destination: "box", Job: "nightly", Run: "r", Ended: noon, Result: history.Partial}
	full := run
	full.Free, full.Size = 4, 100
	differs := history.Record{Kind: history.Verify, Destination: "box", Job: "nightly", Account: "a", Ended: noon, Result: history.Partial, Differences: 2}
	same := differs
	same.Differences, same.Result = 0, history.Complete
	good, gone := backupOf("a", 2, history.Complete), backupOf("left", 2, history.Failed)
	for name, c := range map[string]struct {
		records []history.Record
		want    string
	}{
		"nothing ran yet":             {nil, ""},
		"good":                        {[]history.Record{good}, ""},
		"a backup failed":             {[]history.Record{good, backupOf("a", 1, history.Failed)}, "failed nightly/a"},
		"it is good again":            {[]history.Record{backupOf("a", 3, history.Failed), good}, ""},
		"busy says nothing":           {[]history.Record{good, backupOf("a", 1, history.Busy)}, ""},
		"interrupted hides no error":  {[]history.Record{backupOf("a", 2, history.Failed), backupOf("a", 1, history.Interrupted)}, "failed nightly/a"},
		"done with less":              {[]history.Record{warned}, "partial nightly/a"},
		"the run goes on":             {[]history.Record{good, ofRun}, ""},
		"the run has ended":           {[]history.Record{good, ofRun, run}, "failed nightly/a"},
		"all old: the job is silent":  {[]history.Record{backupOf("a", 30, history.Complete), backupOf("b", 40, history.Complete)}, "silence job nightly"},
		"one old":                     {[]history.Record{backupOf("a", 3, history.Complete), backupOf("b", 40, history.Complete)}, "silence nightly/b"},
		"old and failing":             {[]history.Record{good, backupOf("b", 40, history.Complete), backupOf("b", 1, history.Failed)}, "silence nightly/b, failed nightly/b"},
		"an account that was removed": {[]history.Record{good, gone}, "failed nightly/left"},
		"unreachable for a moment":    {[]history.Record{good, unreached}, "failed nightly/a"},
		"unreachable for long":        {[]history.Record{long, unreached}, "failed nightly/a, unreachable box"},
		"reached again":               {[]history.Record{long, good}, ""},
		"another host key":            {[]history.Record{otherKey}, "failed offsite, host-key offsite"},
		"a verification differs":      {[]history.Record{good, differs}, "verify nightly/a"},
		"and the next one does not":   {[]history.Record{good, differs, same}, ""},
		"nearly full":                 {[]history.Record{good, full}, "nearly-full box"},
	} {
		f := facts(t, c.records...)
		if got := wrong(Find(f)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	f := facts(t, good, gone)
	f.Members = map[string]map[string]bool{"nightly": {"a": true}}
	if got := wrong(Find(f)); got != "" {
		t.Errorf("an account that is no source any more: %s", got)
	}
}

func TestTextsAreOneLineAndNameTheirObjectOnce(t *testing.T) {
	r := Find(facts(t, backupOf("a", 1, history.Failed)))
	if got := r.Wrong()[0].Text; got != "nightly/a: backup failed: disk on fire" {
		t.Errorf("%q", got)
	}
}

func TestWhatNeverHadABackupIsWaitedForSinceItWasConfigured(t *testing.T) {
	f := facts(t)
	f.Configured = noon.Add(-27 * time.Hour)
	if got := wrong(Find(f)); got != "silence job nightly, silence offsite" {
		t.Error(got)
	}
	f.Config.Watch.MaxAge = config.Never
	if got := wrong(Find(f)); got != "" {
		t.Errorf("not watched, but %s", got)
	}
	f.MaxAge = time.Hour
	f.Holdings = nil
	if r := Find(f); wrong(r) != "silence job nightly" || !r.Blind {
		t.Errorf("without an index: %s", wrong(r))
	}
}

func TestAccountsThatOthersBackUpAreWatched(t *testing.T) {
	day := 24 * time.Hour
	f := facts(t, pass(7, history.Complete))
	at := func(hours int) time.Time { return noon.Add(-time.Duration(hours) * time.Hour) }
	// The newest backup is older than max-age by the clock, but was not when the pass looked.
	f.Holdings["offsite"] = []Account{{Origin: "srv1", Name: "alice", Newest: at(30)}, {Name: "bob", Newest: at(60)}, {Name: "closed", Newest: at(99), Closed: true}}
	if got := wrong(Find(f)); got != "silence offsite/bob" {
		t.Error(got)
	}
	f.Holdings["offsite"][0].Newest = at(40)
	if got := wrong(Find(f)); got != "silence offsite" {
		t.Errorf("all are old: %s", got)
	}
	f.Now = noon.Add(2 * day)
	f.Holdings["offsite"][0].Newest, f.Holdings["offsite"][1].Newest = at(8), at(8)
	if got := Find(f).Wrong(); len(got) != 2 || !strings.Contains(got[0].Text+got[1].Text, "offsite: nobody has looked for backups for 55 hours") {
		t.Errorf("no pass: %v", got)
	}
}

func TestOwnMeasurementsAreNewerThanRecords(t *testing.T) {
	down := backupOf("a", 3, history.Failed)
	down.Cause = history.Unreachable
	f := facts(t, down)
	f.Outages = map[string]time.Time{"box": {}, "offsite": noon.Add(-5 * time.Hour)}
	f.Rooms = map[string]history.Room{"box": {At: noon, Free: 1, Size: 1000}}
	if got := wrong(Find(f)); got != "unreachable offsite, failed nightly/a, nearly-full box" {
		t.Error(got)
	}
}

func TestHoldings(t *testing.T) {
	snapshot := func(account string, days int, status backup.Status) *backup.Snapshot {
		at := noon.AddDate(0, 0, -days)
		return &backup.Snapshot{Destination: "offsite", Status: status, Source: backup.Source{Origin: "srv1", Account: account, Time: at,
			Files: []backup.File{{MTime: at.Add(3 * time.Hour).Unix()}}}}
	}
	system := snapshot("", 0, backup.Complete)
	system.System = true
	got := map[string]Account{}
	for _, a := range Holdings([]*backup.Snapshot{snapshot("alice", 1, backup.Complete), snapshot("alice", 2, backup.Complete),
		snapshot("alice", 0, backup.Truncated), snapshot("old", 3, backup.Complete), snapshot("bad", 2, backup.Corrupt), system})["offsite"] {
		got[a.Name] = a
	}
	if a := got["alice"]; !a.Newest.Equal(noon.AddDate(0, 0, -1).Add(3*time.Hour)) || a.Closed || a.Origin != "srv1" {
		t.Errorf("alice %+v", a)
	}
	if !got["old"].Closed || got["bad"].Closed || !got["bad"].Newest.IsZero() || len(got) != 3 {
		t.Errorf("%+v", got)
	}
}

func TestBackupsOfTheFutureHideNoSilence(t *testing.T) {
	one := func(name, account string, files ...backup.File) *backup.Snapshot {
		at, _ := time.Parse(time.DateOnly, name)
		return &backup.Snapshot{Destination: "offsite", Status: backup.Complete, Indexed: noon, Source: backup.Source{Account: account, Name: name, Time: at, Files: files}}
	}
	for _, a := range Holdings([]*backup.Snapshot{one("2031-01-01", "named"), one("2026-11-28", "dated", backup.File{MTime: noon.AddDate(3, 0, 0).Unix()}),
		one("2026-11-28", "sound", backup.File{MTime: noon.Add(-3 * time.Hour).Unix()}), one("2026-11-28", "near", backup.File{MTime: noon.Add(3 * time.Hour).Unix()})})["offsite"] {
		want := map[string]time.Time{"named": noon, "dated": noon, "sound": noon.Add(-3 * time.Hour), "near": noon.Add(3 * time.Hour)}[a.Name]
		if !a.Newest.Equal(want) {
			t.Errorf("%s: %s, want %s", a.Name, a.Newest, want)
		}
	}
}
