package cpanel

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/indexer/engine"
)

// stamp is the modification time of everything in these tests.
var stamp = time.Date(2026, 1, 2, 10, 15, 0, 0, time.UTC)

// listing makes a directory: names that end with '/' are directories, those with '@' links, others files of
// 100 bytes, or as many as stand after '='.
func listing(path string, names ...string) engine.Dir {
	dir := engine.Dir{Path: path, Info: dest.Info{Mode: backup.ModeDir | 0o755, MTime: stamp.Unix()}}
	for _, name := range names {
		i := dest.Info{Name: name, Mode: backup.ModeRegular | 0o600, Size: 100, MTime: stamp.Unix()}
		if n, ok := strings.CutSuffix(name, "/"); ok {
			i.Name, i.Mode, i.Size = n, backup.ModeDir|0o755, 4096
		} else if n, ok := strings.CutSuffix(name, "@"); ok {
			i.Name, i.Mode = n, backup.ModeSymlink|0o777
		} else if n, ok := strings.CutSuffix(name, "=0"); ok {
			i.Name, i.Size = n, 0
		}
		dir.Entries = append(dir.Entries, i)
	}
	slices.SortFunc(dir.Entries, func(a, b dest.Info) int { return strings.Compare(a.Name, b.Name) })
	return dir
}

// told puts a source in one line: origin|account|name|kind|files, then what is special.
func told(s backup.Source) string {
	var files []string
	for _, f := range s.Files {
		files = append(files, f.Path)
	}
	out := fmt.Sprintf("%s|%s|%s|%s|%s", s.Origin, s.Account, s.Name, s.Kind, strings.Join(files, "+"))
	if s.System {
		out += " system"
	}
	if s.Loose {
		out += " loose"
	}
	if s.Fault != "" {
		out += " " + string(s.Fault) + ": " + s.Detail
	}
	return out
}

type lookCase struct {
	name    string
	dir     engine.Dir
	want    []string
	descend []string
}

func runLook(t *testing.T, cases []lookCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			found := New().Detect(c.dir)
			var got []string
			for _, s := range found.Sources {
				got = append(got, told(s))
				if s.Fingerprint == "" {
					t.Errorf("%s has no fingerprint", told(s))
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("sources\n got %q\nwant %q", got, c.want)
			}
			if !slices.Equal(found.Descend, c.descend) {
				t.Errorf("descend\n got %q\nwant %q", found.Descend, c.descend)
			}
		})
	}
}

func TestLookFindsDatedSets(t *testing.T) {
	t.Parallel()
	runLook(t, []lookCase{
		{"archives of a set", listing("2026-01-05/accounts", "alice.tar.gz", "bob.tar", "carol/", ".master.meta",
			"alice-=-meta", "alice-=-meta.tar", ".hidden/", "link.tar.gz@", "dave@"),
			[]string{"|alice|2026-01-05|tar.gz|2026-01-05/accounts/alice.tar.gz",
				"|bob|2026-01-05|tar|2026-01-05/accounts/bob.tar"},
			[]string{"carol"}},
		{"weekly below an origin", listing("srv1/weekly/2026-01-04/accounts", "alice.tar.gz"),
			[]string{"srv1|alice|2026-01-04.weekly|tar.gz|srv1/weekly/2026-01-04/accounts/alice.tar.gz"}, nil},
		{"monthly", listing("monthly/2026-01-01/accounts", "alice.tar"),
			[]string{"|alice|2026-01-01.monthly|tar|monthly/2026-01-01/accounts/alice.tar"}, nil},
		{"weekly above the origin is the origin's", listing("weekly/srv1/2026-01-04/accounts", "alice.tar"),
			[]string{"weekly/srv1|alice|2026-01-04|tar|weekly/srv1/2026-01-04/accounts/alice.tar"}, nil},
		{"origin below the date", listing("2026-01-04/srv1/accounts", "alice.tar"),
			[]string{"srv1|alice|2026-01-04|tar|2026-01-04/srv1/accounts/alice.tar"}, nil},
		{"origin that is a date", listing("2025-01-01/2026-01-04/accounts", "alice.tar"),
			[]string{"2025-01-01|alice|2026-01-04|tar|2025-01-01/2026-01-04/accounts/alice.tar"}, nil},
		{"three kinds of one account", listing("2026-01-05/accounts", "a.tar", "a.tar.gz", "a/"),
			[]string{"|a|2026-01-05|tar|2026-01-05/accounts/a.tar",
				"|a|2026-01-05.2|tar.gz|2026-01-05/accounts/a.tar.gz"}, []string{"a"}},
		{"empty archive", listing("2026-01-05/accounts", "alice.tar.gz=0"),
			[]string{"|alice|2026-01-05|tar.gz|2026-01-05/accounts/alice.tar.gz unreadable: empty file"}, nil},
		{"transfers under way", listing("2026-01-05/accounts", ".alice.tar.gz.x7Yq2a", "bob.tar.gz.part",
			"bob.tar.gz.tmp", "bob.tar.gz.filepart", "bob.tar.gz.part1"), nil, nil},
		{"accounts called like parts of an account", listing("2026-01-05/accounts", "cp/", "homedir/", "userdata/"),
			nil, []string{"cp", "homedir", "userdata"}},
		{"cpmove among accounts is loose", listing("2026-01-05/accounts", "cpmove-alice.tar.gz"),
			[]string{"|alice|2026-01-02T101500.cpmove|tar.gz|2026-01-05/accounts/cpmove-alice.tar.gz loose"}, nil},
		{"empty date folder", listing("srv1/2026-01-05"), nil, nil},
		{"date folder", listing("2026-01-05", "accounts/", "system/", ".meta/"), nil, []string{"accounts", "system"}},
		{"no such day", listing("2026-02-30/accounts", "alice.tar"),
			[]string{"2026-02-30/accounts|alice|2026-01-02T101500.archive|tar|2026-02-30/accounts/alice.tar loose"}, nil},
		{"top", listing("", "2026-01-05/", "weekly/", "monthly/", ".meta/", "lost+found/", "srv1/", "link@"),
			nil, []string{"2026-01-05", "monthly", "srv1", "weekly"}},
	})
}

func TestLookFindsDirectoriesOfAccounts(t *testing.T) {
	t.Parallel()
	const at = "srv1/2026-01-05/accounts/alice"
	runLook(t, []lookCase{
		{"tree", listing(at, "cp/", "homedir/", "mysql/", "version"),
			[]string{"srv1|alice|2026-01-05|tree|" + at}, nil},
		{"half-filled tree", listing(at, "mysql/"), []string{"srv1|alice|2026-01-05|tree|" + at}, nil},
		{"empty", listing(at), []string{"srv1|alice|2026-01-05|tree|" + at + " incomplete: empty directory"}, nil},
		{"unfinished transfer", listing(at, ".alice.tar.gz.Ab3dEf"),
			[]string{"srv1|alice|2026-01-05|tree|" + at + " incomplete: nothing but unfinished transfers"}, nil},
		{"folder around the archive", listing(at, "alice.tar.gz", "x/"),
			[]string{"srv1|alice|2026-01-05|tar.gz|" + at + "/alice.tar.gz"}, nil},
		{"folder around other archives", listing(at, "bob.tar"),
			[]string{"srv1|bob|2026-01-02T101500.archive|tar|" + at + "/bob.tar loose"}, nil},
		{"archives in a tree are the customer's", listing(at, "cp/", "userdata/", "alice.tar.gz"),
			[]string{"srv1|alice|2026-01-05|tree|" + at}, nil},
		{"below a tree", listing(at+"/homedir", "alice.tar.gz", "2026-01-05/"), nil, nil},
		{"account called accounts", listing("2026-01-05/accounts/accounts", "cp/", "homedir/"),
			[]string{"|accounts|2026-01-05|tree|2026-01-05/accounts/accounts"}, nil},
	})
}

func TestLookFindsSystemBackups(t *testing.T) {
	t.Parallel()
	runLook(t, []lookCase{
		{"daily", listing("srv1/2026-01-05/system", "files/", "dirs/"),
			[]string{"srv1||2026-01-05|tree|srv1/2026-01-05/system system"}, nil},
		{"weekly", listing("weekly/2026-01-04/system", "dirs/"),
			[]string{"|" + "|2026-01-04.weekly|tree|weekly/2026-01-04/system system"}, nil},
		{"empty", listing("2026-01-05/system"),
			[]string{"||2026-01-05|tree|2026-01-05/system system incomplete: empty directory"}, nil},
		{"below", listing("2026-01-05/system/dirs", "_etc_cpanel.tar.gz"), nil, nil},
		{"outside of a set", listing("srv1/system", "files/", "dirs/"),
			[]string{"srv1||2026-01-02T101500.system|tree|srv1/system system"}, nil},
		{"some other folder of that name", listing("system", "alice.tar"),
			[]string{"system|alice|2026-01-02T101500.archive|tar|system/alice.tar loose"}, nil},
	})
}

func TestLookFindsLegacySets(t *testing.T) {
	t.Parallel()
	runLook(t, []lookCase{
		{"archives", listing("srv1/cpbackup/daily", "alice.tar.gz", "bob.tar", "carol/", "files/"),
			[]string{"srv1|alice|2026-01-02.legacy-daily|tar.gz|srv1/cpbackup/daily/alice.tar.gz",
				"srv1|bob|2026-01-02.legacy-daily|tar|srv1/cpbackup/daily/bob.tar"}, []string{"carol", "files"}},
		{"tree", listing("cpbackup/weekly/alice", "cp/", "homedir/"),
			[]string{"|alice|2026-01-02.legacy-weekly|tree|cpbackup/weekly/alice"}, nil},
		{"folder around the archive", listing("cpbackup/monthly/alice", "alice.tar.gz"),
			[]string{"|alice|2026-01-02.legacy-monthly|tar.gz|cpbackup/monthly/alice/alice.tar.gz"}, nil},
		{"system", listing("cpbackup/daily/dirs", "_etc_.tar.gz"),
			[]string{"||2026-01-02.legacy-daily.dirs|tree|cpbackup/daily/dirs system"}, nil},
		{"top", listing("cpbackup", "daily/", "weekly/"), nil, []string{"daily", "weekly"}},
	})
}

func TestLookFindsLooseArchives(t *testing.T) {
	t.Parallel()
	one := func(file, want string, rest ...string) lookCase {
		c := lookCase{name: file, dir: listing("d", append(rest, file)...)}
		if want != "" {
			c.want = []string{"d|" + strings.Replace(want, "|*", "|d/"+file, 1)}
		}
		return c
	}
	runLook(t, []lookCase{
		one("cpmove-alice.tar.gz", "alice|2026-01-02T101500.cpmove|tar.gz|* loose"),
		one("cpmove-alice.tar", "alice|2026-01-02T101500.cpmove|tar|* loose"),
		one("backup-1.5.2026_03-04-05_alice.tar.gz", "alice|2026-01-05T030405.backup|tar.gz|* loose"),
		one("backup-12.31.2025_23-59-59_alice.tar", "alice|2025-12-31T235959.backup|tar|* loose"),
		one("backup-13.31.2025_23-59-59_alice.tar", "alice|2026-01-02T101500.backup|tar|* loose"),
		one("backup-2026-01-05_at_night_alice.tar.gz", "alice|2026-01-02T101500.backup|tar.gz|* loose"),
		one("backup-example.com-1-5-2026_2.tar.gz", "example.com|2026-01-05.home-2|tar.gz|* loose"),
		one("backup-site.tar.gz", "backup-site|2026-01-02T101500.archive|tar.gz|* loose"),
		one("alice.tar.gz", "alice|2026-01-02T101500.archive|tar.gz|* loose"),
		one("alice.tar", "alice|2026-01-02T101500.archive|tar|* loose"),
		one("cpmove-.tar", ""), one("-alice.tar", ""), one(".alice.tar", ""), one("backup-x_.tar.gz", ""),
		one("alice.TAR.GZ", ""), one("tar.gz", ""), one("tgz", ""), one(".tgz", ""), one("notes.tar.gz.txt", ""), one("alice.gz", ""),
		one("alice.tgz", "alice|2026-01-02T101500.archive|tar.gz|* loose"),
		one("cpmove-alice.tgz", "alice|2026-01-02T101500.cpmove|tar.gz|* loose"),
		one("alice.tar.gz.1", "alice|2026-01-02T101500.archive.copy-1|tar.gz|* loose"),
		one("alice.tgz.0", "alice|2026-01-02T101500.archive.copy-0|tar.gz|* loose"),
		one("alice.tar.12", "alice|2026-01-02T101500.archive.copy-12|tar|* loose"),
		one("alice.tar.gz.~3~", "alice|2026-01-02T101500.archive.copy-3|tar.gz|* loose"),
		one("alice.tar.gz~", "alice|2026-01-02T101500.archive.copy-1|tar.gz|* loose"),
		one("alice.tar.gz.old", "alice|2026-01-02T101500.archive.copy-old|tar.gz|* loose"),
		one("backup-1.5.2026_03-04-05_alice.tar.gz.2", "alice|2026-01-05T030405.backup.copy-2|tar.gz|* loose"),
		one("alice.tar.bz2", "alice|2026-01-02T101500.archive.packed|tar|* loose unreadable: packed with bzip2, which is not read: "+
			"unpack it with `bzip2 -d` to a .tar or .tar.gz"),
		one("cpmove-alice.tar.zst", "alice|2026-01-02T101500.cpmove.packed|tar|* loose unreadable: packed with zstd, which is not read: "+
			"unpack it with `zstd -d` to a .tar or .tar.gz"),
		one("alice.tar.gz.gpg", "alice|2026-01-02T101500.archive.packed|tar|* loose unreadable: packed with GnuPG, which is not read: "+
			"unpack it with `gpg -d` to a .tar or .tar.gz"),
		one("alice.tar.gz.001", "alice|2026-01-02T101500.archive.packed|tar|* loose unreadable: "+splitPieces),
		one("alice.tar.aa", "alice|2026-01-02T101500.archive.packed|tar|* loose unreadable: "+splitPieces),
		one("alice.tar.ab", ""), one("alice.tar.gz.002", ""),
		one("a\nb.tar", ""), one(strings.Repeat("a", 65)+".tar", ""), one(".tar.gz", ""),
		one("m\xfcller.tar", "m\xfcller|2026-01-02T101500.archive|tar|* loose"),
	})
}

func TestCopiesInASetAreOlderThanTheirArchive(t *testing.T) {
	t.Parallel()
	found := New().Detect(listing("2026-01-05/accounts", "alice.tar.gz", "alice.tar.gz.1", "alice.tar.xz"))
	if len(found.Sources) != 3 {
		t.Fatalf("%d sources", len(found.Sources))
	}
	s, old, packed := found.Sources[0], found.Sources[1], found.Sources[2]
	if s.Name != "2026-01-05" || old.Name != "2026-01-05.copy-1" || !old.Time.Before(s.Time) || packed.Name != "2026-01-05.packed" || packed.Fault == "" {
		t.Errorf("%s %v, %s %v, %s", s.Name, s.Time, old.Name, old.Time, packed.Name)
	}
}

func TestLookPutsSplitArchivesTogether(t *testing.T) {
	t.Parallel()
	parts := func(base string, numbers ...int) (names []string) {
		for _, n := range numbers {
			names = append(names, fmt.Sprintf("%s.part%05d", base, n))
		}
		return names
	}
	const gz = "cpmove-alice.tar.gz"
	all := func(numbers ...int) string { return "d/" + strings.Join(parts(gz, numbers...), "+d/") }
	const head = "d|alice|2026-01-02T101500.cpmove|tar.gz|"
	runLook(t, []lookCase{
		{"whole", listing("d", parts(gz, 1, 2, 3)...), []string{head + all(1, 2, 3) + " loose"}, nil},
		{"ten and more", listing("d", parts(gz, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1)...),
			[]string{head + all(1, 2, 3, 4, 5, 6, 7, 8, 9, 10) + " loose"}, nil},
		{"hole", listing("d", parts(gz, 1, 3)...),
			[]string{head + all(1) + " loose truncated: " + gz + ": piece part00002 is missing"}, nil},
		{"no first", listing("d", parts(gz, 2, 3)...),
			[]string{head + all(2, 3) + " loose unreadable: " + gz + ": the first piece is not part00001"}, nil},
		{"from zero", listing("d", parts(gz, 0, 1)...),
			[]string{head + all(0, 1) + " loose unreadable: " + gz + ": the first piece is not part00001"}, nil},
		{"one only", listing("d", parts(gz, 1)...),
			[]string{head + all(1) + " loose truncated: " + gz + ": only one piece is there"}, nil},
		{"in a set", listing("2026-01-05/accounts", parts("bob.tar", 1, 2)...),
			[]string{"|bob|2026-01-05|tar|2026-01-05/accounts/bob.tar.part00001+2026-01-05/accounts/bob.tar.part00002"}, nil},
		{"beside the whole", listing("d", append(parts(gz, 1, 2), gz)...),
			[]string{head + "d/" + gz + " loose",
				strings.Replace(head, ".cpmove|", ".cpmove.2|", 1) + all(1, 2) + " loose"}, nil},
		{"other numbering", listing("d", gz+".part1", gz+".part000001", gz+".partial"), nil, nil},
	})
}

func TestLookFindsLooseTrees(t *testing.T) {
	t.Parallel()
	runLook(t, []lookCase{
		{"cpmove", listing("d/cpmove-alice", "cp/", "homedir.tar"),
			[]string{"d|alice|2026-01-02T101500.cpmove|tree|d/cpmove-alice loose"}, nil},
		{"by content", listing("some/where/alice", "cp/", "userdata/", "x/"),
			[]string{"some/where|alice|2026-01-02T101500.tree|tree|some/where/alice loose"}, nil},
		{"below a date", listing("srv/2026-01-05/alice", "cp/", "homedir/"),
			[]string{"srv|alice|2026-01-02T101500.tree|tree|srv/2026-01-05/alice loose"}, nil},
		{"called like a date", listing("alice/2026-01-05", "cp/", "homedir/"),
			[]string{"alice|2026-01-05|2026-01-02T101500.tree|tree|alice/2026-01-05 loose"}, nil},
		{"empty cpmove", listing("cpmove-alice"),
			[]string{"|alice|2026-01-02T101500.cpmove|tree|cpmove-alice loose incomplete: empty directory"}, nil},
		{"half-filled cpmove", listing("cpmove-alice", "mysql/", "version"),
			[]string{"|alice|2026-01-02T101500.cpmove|tree|cpmove-alice loose"}, nil},
		{"a folder that is only called so", listing("cpmove-old", "2026-01-05/"), nil, []string{"2026-01-05"}},
		{"folder around a cpmove archive", listing("cpmove-alice", "cpmove-alice.tar.gz"),
			[]string{"cpmove-alice|alice|2026-01-02T101500.cpmove|tar.gz|cpmove-alice/cpmove-alice.tar.gz loose"}, nil},
		{"cp alone", listing("x", "cp/"), nil, []string{"cp"}},
		{"links are no content", listing("x", "cp@", "homedir@", "a/"), nil, []string{"a"}},
		{"the destination itself", listing("", "cp/", "homedir/", "alice.tar"), nil, nil},
		{"maildir", listing("x", "cur/", "new/", "tmp/", "alice.tar"), nil, nil},
		{"home", listing("x/bob", "public_html/", "alice.tar", "y/"), nil, nil},
	})
}

func TestLookGoesDownToABound(t *testing.T) {
	t.Parallel()
	deep := strings.TrimSuffix(strings.Repeat("d/", maxDepth), "/")
	if got := New().Detect(listing(parent(deep), "x/")).Descend; len(got) != 1 {
		t.Errorf("one above the bound: descends into %q", got)
	}
	if got := New().Detect(listing(deep, "x/")).Descend; got != nil {
		t.Errorf("at the bound: descends into %q", got)
	}
}

func TestFingerprintChangesWithWhatListingsShow(t *testing.T) {
	t.Parallel()
	finger := func(dir engine.Dir) string { return New().Detect(dir).Sources[0].Fingerprint }
	base := func() engine.Dir { return listing("2026-01-05/accounts/alice", "cp/", "homedir/", "version") }
	changes := map[string]func(*engine.Dir){
		"size":  func(d *engine.Dir) { d.Entries[2].Size++ },
		"mtime": func(d *engine.Dir) { d.Entries[0].MTime++ },
		"mode":  func(d *engine.Dir) { d.Entries[2].Mode ^= 0o004 },
		"name":  func(d *engine.Dir) { d.Entries[2].Name = "versions" },
		"self":  func(d *engine.Dir) { d.Info.MTime++ },
		"fewer": func(d *engine.Dir) { d.Entries = d.Entries[:2] },
	}
	if again := finger(base()); finger(base()) != again {
		t.Error("equal listings differ")
	}
	for name, change := range changes {
		d := base()
		change(&d)
		if finger(d) == finger(base()) {
			t.Errorf("%s: fingerprint stays", name)
		}
	}
	archive := listing("d", "alice.tar")
	before := finger(archive)
	archive.Entries[0].Size++
	if finger(archive) == before {
		t.Error("size of an archive: fingerprint stays")
	}
}

func TestTimesAreThoseOfNamesThenOfFiles(t *testing.T) {
	t.Parallel()
	source := func(dir engine.Dir) backup.Source { return New().Detect(dir).Sources[0] }
	if got := source(listing("2026-01-05/accounts", "a.tar")).Time; !got.Equal(time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("set: %v", got)
	}
	if got := source(listing("d", "a.tar")).Time; !got.Equal(stamp) {
		t.Errorf("loose: %v", got)
	}
	odd := listing("d", "a.tar")
	for _, mtime := range []int64{-1 << 63, -1, 1<<63 - 1} {
		odd.Entries[0].MTime = mtime
		s := source(odd)
		if want := len("2026-01-02T101500.archive"); len(s.Name) != want {
			t.Errorf("mtime %d: name %q", mtime, s.Name)
		}
	}
}

func FuzzLook(f *testing.F) {
	f.Add("2026-01-05/accounts", "alice.tar.gz", "bob", uint32(backup.ModeRegular), int64(5))
	f.Add("cpbackup/daily/x", "cp", "homedir", uint32(backup.ModeDir), int64(-1))
	f.Add("d", "cpmove-a.tar.gz.part00001", "cpmove-a.tar.gz.part00002", uint32(backup.ModeRegular), int64(0))
	f.Add("", "backup-1.5.2026_03-04-05_a.tar.gz", "backup-e.com-1-5-2026_2.tar", uint32(backup.ModeRegular), int64(1<<62))
	f.Add("weekly/2026-01-05/system", "files", "dirs", uint32(backup.ModeDir), int64(0))
	f.Fuzz(func(t *testing.T, path, a, b string, mode uint32, n int64) {
		dir := engine.Dir{Path: path, Info: dest.Info{MTime: n}}
		for i, name := range []string{a, b, a + ".tar", b + ".tar.gz", "cpmove-" + a + ".tar"} {
			dir.Entries = append(dir.Entries, dest.Info{Name: name, Mode: mode, Size: n >> i, MTime: n})
		}
		found := New().Detect(dir)
		seen := make(map[string]bool)
		for _, s := range found.Sources {
			if len(s.Files) == 0 || s.Fingerprint == "" {
				t.Fatalf("half a source: %+v", s)
			}
			if !validName(s.Name) || strings.ContainsAny(s.Name, "\n ") {
				t.Fatalf("name %q", s.Name)
			}
			if s.System == (s.Account != "") || s.Account != "" && !validAccount(s.Account) {
				t.Fatalf("account %q, system %v", s.Account, s.System)
			}
			if len(found.Sources) > len(dir.Entries) {
				t.Fatalf("%d sources of %d names", len(found.Sources), len(dir.Entries))
			}
			key := s.Origin + "\x00" + s.Account + "\x00" + s.Name
			if seen[key] {
				t.Fatalf("twice: %q", key)
			}
			seen[key] = true
		}
		for _, name := range found.Descend {
			if !validName(name) || name[0] == '.' {
				t.Fatalf("descends into %q", name)
			}
		}
	})
}
