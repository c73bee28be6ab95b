package scrub_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"slotfs/cache/index"
	"slotfs/indexer"
	"slotfs/indexer/backup"
	"slotfs/indexer/concern"
	"slotfs/indexer/dest"
	"slotfs/indexer/dest/desttest"
	"slotfs/indexer/engine/cpanel"
	"slotfs/indexer/scrub"
)

// world is a destination in a local directory and the index of it.
type world struct {
	*testing.T
	root  string
	dest  *desttest.Fake
	index *index.Index
	at    time.Time
	heard
}

// heard is what a scrub told.
type heard struct {
	differs []scrub.Difference
	skipped []string
	stop    func(done int64)
}

func (h *heard) Read(_ *backup.Snapshot, done, _ int64) {
	if h.stop != nil {
		h.stop(done)
	}
}
func (h *heard) Differs(d scrub.Difference) { h.differs = append(h.differs, d) }
func (h *heard) Skipped(s *backup.Snapshot, reason string) {
	h.skipped = append(h.skipped, s.Name+": "+reason)
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, root: t.TempDir(), at: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)}
	w.dest = desttest.Dir(w.root)
	x, err := index.Open(t.TempDir(), index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	w.index = x
	return w
}

// account makes the backup of an account in one of the forms of cPanel, and returns its path.
func (w *world) account(kind backup.Kind, date string) string {
	w.Helper()
	parent := w.TempDir()
	user := filepath.Join(parent, "alice")
	random := rand.NewChaCha8([32]byte([]byte(fmt.Sprintf("%-32s", date))))
	for name, size := range map[string]int{"homedir/large.bin": 20 << 20, "homedir/small.txt": 100, "homedir/mail/new/1": 3000, "homedir/empty": 0} {
		data := make([]byte, size)
		random.Read(data)
		w.write(filepath.Join(user, name), data)
	}
	w.write(filepath.Join(user, "cp/alice"), []byte("USER=alice\n"))
	set := filepath.Join(w.root, date, "accounts")
	if err := os.MkdirAll(set, 0o755); err != nil {
		w.Fatal(err)
	}
	out := filepath.Join(set, "alice")
	var cmd *exec.Cmd
	switch kind {
	case backup.Tree:
		cmd = exec.Command("cp", "-a", user, out)
	case backup.Tar:
		out += ".tar"
		cmd = exec.Command("tar", "-C", parent, "-cf", out, "alice")
	default:
		out += ".tar.gz"
		cmd = exec.Command("tar", "-C", parent, "-czf", out, "alice")
	}
	if text, err := cmd.CombinedOutput(); err != nil {
		w.Fatalf("%v: %s", err, text)
	}
	return out
}

func (w *world) write(name string, data []byte) {
	w.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		w.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		w.Fatal(err)
	}
}

// flip changes a byte of a file, whose time stays.
func (w *world) flip(name string, at int64) {
	w.Helper()
	info, err := os.Stat(name)
	if err != nil {
		w.Fatal(err)
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		w.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		w.Fatal(err)
	}
	b[0] ^= 0x10
	if _, err := f.WriteAt(b, at); err != nil {
		w.Fatal(err)
	}
	if err := os.Chtimes(name, info.ModTime(), info.ModTime()); err != nil {
		w.Fatal(err)
	}
}

func (w *world) pass() {
	w.Helper()
	_, err := indexer.Pass(w.Context(), w.dest, new(cpanel.Engine), w.index, indexer.Options{Destination: "d", Limits: concern.DefaultLimits})
	if err != nil {
		w.Fatal(err)
	}
}

// scrub reads a share, a day after the last time.
func (w *world) scrub(ctx context.Context, share float64) (scrub.Summary, error) {
	w.at = w.at.Add(24 * time.Hour)
	w.differs, w.skipped = nil, nil
	return scrub.Run(ctx, w.dest, w.index, scrub.Options{Destination: "d", Share: share, Progress: &w.heard, Now: func() time.Time { return w.at }})
}

func (w *world) mustScrub(share float64) scrub.Summary {
	w.Helper()
	s, err := w.scrub(w.Context(), share)
	if err != nil {
		w.Fatal(err)
	}
	return s
}

// only is the only snapshot.
func (w *world) only() *backup.Snapshot {
	w.Helper()
	all, err := w.index.Snapshots(w.Context(), "d")
	if err != nil || len(all) != 1 {
		w.Fatalf("%d snapshots, %v", len(all), err)
	}
	return all[0]
}

func TestAFlippedByteIsFoundAndNothingElse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind    backup.Kind
		damaged string // below the backup
		at      int64
		named   string
	}{
		{backup.TarGzip, "", 11 << 20, "large.bin"},
		{backup.Tar, "", 18 << 20, ""},
		{backup.Tree, "homedir/large.bin", 17 << 20, "homedir/large.bin"},
		{backup.Tree, "homedir/mail/new/1", 2999, "homedir/mail/new/1"},
	} {
		t.Run(string(c.kind)+c.damaged, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			path := w.account(c.kind, "2026-01-05")
			w.pass()
			if c.kind != backup.TarGzip { // nothing has checksums of these: the first reading notes them
				if s := w.mustScrub(1); s.Noted != 1 || s.Verified != 0 || !w.only().Verified.At.IsZero() || w.only().Verified.Recorded.IsZero() {
					t.Fatalf("first reading: %+v, %+v", s, w.only().Verified)
				}
			}
			if s := w.mustScrub(1); s.Verified != 1 || s.Differences != 0 || !w.only().Verified.At.Equal(w.at) {
				t.Fatalf("sound: %+v, %+v", s, w.only().Verified)
			}
			w.flip(filepath.Join(path, c.damaged), c.at)
			s := w.mustScrub(1)
			v := w.only().Verified
			if s.Differences != 1 || s.Differing != 1 || len(w.differs) != 1 || !strings.Contains(w.differs[0].What, c.named) || !v.At.IsZero() || v.Differences != 1 {
				t.Fatalf("damaged: %+v %+v %+v", s, w.differs, v)
			}
			w.pass()
			if v := w.only().Verified; v.Differences != 1 || len(v.First) != 1 {
				t.Errorf("a pass took away what was found: %+v", v)
			}
			w.flip(filepath.Join(path, c.damaged), c.at)
			if s := w.mustScrub(1); s.Differences != 0 || s.Verified != 1 || w.only().Verified.Differences != 0 {
				t.Errorf("repaired: %+v %+v", s, w.only().Verified)
			}
		})
	}
}

// TestReadingGoesOnWhereItEnded reads a little at a time, is interrupted, and counts what came over the line.
func TestReadingGoesOnWhereItEnded(t *testing.T) {
	t.Parallel()
	for _, kind := range []backup.Kind{backup.TarGzip, backup.Tar, backup.Tree} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.account(kind, "2026-01-05")
			w.pass()
			if kind != backup.TarGzip {
				w.mustScrub(1)
			}
			read, runs := int64(0), 0
			for began := w.at.Add(24 * time.Hour); w.only().Verified.At.IsZero(); runs++ {
				ctx, cancel := context.WithCancel(t.Context())
				if runs == 1 {
					w.stop = func(int64) { cancel() }
				}
				s, err := w.scrub(ctx, .1)
				cancel()
				w.stop = nil
				if err != nil && (runs != 1 || !errors.Is(err, context.Canceled)) {
					t.Fatal(err)
				}
				read += s.Read
				if v := w.only().Verified; !v.At.IsZero() && !v.At.Equal(began) {
					t.Errorf("read since %v, verified at %v", began, v.At)
				}
				if runs > 20 {
					t.Fatalf("not at its end after %d bytes", read)
				}
			}
			size := w.only().StoredSize()
			if runs < 2 || read < size-1000 || read > size+1000 {
				t.Errorf("%d bytes of %d were read in %d runs", read, size, runs)
			}
		})
	}
}

func TestTheBackupThatWasNotReadForLongestComesFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, date := range []string{"2026-01-03", "2026-01-01", "2026-01-02"} {
		w.account(backup.Tree, date)
	}
	w.pass()
	var order []string
	for range 4 {
		w.mustScrub(.33)
		all, err := w.index.Snapshots(t.Context(), "d")
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(all, func(a, b *backup.Snapshot) int { return b.Verified.Read.Compare(a.Verified.Read) })
		if name := all[0].Name; len(order) == 0 || order[len(order)-1] != name {
			order = append(order, name)
		}
	}
	if len(order) < 3 || order[0] != "2026-01-01" || order[1] != "2026-01-02" || order[2] != "2026-01-03" {
		t.Errorf("read in the order %q", order)
	}
}

func TestWhatAClockThatWasAheadReadIsReadAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, date := range []string{"2026-01-01", "2026-01-02"} {
		w.account(backup.Tree, date)
	}
	w.pass()
	right := w.at
	w.at = right.AddDate(10, 0, 0)
	w.mustScrub(.5)
	w.at = right
	for range 3 {
		w.mustScrub(.5)
	}
	all, err := w.index.Snapshots(t.Context(), "d")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range all {
		if b.Verified.Read.IsZero() || b.Verified.Read.After(w.at) {
			t.Errorf("%s was read last at %v, and it is %v", b.Name, b.Verified.Read, w.at)
		}
	}
}

func TestAnotherFileIsNoDifference(t *testing.T) {
	t.Parallel()
	for _, kind := range []backup.Kind{backup.TarGzip, backup.Tree} {
		for name, change := range map[string]func(string) error{
			"newer": func(p string) error { // SFTP has whole seconds
				later := time.Now().Add(time.Hour)
				return os.Chtimes(p, later, later)
			},
			"gone": os.Remove,
		} {
			w := newWorld(t)
			path := w.account(kind, "2026-01-05")
			w.pass()
			w.mustScrub(1)
			if kind == backup.Tree {
				path = filepath.Join(path, "homedir/small.txt")
			}
			if err := change(path); err != nil {
				t.Fatal(err)
			}
			s := w.mustScrub(1)
			if s.Skipped != 1 || s.Differences != 0 || s.Verified != 0 || len(w.skipped) != 1 || w.only().Stable {
				t.Errorf("%s, %s: %+v %q, stable %v", kind, name, s, w.skipped, w.only().Stable)
			}
		}
	}
}

// unreadable is a destination on which one file cannot be read.
type unreadable struct {
	dest.Destination
	name string
}

func (u unreadable) Open(ctx context.Context, path string) (dest.File, error) {
	f, err := u.Destination.Open(ctx, path)
	if err == nil && strings.HasSuffix(path, u.name) {
		return brokenFile{f}, nil
	}
	return f, err
}

type brokenFile struct{ dest.File }

var errDisk = errors.New("failure")

func (brokenFile) ReadAt(context.Context, []byte, int64) (int, error) { return 0, errDisk }

func TestWhatCannotBeReadIsADifferenceAndTheRestGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.account(backup.Tree, "2026-01-05")
	w.pass()
	w.mustScrub(1)
	s, err := scrub.Run(t.Context(), unreadable{w.dest, "small.txt"}, w.index, scrub.Options{Destination: "d", Share: 1, Progress: &w.heard})
	if err != nil || s.Differences != 1 || len(w.differs) != 1 || !strings.Contains(w.differs[0].What, "small.txt: cannot be read: failure") {
		t.Errorf("%+v %+v, %v", s, w.differs, err)
	}
	if v := w.only().Verified; !v.At.IsZero() || v.Differences != 1 {
		t.Errorf("%+v", v)
	}
}
