package slot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/place"
	"slotfs/sftpdest/slot/spool"
)

// stored is what the manifest of a slot lists, and what of it is missing. It fails unless all else is there with its content.
func (a *account) stored(d dest.ReadWriter, o Options, n int) (entries map[string]*manifest.Entry, missing []string) {
	a.t.Helper()
	if found, err := Verify(a.t.Context(), d, o.Directory, n, VerifyOptions{Sample: 1}); err != nil || len(found) > 0 {
		a.t.Errorf("slot %d is not as its manifest: %v, %v", n, found, err)
	}
	slots, err := List(a.t.Context(), d, o.Directory)
	a.check(err)
	entries = make(map[string]*manifest.Entry)
	for i := range slots {
		s := &slots[i]
		if s.State.Slot != n {
			continue
		}
		if !s.Complete() {
			a.t.Fatalf("%s is %s, %v", s.Path, s.State.Phase, s.Err)
		}
		list, err := spool.Fetch(a.t.Context(), d, s.Path, s.State.Manifest)
		a.check(err)
		defer list.Close()
		known, err := spool.Open(list)
		a.check(err)
		defer known.Close()
		for ; known.Head != nil; known.Advance() {
			e := known.Head
			entries[e.Path] = e
			if e.Flags&manifest.Missing != 0 {
				missing = append(missing, e.Path)
			}
		}
		a.check(known.Err)
		if s.State.Missing != int64(len(missing)) {
			a.t.Errorf("the state says that %d are missing, it is %d", s.State.Missing, len(missing))
		}
	}
	return entries, missing
}

// lower is what some servers make of the letters of a name.
func lower(name string) string {
	bytes := []byte(name)
	for i, c := range bytes {
		if 'A' <= c && c <= 'Z' {
			bytes[i] += 'a' - 'A'
		}
	}
	return string(bytes)
}

func TestServersAreKnownByWhatTheyDoToNames(t *testing.T) {
	no := func(bad string) func(string) error {
		return func(path string) error {
			if strings.ContainsAny(manifest.Base(path), bad) {
				return fs.ErrPermission
			}
			return nil
		}
	}
	for name, c := range map[string]struct {
		server odd
		want   manifest.Traits
	}{
		"plain":           {odd{}, manifest.Traits{manifest.Plain}},
		"folds":           {odd{same: manifest.Fold}, manifest.Traits{manifest.FoldsCase}},
		"lowers":          {odd{is: lower}, manifest.Traits{manifest.FoldsCase, manifest.Lowers}},
		"trims":           {odd{is: func(n string) string { return strings.TrimRight(n, ". ") }}, manifest.Traits{manifest.Trims}},
		"trims for names": {odd{same: func(n string) string { return strings.TrimRight(n, ". ") }}, manifest.Traits{manifest.Trims}},
		"normalizes": {odd{is: func(n string) string { return strings.ReplaceAll(n, "\u00e9", "e\u0301") }},
			manifest.Traits{manifest.Recodes}},
		"rewrites": {odd{is: func(n string) string { return strings.ReplaceAll(n, ":", "_") }}, manifest.Traits{manifest.Rewrites}},
		"refuses":  {odd{refuse: no("?")}, manifest.Traits{manifest.Rewrites}},
		"cuts":     {odd{is: func(n string) string { return n[:min(len(n), 143)] }}, manifest.Traits{manifest.Shortens}},
		"devices": {odd{refuse: func(p string) error {
			if manifest.Base(p) == "nul" {
				return errors.New("the server says Failure")
			}
			return nil
		}}, manifest.Traits{manifest.Reserves}},
	} {
		server := c.server
		server.memory = newMemory()
		got, err := FindTraits(t.Context(), server)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v, want %v", name, got, err, c.want)
		}
		if left, err := server.List(t.Context(), ""); err != nil || len(left) > 0 {
			t.Errorf("%s: left %v, %v", name, left, err)
		}
	}
}

// names are rounds of names that some servers take for one, or change.
func (a *account) names(round int) {
	for i, p := range [][]string{
		{"img/Logo.png", "img/logo.png", "DOC/a", "caf\u00e9", "dot.", "x:y/z", "com1.txt", "only", strings.Repeat("L", 200) + "/deep"},
		{"img/Logo.png", "DOC/a", "Doc/A", "doc/a", "dot", "dot.", "cafe\u0301", "Only"},
		{"img/logo.png", "IMG/logo.png", "doc/b", "only", "oNLY/x"},
		{"img/LOGO.png", "img/Logo.png", "img/logo.png", "dot ", " dot"},
	} {
		if i != round%4 {
			continue
		}
		for _, name := range []string{"img", "IMG", "DOC", "Doc", "doc", "caf\u00e9", "cafe\u0301", "dot.", "dot", "dot ", " dot", "x:y",
			"com1.txt", "only", "Only", "oNLY", strings.Repeat("L", 200)} {
			a.gone(name)
		}
		for n, name := range p {
			a.file(name, fmt.Sprintf("round %d, %s", round, name), n%2) // times say nothing
		}
		for n := range 12 {
			a.file(fmt.Sprintf("same/%d", n), "stays", n)
		}
	}
}

func TestNamesThatAServerTakesForOneAreAllBackedUp(t *testing.T) {
	t.Parallel()
	for name, server := range map[string]odd{
		"plain":  {},
		"folds":  {same: manifest.Fold},
		"lowers": {is: lower},
		"windows": {
			is: func(n string) string {
				return strings.NewReplacer(":", "_", "\u00e9", "e\u0301").Replace(strings.TrimRight(n, ". "))
			},
			same: manifest.Fold,
			refuse: func(p string) error {
				if base := manifest.Base(p); len(base) > 143 || strings.HasPrefix(base, "com1") {
					return errors.New("the server says Failure")
				}
				return nil
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAccount(t)
			server.memory = newMemory()
			o := options(2)
			o.AllowMassChange = true
			o.Traits = TraitsOnce(server)
			for round := range 9 {
				a.names(round)
				sum := a.mustRun(server, o)
				if sum.Missing > 0 || len(sum.Left) > 0 {
					t.Errorf("round %d: %v", round, sum.Left)
				}
				entries, _ := a.stored(server, o, sum.Slot)
				for p := range a.truth() {
					if entries[p] == nil && p != "" {
						t.Errorf("round %d: %q is not in the backup", round, p)
					}
				}
				if e := entries["same/3"]; e == nil || e.Stored != "" {
					t.Errorf("round %d: a harmless name is escaped", round)
				}
			}
		})
	}
}

// A run that is killed anywhere between such rounds leaves nothing that the next one takes for something else.
func TestKilledRunOnAServerThatFoldsNamesLeavesNoMixture(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	before := newMemory()
	o := options(1)
	o.AllowMassChange = true
	fold := func(m *memory) odd { return odd{memory: m, same: manifest.Fold} }
	o.Traits = func(context.Context) (manifest.Traits, error) { return manifest.Traits{manifest.FoldsCase}, nil }
	for round := range 4 {
		a.names(round)
		a.mustRun(fold(before), o)
	}
	a.names(5)
	whole := before.clone()
	a.mustRun(fold(whole), o)
	a.names(6)
	for k := 10; k < whole.ops; k += 9 {
		m := before.clone()
		a.names(5)
		m.killAt = k
		_, _ = a.run(t.Context(), fold(m), o)
		m.dead, m.killAt, m.now = false, 0, m.now+3600
		a.names(6)
		sum := a.mustRun(fold(m), o)
		entries, missing := a.stored(fold(m), o, sum.Slot)
		if len(missing) > 0 {
			t.Errorf("killed at %d: %v", k, missing)
		}
		for p := range a.truth() {
			if entries[p] == nil && p != "" {
				t.Errorf("killed at %d: %q is not in the backup", k, p)
			}
		}
		if t.Failed() {
			return
		}
	}
}

func TestNameThatTheServerRefusesIsEscapedOrMissingAndTheRestIsThere(t *testing.T) {
	deep := "deep" + strings.Repeat("/"+strings.Repeat("d", 90), 5)
	long := strings.Repeat("n", 200)
	failure := errors.New("the server says Failure")
	for name, c := range map[string]struct {
		refuse  func(path string) error
		escaped []string
		missing []string
	}{
		"denied": {func(p string) error {
			if strings.HasSuffix(p, ".htaccess") {
				return fs.ErrPermission
			}
			return nil
		}, []string{".htaccess", "web/.htaccess", "web/new/.htaccess"}, nil},
		"long name": {func(p string) error {
			if len(manifest.Base(p)) > 143 {
				return failure
			}
			return nil
		}, []string{"web/" + long, "web/" + long + "dir"}, nil},
		"character": {func(p string) error {
			if strings.ContainsAny(manifest.Base(p), ":?") {
				return fs.ErrInvalid
			}
			return nil
		}, []string{"a:b?", "q?"}, nil},
		"long path": {func(p string) error {
			if len(p) > 300 {
				return failure
			}
			return nil
		}, nil, []string{deep[:4+4*91], deep, deep + "/end"}},
		"path that is not found": {func(p string) error {
			if len(p) > 300 {
				return fs.ErrNotExist
			}
			return nil
		}, nil, []string{deep[:4+4*91], deep, deep + "/end"}},
		"never": {func(p string) error {
			if strings.Contains(p, "/new") || strings.Contains(p, "virus") {
				return failure
			}
			return nil
		}, nil, []string{"web/new", "web/new/.htaccess", "web/new/page", "web/virus"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAccount(t)
			server := odd{memory: newMemory(), refuse: c.refuse}
			for i, p := range []string{".htaccess", "web/.htaccess", "web/new/.htaccess", "web/new/page", "web/" + long, "web/" + long + "dir/x", "a:b?", "q?/x",
				deep + "/end", "web/index", "web/virus", "z"} {
				a.file(p, "content of "+p, i)
			}
			o := options(2)
			o.Lanes = 4
			for run := range 5 {
				a.file("web/index", fmt.Sprint("run ", run), 50+run)
				if run == 3 {
					server.refuse = nil
				}
				sum := a.mustRun(server, o)
				entries, missing := a.stored(server, o, sum.Slot)
				if run >= 3 {
					c.missing = nil
				}
				slices.Sort(missing)
				slices.Sort(c.missing)
				if !slices.Equal(missing, c.missing) || sum.Missing != int64(len(missing)) || (len(sum.Left) > 0) != (len(missing) > 0) {
					t.Errorf("run %d: missing %q, want %q; %d, %v", run, missing, c.missing, sum.Missing, sum.Left)
				}
				for p, e := range entries {
					if got := e.Stored != ""; got != slices.Contains(c.escaped, p) {
						t.Errorf("run %d: %q is escaped %v", run, p, got)
					}
				}
			}
		})
	}
}

func TestRefusedFileKeepsWhatTheSlotHas(t *testing.T) {
	a := newAccount(t)
	server := odd{memory: newMemory()}
	o := options(1)
	for i := range 20 {
		a.file(fmt.Sprint("f", i), "old", i)
	}
	a.mustRun(server, o)
	a.mustRun(server, o)
	a.file("f7", "newer", 99)
	server.refuse = func(p string) error {
		if strings.HasSuffix(p, "/data/f7") || strings.Contains(p, manifest.Escape("f7")) {
			return fs.ErrPermission
		}
		return nil
	}
	// The old one can be seen.
	sum := a.mustRun(visible{server}, o)
	entries, missing := a.stored(visible{server}, o, sum.Slot)
	if e := entries["f7"]; len(missing) > 0 || e == nil || e.Size != 3 || e.Flags&manifest.Stale == 0 || len(sum.Left) != 1 {
		t.Errorf("missing %v, entry %+v, left %v", missing, e, sum.Left)
	}
	server.refuse = nil
	a.mustRun(server, o)
	sum = a.mustRun(server, o)
	if entries, _ := a.stored(server, o, sum.Slot); entries["f7"].Size != 5 {
		t.Errorf("%+v", entries["f7"])
	}
}

// visible is a server that shows what it does not let be made.
type visible struct{ odd }

func (v visible) Stat(ctx context.Context, p string) (dest.Info, error) { return v.memory.Stat(ctx, p) }

func TestServerThatTakesNothingFailsTheRun(t *testing.T) {
	for name, refuse := range map[string]func(p string) error{
		"data is closed": func(p string) error {
			if strings.Contains(p, "/data/") {
				return fs.ErrPermission
			}
			return nil
		},
		"full": func(p string) error {
			if strings.Contains(p, "/tmp/") {
				return syscall.EDQUOT
			}
			return nil
		},
	} {
		a := newAccount(t)
		server := odd{memory: newMemory(), refuse: refuse}
		a.edit(1)
		if _, err := a.run(t.Context(), server, options(2)); err == nil || errors.Is(err, place.ErrLeft) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRequestThatKillsItsSessionCostsItsEntryAlone(t *testing.T) {
	text := strings.Repeat("t", 4000)
	for name, kills := range map[string]func(op, path string) bool{
		"reading a link": func(op, path string) bool { return op == "readlink" && path == text },
		"making a link":  func(op, path string) bool { return op == "symlink" && path == text },
		"a name":         func(op, path string) bool { return strings.Contains(path, "poison") && op != "symlink" },
		"a folder":       func(op, path string) bool { return op != "symlink" && strings.HasSuffix(path, "/web") },
	} {
		t.Run(name, func(t *testing.T) {
			a := newAccount(t)
			deaths := 0
			server := odd{memory: newMemory(), kills: kills, killed: &deaths}
			for i := range 30 {
				a.file(fmt.Sprint("web/f", i), "content", i)
			}
			a.file("mail/poison.txt", "content", 50)
			a.check(os.Symlink(text, a.path("mail/link")))
			a.file("z", "content", 60)
			o := options(2)
			o.Lanes = 4
			for run := range 3 {
				deaths = 0
				sum := a.mustRun(server, o)
				if deaths > 30 {
					t.Errorf("run %d: %d sessions died", run, deaths)
				}
				entries, missing := a.stored(server, o, sum.Slot)
				if l := entries["mail/link"]; l == nil || l.Target != text {
					t.Errorf("run %d: the link is %+v", run, l)
				}
				if len(missing) > 0 && name != "a name" || entries["z"] == nil {
					t.Errorf("run %d: missing %v", run, missing)
				}
			}
		})
	}
}
