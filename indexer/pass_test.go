package indexer_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"slotfs/indexer"
	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/indexer/dest/desttest"
	"slotfs/indexer/engine/cpanel"
)

//check:without it takes seconds
func TestSecondPassOpensNothingAndListsDirectoriesOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	parent := w.account("alice", nil)
	for day := 1; day <= 20; day++ {
		w.archive(parent, "alice", fmt.Sprintf("2026-01-%02d", day))
	}
	if sum := w.mustPass(); sum.Read != 20 || sum.Failed != 0 {
		t.Fatalf("first pass: %+v", sum)
	}
	w.dest.Reset()
	sum := w.mustPass()
	counts := w.dest.Counts()
	if sum.Unchanged != 20 || sum.Read != 0 || counts.Open != 0 || counts.RoundTrips() != sum.Directories {
		t.Fatalf("second pass: %+v, calls %+v", sum, counts)
	}
}

func TestUnchangedAccountAddsNoNodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	parent := w.account("alice", map[string]string{"homedir/x/y/z": "deep"})
	w.archive(parent, "alice", "2026-01-01")
	w.mustPass()
	before, err := w.index.Stats(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	w.archive(parent, "alice", "2026-01-02")
	w.mustPass()
	after, err := w.index.Stats(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if after.Snapshots != 2 || after.Nodes != before.Nodes {
		t.Fatalf("nodes %d, then %d", before.Nodes, after.Nodes)
	}
}

func TestGoneBackupIsForgottenAndItsNodesSwept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.archive(w.account("alice", nil), "alice", "2026-01-01")
	gone := w.archive(w.account("bob", map[string]string{"homedir/bobs/only": "x"}), "bob", "2026-01-01")
	w.mustPass()
	before, _ := w.index.Stats(context.Background())
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	sum := w.mustPass()
	after, _ := w.index.Stats(context.Background())
	if sum.Gone != 1 || w.only().Account != "alice" || after.Nodes >= before.Nodes {
		t.Fatalf("%+v, nodes %d then %d", sum, before.Nodes, after.Nodes)
	}
}

func TestDirectoryThatCannotBeListedForgetsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	parent := w.account("alice", nil)
	w.archive(parent, "alice", "2026-01-01")
	w.archive(parent, "alice", "2026-01-02")
	w.mustPass()
	w.dest.SetFault(func(_ context.Context, c desttest.Call) error {
		if c.Op == desttest.OpList && strings.HasPrefix(c.Path, "2026-01-02/") {
			return os.ErrPermission
		}
		return nil
	})
	sum := w.mustPass()
	if sum.Gone != 0 || len(w.snapshots()) != 2 || len(sum.Errors) == 0 {
		t.Fatalf("%+v", sum)
	}
}

func TestEmptyDestinationForgetsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.archive(w.account("alice", nil), "alice", "2026-01-01")
	w.mustPass()
	if err := os.RemoveAll(filepath.Join(w.root, "2026-01-01")); err != nil {
		t.Fatal(err)
	}
	sum := w.mustPass()
	if sum.Gone != 0 || len(w.snapshots()) != 1 || len(sum.Errors) != 1 {
		t.Fatalf("%+v", sum)
	}
}

func TestPassOverOneAccountLeavesTheOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.archive(w.account("alice", nil), "alice", "2026-01-01")
	bob := w.archive(w.account("bob", nil), "bob", "2026-01-01")
	w.mustPass()
	if err := os.Remove(bob); err != nil {
		t.Fatal(err)
	}
	o := w.options()
	o.Account = "alice"
	sum, err := indexer.Pass(context.Background(), w.dest, cpanel.New(), w.index, o)
	if err != nil || sum.Found != 1 || sum.Gone != 0 || len(w.snapshots()) != 2 {
		t.Fatalf("%+v, %v", sum, err)
	}
}

// incompressible fills a file with bytes that gzip cannot shorten, so that offsets in the archive are predictable.
func (w *world) incompressible(name string, size int) {
	w.t.Helper()
	w.write(name, "")
	w.sh(`head -c "$2" /dev/urandom >"$1"`, name, fmt.Sprint(size))
}

//check:without it takes seconds
func TestCutOffPassGoesOnFromItsLastSavedState(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	parent := w.account("alice", nil)
	for i := range 24 {
		w.incompressible(filepath.Join(parent, "alice/homedir", fmt.Sprintf("file%02d", i)), 1<<20)
	}
	archive := w.archive(parent, "alice", "2026-01-01")
	info, err := os.Stat(archive)
	if err != nil {
		t.Fatal(err)
	}
	cut := info.Size() * 3 / 4
	w.dest.SetFault(func(_ context.Context, c desttest.Call) error {
		if c.Op == desttest.OpRead && c.Off >= cut {
			return dest.ErrUnreachable
		}
		return nil
	})
	if _, err := w.pass(); !errors.Is(err, dest.ErrUnreachable) {
		t.Fatalf("pass over a cut connection: %v", err)
	}
	if n := len(w.snapshots()); n != 0 {
		t.Fatalf("%d snapshots are visible before they are whole", n)
	}
	w.dest.SetFault(nil)
	w.dest.Reset()
	w.mustPass()
	if read := w.dest.Counts().Bytes; read > info.Size()/2 {
		t.Errorf("read %d of %d bytes again", read, info.Size())
	}
	resumed := w.only()
	fresh := newWorld(t)
	fresh.sh(`mkdir -p "$2/2026-01-01/accounts" && cp -a "$1" "$2/2026-01-01/accounts"`, archive, fresh.root)
	fresh.mustPass()
	whole := fresh.only()
	if resumed.Status != backup.Complete || resumed.Root.Child != whole.Root.Child || resumed.Content != whole.Content {
		t.Fatalf("resumed %s %v %d, whole %v %d", resumed.Status, resumed.Root.Child, resumed.Content, whole.Root.Child, whole.Content)
	}
	for out := int64(0); out < whole.Content; out += 1 << 20 {
		a, errA := w.index.Point(context.Background(), resumed.Serial, out)
		b, errB := fresh.index.Point(context.Background(), whole.Serial, out)
		if errA != nil || errB != nil || a.Out != b.Out || a.Bit != b.Bit || a.Length != b.Length {
			t.Fatalf("points at %d differ: %+v %v, %+v %v", out, a, errA, b, errB)
		}
	}
}

func TestGrowingArchiveIsLeftForTheNextPass(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	parent := w.account("alice", nil)
	w.incompressible(filepath.Join(parent, "alice/homedir/big"), 3<<20)
	archive := w.archive(parent, "alice", "2026-01-01")
	whole, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(archive, whole[:len(whole)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	var grow sync.Once
	w.dest.SetFault(func(_ context.Context, c desttest.Call) error {
		if c.Op == desttest.OpRead {
			grow.Do(func() { w.write(archive, string(whole)) })
		}
		return nil
	})
	w.mustPass()
	if s := w.only(); s.Status != backup.Growing || s.Readable() {
		t.Fatalf("growing archive: %s", s.Status)
	}
	if sum := w.mustPass(); sum.Read != 1 || w.only().Status != backup.Complete {
		t.Fatalf("after it grew: %+v, %s", sum, w.only().Status)
	}
}

func TestUnreadableArchiveIsTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.archive(w.account("alice", nil), "alice", "2026-01-01")
	w.dest.SetFault(func(_ context.Context, c desttest.Call) error {
		if c.Op == desttest.OpOpen {
			return os.ErrPermission
		}
		return nil
	})
	w.mustPass()
	if s := w.only(); s.Status != backup.Unreadable {
		t.Fatalf("status %s", s.Status)
	}
	w.dest.SetFault(nil)
	w.mustPass()
	if s := w.only(); s.Status != backup.Complete {
		t.Fatalf("status %s: %s", s.Status, s.Detail)
	}
}

func TestDamagedArchivesGetAStatusAndStopNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	parent := w.account("alice", map[string]string{"homedir/zz": "last"})
	w.incompressible(filepath.Join(parent, "alice/homedir/big"), 2<<20)
	good, err := os.ReadFile(w.archive(parent, "alice", "2026-01-01"))
	if err != nil {
		t.Fatal(err)
	}
	flipped := append([]byte(nil), good...)
	flipped[len(flipped)/2] ^= 0x10
	for date, content := range map[string][]byte{
		"2026-01-02": good[:len(good)/2], "2026-01-03": flipped, "2026-01-04": nil, "2026-01-05": []byte("no archive at all"),
	} {
		w.write(filepath.Join(w.root, date, "accounts", "alice.tar.gz"), string(content))
	}
	sum := w.mustPass()
	if sum.Found != 5 || sum.Failed != 4 {
		t.Fatalf("%+v", sum)
	}
	for date, want := range map[string]backup.Status{
		"2026-01-01": backup.Complete, "2026-01-02": backup.Truncated, "2026-01-03": backup.Corrupt,
		"2026-01-04": backup.Unreadable, "2026-01-05": backup.Unreadable,
	} {
		s := w.snapshots()[date+"/accounts/alice.tar.gz"]
		if s == nil || s.Status != want {
			t.Errorf("%s: %+v, want %s", date, s, want)
		}
		if s != nil && want != backup.Complete && s.Detail == "" {
			t.Errorf("%s: no detail", date)
		}
	}
	for date, want := range map[string][]string{"2026-01-01": nil, "2026-01-02": {"alice/homedir/big"}, "2026-01-03": {"alice/homedir/big"}} {
		s := w.snapshots()[date+"/accounts/alice.tar.gz"]
		if got := s.Affected; got.Files < uint64(len(want)) || len(want) == 0 && got.Files > 0 || !slices.Equal(intersection(got.First, want), want) {
			t.Errorf("%s: %+v, want %q in it", date, got, want)
		}
	}
	if sum := w.mustPass(); sum.Read != 0 {
		t.Errorf("damaged archives were read again: %+v", sum)
	}
}

// intersection lists what of b is in a.
func intersection(a, b []string) (both []string) {
	for _, s := range b {
		if slices.Contains(a, s) {
			both = append(both, s)
		}
	}
	return both
}
