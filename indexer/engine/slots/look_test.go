package slots_test

import (
	"path"
	"slices"
	"strings"
	"testing"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/indexer/engine"
	"slotfs/indexer/engine/slots"
)

// entries makes a listing of "name" and "name/".
func entries(names string) []dest.Info {
	var all []dest.Info
	for _, name := range strings.Fields(names) {
		info := dest.Info{Name: strings.TrimSuffix(name, "/"), Mode: backup.ModeRegular | 0o600, Size: 100, MTime: 1_767_578_400}
		if strings.HasSuffix(name, "/") {
			info.Mode = backup.ModeDir | 0o700
		}
		all = append(all, info)
	}
	return all
}

func TestSlotsAreFoundAtTheirDepthAlone(t *testing.T) {
	const whole = "archive/ data/ meta/ state.json tmp/"
	for _, c := range []struct {
		path, names, beside string
		found, descend      string
	}{
		{"", "nightly/ .slotfs/ lost+found/ file", "", "", "nightly"},
		{"nightly", "alice/ bob/", "", "", "alice bob"},
		{"nightly/alice", "slot-01/ slot-1/ slot-99/ slot-100/ slot-1000/ slot-1001/ slot-001/ slot-00/ slot-02 other/ slot-+1/", "", "",
			"slot-01 slot-99 slot-100 slot-1000"},
		{"nightly/alice/slot-01", "data/ meta/ state.json tmp/", "", "nightly/alice/slot-01/data", ""},
		{"nightly/alice/slot-01", "archive/ meta/ state.json", "", "", "archive"},
		{"nightly/alice/slot-01", "data/ meta/ tmp/", "", "", ""},
		{"nightly/alice/slot-01", "data meta/ state.json", "", "", ""},
		{"nightly/alice/slot-01", "data/ state.json/", "", "", ""},
		{"nightly/alice/slot-01", "meta/ state.json", "", "", ""},
		{"nightly/alice/other", whole, "", "", ""},
		{"slot-01", whole, "", "", "archive data meta tmp"},
		{"alice/slot-01", whole, "", "", ""},
		{"nightly/alice/slot-01/data", "slot-02/ " + whole, whole, "", ""},
		{"nightly/alice/slot-01/data/slot-02", whole, "", "", ""},
		{"nightly/alice/slot-01/archive", "alice.tar.gz part/ x.txt", "archive/ state.json",
			"nightly/alice/slot-01/archive/alice.tar.gz", ""},
		{"nightly/alice/slot-01/archive", "alice.tar.gz", "archive/", "", ""},
		{"nightly/alice/slot-01/data", "alice.tar.gz", whole, "", ""},
	} {
		got := slots.New().Detect(engine.Dir{Path: c.path, Entries: entries(c.names), Siblings: entries(c.beside)})
		var keys []string
		for _, s := range got.Sources {
			keys = append(keys, s.Key())
			if s.Origin != "nightly" || s.Account != "alice" || s.Name != "2026-01-05T020000" || s.Loose || s.System {
				t.Errorf("%s: %+v", c.path, s)
			}
		}
		if strings.Join(keys, " ") != c.found || strings.Join(got.Descend, " ") != c.descend {
			t.Errorf("%s: found %q, descend %q", c.path, keys, got.Descend)
		}
	}
}

func TestFingerprintChangesWithWhatSaysWhichBackupItIs(t *testing.T) {
	print := func(change func(all []dest.Info)) string {
		all := entries("data/ meta/ state.json tmp/")
		change(all)
		return slots.New().Detect(engine.Dir{Path: "j/a/slot-01", Entries: all}).Sources[0].Fingerprint
	}
	same := print(func([]dest.Info) {})
	for name, c := range map[string]struct {
		change func(all []dest.Info)
		differ bool
	}{
		"data":  {func(all []dest.Info) { all[0].MTime++ }, false},
		"meta":  {func(all []dest.Info) { all[1].MTime++ }, true},
		"size":  {func(all []dest.Info) { all[2].Size++ }, true},
		"mtime": {func(all []dest.Info) { all[2].MTime++ }, true},
		"tmp":   {func(all []dest.Info) { all[3].MTime++ }, false},
	} {
		if got := print(c.change); (got != same) != c.differ {
			t.Errorf("%s: other fingerprint %v, want %v", name, got != same, c.differ)
		}
	}
}

func FuzzLook(f *testing.F) {
	f.Add("nightly/alice/slot-01", "data/\nmeta/\nstate.json", "")
	f.Add("nightly/alice/slot-01/archive", "alice.tar.gz\n\xff.tar.gz", "state.json")
	f.Add("", "a/\n.b/", "")
	f.Add("a//slot-01/..", "\n/\n..", "state.json\nstate.json/")
	f.Fuzz(func(t *testing.T, dir, names, beside string) {
		split := func(names string) []dest.Info {
			var all []dest.Info
			for i, name := range strings.Split(names, "\n") {
				one := entries("x")[0]
				one.Name, one.Size, one.MTime = strings.TrimSuffix(name, "/"), int64(i)-1, int64(len(names))<<uint(i%60)
				if strings.HasSuffix(name, "/") {
					one.Mode = backup.ModeDir
				}
				all = append(all, one)
			}
			return all
		}
		d := engine.Dir{Path: dir, Entries: split(names), Siblings: split(beside)}
		found := slots.New().Detect(d)
		for _, s := range found.Sources {
			if len(s.Files) == 0 || s.Fingerprint == "" || s.Name == "" || len(s.Name) != len("2006-01-02T150405") {
				t.Fatalf("%+v", s)
			}
			if elements := strings.Split(dir, "/"); s.Origin != elements[0] || s.Account != elements[1] ||
				!strings.HasPrefix(s.Key(), path.Join(dir)) {
				t.Fatalf("%q gives %+v", dir, s)
			}
		}
		for _, name := range found.Descend {
			if !slices.ContainsFunc(d.Entries, func(i dest.Info) bool { return i.Name == name && i.Mode&backup.ModeType == backup.ModeDir }) {
				t.Fatalf("%q descends into %q, which is not there", dir, name)
			}
			if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
				t.Fatalf("%q descends into %q", dir, name)
			}
		}
	})
}
