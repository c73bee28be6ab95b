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
	"time"

	"slotfs/indexer"
	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/indexer/dest/desttest"
	"slotfs/indexer/engine/cpanel"
)

//check:without it takes seconds
func TestSecondPassOpensNothingAndListsFoldersOnce(t *testing.T) {
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
	if sum.Unchanged != 20 || sum.Read != 0 || counts.Open != 0 || counts.RoundTrips() != sum.Folders {
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

func TestFolderThatCannotBeListedForgetsNothing(t *testing.T) {
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

func TestTreeIsWalkedUntilTwoPassesSawTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	parent := w.account("alice", map[string]string{"homedir/deep/er/file": "content"})
	w.now = time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	w.sh(`ln -s deep/er "$1/alice/homedir/link"; mkdir -p "$2/2026-01-01/accounts"; cp -a "$1/alice" "$2/2026-01-01/accounts/"`, parent, w.root)
	w.mustPass()
	first := w.only()
	if first.Kind != backup.Tree || first.Status != backup.Complete || first.Stable {
		t.Fatalf("first pass: %+v", first)
	}
	if link := w.resolve(first, "homedir/link"); link.Target != "deep/er" {
		t.Errorf("link to %q", link.Target)
	}
	if file := w.resolve(first, "homedir/deep/er/file"); file.Size != 7 {
		t.Errorf("file of %d bytes", file.Size)
	}
	w.mustPass()
	if s := w.only(); !s.Stable || s.Serial != first.Serial {
		t.Fatalf("second pass: settled %v, serial %d then %d", s.Stable, first.Serial, s.Serial)
	}
	w.dest.Reset()
	w.mustPass()
	if c := w.dest.Counts(); c.ReadLink+c.Open > 0 || c.List > 4 {
		t.Fatalf("third pass walked the tree: %+v", c)
	}
}

//check:without needs xz and pigz
func TestSplitArchiveIsReadAsOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	parent := w.account("carol", nil)
	w.incompressible(filepath.Join(parent, "carol/homedir/big"), 1<<20)
	w.sh(`tar -C "$1" -cf - carol | gzip | split -b 300000 -d -a 5 --numeric-suffixes=1 - "$2/cpmove-carol.tar.gz.part"`, parent, w.root)
	w.mustPass()
	s := w.only()
	if s.Status != backup.Complete || s.Account != "carol" || len(s.Files) < 3 {
		t.Fatalf("%s %s: %d files", s.Status, s.Detail, len(s.Files))
	}
	if big := w.resolve(s, "carol/homedir/big"); big.Size != 1<<20 {
		t.Fatalf("member of %d bytes", big.Size)
	}
}

func TestChangedArchiveReplacesItsRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.archive(w.account("alice", nil), "alice", "2026-01-01")
	w.mustPass()
	first := w.only()
	w.archive(w.account("alice", map[string]string{"homedir/new": "n"}), "alice", "2026-01-01")
	w.mustPass()
	s := w.only()
	if s.Serial == first.Serial {
		t.Fatal("the serial of another content was used again")
	}
	w.resolve(s, "alice/homedir/new")
}

func TestCancelledPassReturnsAndKeepsWhatItCommitted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.archive(w.account("alice", nil), "alice", "2026-01-01")
	ctx, cancel := context.WithCancel(context.Background())
	w.dest.SetFault(func(ctx context.Context, c desttest.Call) error {
		if c.Op != desttest.OpRead {
			return nil
		}
		cancel()
		<-ctx.Done()
		return ctx.Err()
	})
	done := make(chan error, 1)
	go func() {
		_, err := indexer.Pass(ctx, w.dest, cpanel.New(), w.index, w.options())
		done <- err
	}()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("a cancelled pass does not return")
	}
	w.dest.SetFault(nil)
	w.mustPass()
	if s := w.only(); s.Status != backup.Complete {
		t.Fatal(s.Status)
	}
}

func TestContentOfPlainArchivesIsNotFetched(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	parent := w.account("alice", nil)
	w.incompressible(filepath.Join(parent, "alice/homedir/video"), 100<<20)
	name := filepath.Join(w.root, "2026-01-01/accounts/alice.tar")
	w.sh(`mkdir -p "$(dirname "$2")"; tar -C "$1" -cf "$2" alice`, parent, name)
	w.mustPass()
	if s := w.only(); s.Status != backup.Complete || w.resolve(s, "alice/homedir/video").Size != 100<<20 {
		t.Fatalf("%s: %s", s.Status, s.Detail)
	}
	if read := w.dest.Counts().Bytes; read > 50<<20 {
		t.Errorf("%d bytes of content were fetched that nobody looks at", read)
	}
}

func TestSweepOfAnotherPassKeepsTheNodesOfATreeUnderWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	parent := w.account("alice", map[string]string{"homedir/aa/deep/file": "x", "homedir/zz/last": "y"})
	w.sh(`mkdir -p "$2/2026-01-01/accounts"; cp -a "$1/alice" "$2/2026-01-01/accounts/"`, parent, w.root)
	w.dest.SetFault(func(ctx context.Context, c desttest.Call) error {
		if c.Op == desttest.OpList && strings.HasSuffix(c.Path, "homedir/zz") {
			time.Sleep(100 * time.Millisecond) // the other directories are written by then
			_, err := w.index.Sweep(ctx)
			return err
		}
		return nil
	})
	w.mustPass()
	if file := w.resolve(w.only(), "homedir/aa/deep/file"); file.Size != 1 {
		t.Fatalf("file of %d bytes", file.Size)
	}
}
