package indexer_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slotfs/indexer"
	"slotfs/indexer/backup"
	"slotfs/indexer/dest/desttest"
	"slotfs/indexer/engine/cpanel"
)

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
