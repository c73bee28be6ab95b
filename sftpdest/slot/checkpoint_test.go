package slot

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"slotfs/indexer/dest/desttest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/spool"
	"slotfs/sftpdest/slot/state"
)

// unit is half of a member of the archives here.
const unit = 64 << 10

// inSmallMembers are options for an archive that is made of as many members as one that is many times as large.
func inSmallMembers() Options {
	o := compressed()
	o.tune.member = 2 * unit
	return o
}

// archived proves that an archive in a slot holds what the source has: by the manifest, whose offsets are looked at, and
// unpacked by tar. It may have more.
func (a *account) archived(m *memory, slot int) {
	t := a.t
	t.Helper()
	says := a.state(m, slot)
	directory := state.Path("job/alice", slot)
	stored, err := m.load(t, directory+"/archive/"+says.Archive.Name)
	a.check(err)
	if hashOf(stored) != says.Archive.SHA256 {
		t.Fatal("the archive is not the one that the state names")
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(stored))
	a.check(err)
	content, err := io.ReadAll(unzipped)
	a.check(err)
	if int64(len(content)) != says.Archive.Content {
		t.Fatalf("%d bytes of content, want %d", len(content), says.Archive.Content)
	}

	truth := a.truth()
	list, err := spool.Fetch(t.Context(), m, directory, says.Manifest)
	a.check(err)
	defer list.Close()
	entries, err := spool.Open(list)
	a.check(err)
	defer entries.Close()
	var paths []string
	for ; entries.Head != nil; entries.Advance() {
		e := entries.Head
		paths = append(paths, e.Path)
		if !e.IsRegular() || e.Link != "" {
			continue
		}
		if got := hashOf(content[e.Offset : e.Offset+e.Size]); got != e.Hash || got != truth[e.Path] {
			t.Fatalf("%q: at its offset is other content", e.Path)
		}
	}
	a.check(entries.Err)
	if want := slices.SortedFunc(maps.Keys(truth), manifest.Compare); !slices.Equal(paths, want) {
		t.Fatalf("it lists\n%q, want\n%q", paths, want)
	}

	work, err := os.MkdirTemp(t.TempDir(), "")
	a.check(err)
	defer os.RemoveAll(work)
	a.check(os.WriteFile(filepath.Join(work, "a.tar.gz"), stored, 0o600))
	a.check(os.Mkdir(filepath.Join(work, "out"), 0o700))
	tools(t, "tar", "-C", filepath.Join(work, "out"), "-xpzf", filepath.Join(work, "a.tar.gz"))
	if said := tools(t, "rsync", "-aHcni", a.root+"/", filepath.Join(work, "out")+"/"); said != "" {
		t.Fatalf("unpacked, it differs:\n%s", said)
	}
}

func (a *account) state(m *memory, slot int) *manifest.State {
	a.t.Helper()
	text, err := m.load(a.t, state.Path("job/alice", slot)+"/"+manifest.StateName)
	a.check(err)
	state, err := manifest.DecodeState(text)
	a.check(err)
	return state
}

func (m *memory) load(t testing.TB, p string) ([]byte, error) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find(p)
	if err != nil {
		return nil, err
	}
	return bytes.Clone(n.data), nil
}

// segments counts what checkpoints tell of the archive in slot 1. It may be called while the server is locked.
func segments(m *memory) (n int) {
	meta, err := m.find("job/alice/slot-01/meta")
	if err != nil {
		return 0
	}
	for name := range meta.children {
		if strings.HasPrefix(name, "segment.") {
			n++
		}
	}
	return n
}

// largest is how many bytes the largest temporary file in slot 1 has.
func largest(m *memory) (most int) {
	tmp, err := m.find("job/alice/slot-01/tmp")
	if err != nil {
		return 0
	}
	for _, n := range tmp.children {
		most = max(most, len(n.data))
	}
	return most
}

// broken runs until there are n checkpoints, and kills the run then.
func (a *account) broken(m *memory, o Options, n int) {
	a.t.Helper()
	dead := false
	m.hear = func(string, string) error {
		if dead = dead || segments(m) > n; dead {
			return errKilled
		}
		return nil
	}
	if _, err := a.run(a.t.Context(), m, o); err == nil {
		a.t.Fatal("not killed")
	}
	m.hear = nil
	m.now += 3600
}

func TestKilledArchiveIsGoneOnWith(t *testing.T) {
	t.Parallel()
	a, server := newAccount(t), newMemory()
	a.edit(1)
	a.file("big", string(desttest.Content(5*unit)), 70)
	a.check(os.Link(a.path("big"), a.path("zlink")))
	o := inSmallMembers()
	whole := server.clone()
	total := a.mustRun(whole, o)
	a.archived(whole, 1)
	rnd := rand.New(rand.NewPCG(5, 6))
	step, resumed := 12, 0
	if thorough() {
		step = 1
	}
	for k := 1 + rnd.IntN(step); k <= whole.ops; k += step {
		m := server.clone()
		m.killAt, m.late = k, k%4 == 1
		_, _ = a.run(t.Context(), m, o)
		m.dead, m.killAt = false, 0
		if k%5 == 2 {
			m.cut(rnd)
		}
		m.now += 3600
		sum := a.mustRun(m, o)
		if sum.Files != total.Files || sum.Bytes != total.Bytes {
			t.Fatalf("killed at %d: %+v, want %+v", k, sum, total)
		}
		if sum.Uploaded < total.Uploaded {
			resumed++
		}
		a.archived(m, sum.Slot)
		if left, _ := m.List(t.Context(), state.Path("job/alice", sum.Slot)+"/meta"); len(left) != 2 {
			t.Fatalf("killed at %d: %v is left", k, left)
		}
	}
	if resumed < 4 {
		t.Errorf("%d runs went on with an archive", resumed)
	}
}

func TestKilledArchiveIsGoneOnWithAfterTheSourceChanged(t *testing.T) {
	t.Parallel()
	for n := 1; n < 8; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			a, server := newAccount(t), newMemory()
			o := inSmallMembers()
			a.edit(1)
			a.file("big", string(desttest.Content(16*unit)), 70)
			a.file("first", "linked", 71)
			a.check(os.Link(a.path("first"), a.path("public_html/further")))
			a.broken(server, o, (n+1)/2)
			a.file("first", "changed", 72)
			a.gone("logs/1")
			a.file("logs/1a", "new", 73)
			a.check(os.Chmod(a.path("mail"), 0o700))
			a.broken(server, o, n+1)
			a.gone("public_html/style.css")
			a.file("logs/3", "changed", 74)
			a.file("zzz", "new", 75)
			sum := a.mustRun(server, o)
			if !sum.Resumed || n > 3 && sum.UploadedBytes >= 12*unit {
				t.Errorf("begun anew: %+v", sum)
			}
			a.archived(server, 1)
		})
	}
}

func TestKilledArchiveIsBegunAnew(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(a *account, m *memory){
		"where a file became a folder": func(a *account, _ *memory) {
			a.gone("before/it")
			a.file("before/it/is", "in a folder", 80)
		},
		"where a folder became a file": func(a *account, _ *memory) {
			a.gone("before")
			a.file("before", "no folder", 82)
		},
		"where most of it is old": func(a *account, _ *memory) { a.file("aaa", "small now", 81) },
		"where the server cannot copy": func(_ *account, m *memory) {
			m.hear = func(op, _ string) error {
				if op == "copy" {
					return errors.ErrUnsupported
				}
				return nil
			}
		},
		"where there is no room for a copy": func(_ *account, m *memory) {
			m.hear = func(op, _ string) error {
				if op == "copy" {
					return syscall.ENOSPC
				}
				return nil
			}
		},
		"where it is damaged": func(_ *account, m *memory) {
			tmp, _ := m.find("job/alice/slot-01/tmp")
			for _, n := range tmp.children {
				clear(n.data)
			}
		},
		"where it is short": func(_ *account, m *memory) {
			tmp, _ := m.find("job/alice/slot-01/tmp")
			for _, n := range tmp.children {
				n.data = n.data[:len(n.data)/4]
			}
		},
		"where what is known of it is damaged": func(_ *account, m *memory) {
			meta, _ := m.find("job/alice/slot-01/meta")
			for name, n := range meta.children {
				if strings.HasPrefix(name, "segment.") {
					n.data[len(n.data)/2]++
				}
			}
		},
		"where the checkpoint is damaged": func(_ *account, m *memory) {
			meta, _ := m.find("job/alice/slot-01/meta")
			meta.children[manifest.CheckpointName(1)].data[0]++
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, server := newAccount(t), newMemory()
			o := inSmallMembers()
			a.file("aaa", string(desttest.Content(3*unit)), 68)
			a.file("before/it", "small", 69)
			a.file("big", string(desttest.Content(5*unit)), 70)
			a.edit(1)
			a.broken(server, o, 5)
			change(a, server)
			sum := a.mustRun(server, o)
			if sum.Uploaded != sum.Files {
				t.Errorf("%d of %d files were sent", sum.Uploaded, sum.Files)
			}
			a.archived(server, 1)
		})
	}
}
