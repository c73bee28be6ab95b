package slot

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"slotfs/indexer/dest"
	"slotfs/indexer/dest/desttest"
	"slotfs/sftpdest"
	"slotfs/sftpdest/slot/lease"
	"slotfs/sftpdest/slot/store"
	"slotfs/sftpdest/sshdtest"
)

func startSSHD(t testing.TB, user string) *sshdtest.Server {
	t.Helper()
	s, err := sshdtest.Start(sshdtest.Options{User: user})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// served is a directory that any user may write to.
func served(t testing.TB) string {
	t.Helper()
	root, err := os.MkdirTemp("", "slots")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	if err := os.Chmod(root, 0o777); err != nil {
		t.Fatal(err)
	}
	return root
}

func dialSSHD(t testing.TB, s *sshdtest.Server, root string) *sftpdest.Destination {
	t.Helper()
	d, err := sftpdest.New(sftpdest.Settings{
		Host: s.Host, Port: s.Port, Username: s.Username, IdentityFile: s.Identity, HostKeys: s.HostKeys,
		Directory: root, MaxRetries: 3, MaxConnections: 4,
	}, sftpdest.Options{Backoff: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// mortal is a destination whose connections are closed for good behind a number of operations, whatever the server has
// received by then.
type mortal struct {
	*sftpdest.Destination
	left atomic.Int64
}

func (m *mortal) live() {
	if m.left.Add(-1) == 0 {
		m.Destination.Close()
	}
}

func (m *mortal) Put(ctx context.Context, p string, c []byte, a dest.Attributes, sync bool) (bool, error) {
	m.live()
	return m.Destination.Put(ctx, p, c, a, sync)
}

func (m *mortal) Copy(ctx context.Context, from, to string, size int64, a dest.Attributes, sync bool) (bool, error) {
	m.live()
	return m.Destination.Copy(ctx, from, to, size, a, sync)
}

func (m *mortal) Rename(ctx context.Context, from, to string) error {
	m.live()
	return m.Destination.Rename(ctx, from, to)
}

func (m *mortal) Install(ctx context.Context, from, to string) (bool, error) {
	m.live()
	return m.Destination.Install(ctx, from, to)
}

func (m *mortal) Remove(ctx context.Context, p string) error {
	m.live()
	return m.Destination.Remove(ctx, p)
}

func (m *mortal) Mkdir(ctx context.Context, p string, permissions uint32) error {
	m.live()
	return m.Destination.Mkdir(ctx, p, permissions)
}

func TestKilledOverOpenSSHTheNextRunGoesOn(t *testing.T) {
	t.Parallel()
	s := startSSHD(t, "nobody")
	a, root := newAccount(t), served(t)
	d := dialSSHD(t, s, root)
	o := options(3)
	o.Lanes = 8
	o.tune.dead = func(*lease.Holder) bool { return true }
	past, step := history{}, 11
	if thorough() {
		step = 2
	}
	for n := 1; n <= 4; n++ {
		a.edit(n)
		now := a.truth()
		for k := 1 + rand.IntN(step); k < 60; k += step {
			m := &mortal{Destination: dialSSHD(t, s, root)}
			m.left.Store(int64(k))
			_, err := a.run(t.Context(), m, o)
			complete, examineErr := examine(t.Context(), d, o.Directory, past, now)
			if examineErr != nil || complete < min(n-1, 2) {
				t.Fatalf("run %d killed at %d (%v): %d complete, %v", n, k, err, complete, examineErr)
			}
			if err == nil {
				slots, err := List(t.Context(), d, o.Directory)
				a.check(err)
				past[slots[0].State.Gen] = now
				break
			}
		}
		sum := a.mustRun(d, o)
		past[sum.Gen] = now
		slots, err := List(t.Context(), d, o.Directory)
		a.check(err)
		for _, slot := range slots {
			if past[slot.State.Gen] == nil {
				past[slot.State.Gen] = now
			}
		}
		complete, err := examine(t.Context(), d, o.Directory, past, nil)
		if err != nil || complete < min(n, 3) {
			t.Fatalf("after run %d: %d complete, %v", n, complete, err)
		}
		if sum.Durability != "fsync" {
			t.Errorf("durability %q", sum.Durability)
		}
		copied, err := os.ReadFile(filepath.Join(root, slots[0].Path, "data/public_html/index.html"))
		if want, _ := os.ReadFile(a.path("public_html/index.html")); err != nil || string(copied) != string(want) {
			t.Errorf("read plainly: %q, %v", copied, err)
		}
	}
}

func TestSecondFullOverOpenSSHIsCopiedOnTheServer(t *testing.T) {
	t.Parallel()
	s := startSSHD(t, "nobody")
	a := newAccount(t)
	a.edit(1)
	a.file("big", string(desttest.Content(20<<20)), 90)
	d := dialSSHD(t, s, served(t))
	o := options(2)
	o.Lanes, o.tune.mark, o.tune.wide = 8, 4<<20, 8<<20
	first := a.mustRun(d, o)
	second := a.mustRun(d, o)
	if second.Copied != first.Uploaded || second.Uploaded != 0 {
		t.Errorf("first %+v, second %+v", first, second)
	}
	a.holdsAll(d, o, 2, 1)
	a.holdsAll(d, o, 2, 2)
}

func TestServerThatOffersLittleIsBackedUpTo(t *testing.T) {
	root := served(t)
	l, err := sshdtest.StartLocal(sshdtest.LocalOptions{Root: "/", Password: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	d, err := sftpdest.New(sftpdest.Settings{
		Host: l.Host, Port: l.Port, Username: "u", Password: "secret", HostKeys: l.HostKeys, Directory: root,
		MaxRetries: 1, MaxConnections: 2,
	}, sftpdest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	a := newAccount(t)
	o := options(2)
	o.Lanes = 8
	for n := 1; n <= 4; n++ {
		a.edit(n)
		if n <= 2 {
			a.check(os.Remove(a.path("public_html/link"))) // its server makes relative targets absolute
		}
		sum := a.mustRun(d, o)
		if sum.Durability != "none" {
			t.Errorf("durability %q of a server without fsync", sum.Durability)
		}
		a.holdsAll(d, o, min(n, 2), sum.Slot)
		if n == 1 {
			a.check(os.Symlink("x", a.path("public_html/link")))
		}
	}
}

func TestFullDiskOfTheServerIsToldAndTheRunGoesOn(t *testing.T) {
	t.Parallel()
	s := startSSHD(t, "nobody")
	root := served(t)
	mountTmpfs(t, root, 12<<20)
	a := newAccount(t)
	for i := range 20 {
		a.file(fmt.Sprint("file", i), string(desttest.Content(1<<20+i)), i)
	}
	d := dialSSHD(t, s, root)
	o := options(2)
	o.Lanes = 4
	if _, err := a.run(t.Context(), d, o); !errors.Is(err, store.ErrFull) {
		t.Fatalf("%v, want store.ErrFull", err)
	}
	growTmpfs(t, root, 200<<20)
	sum := a.mustRun(d, o)
	if !sum.Resumed || sum.Slot != 1 {
		t.Errorf("%+v", sum)
	}
	a.holdsAll(d, o, 1, 1)
}
