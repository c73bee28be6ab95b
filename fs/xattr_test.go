package fs

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"slotfs/fs/fstest"
	"slotfs/indexer/backup"
)

// TestKernelStopsAskingForExtendedAttributesWhereThereAreNone has one snapshot without any, and then one with some.
func TestKernelStopsAskingForExtendedAttributesWhereThereAreNone(t *testing.T) {
	w := fstest.NewWorld()
	s, mnt := mount(t, config(w))
	value := make([]byte, 16)
	if _, err := unix.Getxattr(mnt, "user.note", value); !errors.Is(err, unix.ENODATA) {
		t.Errorf("with nothing to show: %v", err)
	}
	w.Add(t, fstest.Source("alice", "2026-01-05"), nil, fstest.Dir("alice"), fstest.File("alice/plain", "x"))
	must(t, s.Refresh(t.Context()))
	plain := filepath.Join(mnt, "box/accounts/alice/2026-01-05/full/alice/plain")
	if _, err := unix.Getxattr(plain, "user.note", value); !errors.Is(err, unix.EOPNOTSUPP) {
		t.Errorf("with nothing that has any: %v", err)
	}
	if _, err := unix.Listxattr(plain, nil); err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
		t.Errorf("list: %v", err)
	}
	if s.Withholds() {
		t.Error("withholds something")
	}

	noted := fstest.File("alice/deep/noted", "y")
	noted.Xattrs = []backup.Xattr{{Name: "user.note", Value: "why"}}
	w.Add(t, fstest.Source("alice", "2026-01-06"), nil, fstest.Dir("alice"), fstest.Dir("alice/deep"), noted)
	must(t, s.Refresh(t.Context()))
	path := filepath.Join(mnt, "box/accounts/alice/2026-01-06/full/alice/deep/noted")
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) || !s.Withholds() {
		t.Errorf("shown where its attributes cannot be: %v", err)
	}
	if content, err := os.ReadFile(plain); string(content) != "x" {
		t.Errorf("the other snapshot: %q, %v", content, err)
	}

	_, again := mount(t, config(w))
	path = filepath.Join(again, "box/accounts/alice/2026-01-06/full/alice/deep/noted")
	if n, err := unix.Getxattr(path, "user.note", value); string(value[:max(n, 0)]) != "why" {
		t.Errorf("mounted anew: %q, %v", value[:max(n, 0)], err)
	}
	if _, err := unix.Getxattr(filepath.Join(again, "box/accounts/alice/2026-01-05/full/alice/plain"), "user.note", value); !errors.Is(err, unix.ENODATA) {
		t.Errorf("a file without any beside it: %v", err)
	}
}

// TestMountIsQuietOnlyWhenNobodyAsks looks at the clock of requests.
func TestMountIsQuietOnlyWhenNobodyAsks(t *testing.T) {
	u := newActivity()
	u.epoch = u.epoch.Add(-time.Hour)
	if u.idleFor() < time.Hour {
		t.Errorf("never used and quiet for %v", u.idleFor())
	}
	u.begin()
	if q := u.idleFor(); q != 0 {
		t.Errorf("quiet for %v while a request runs", q)
	}
	u.end()
	first := u.idleFor()
	if first < 0 || first >= time.Hour {
		t.Errorf("quiet for %v", first)
	}
	if later := u.idleFor(); later < first {
		t.Errorf("quiet for %v after %v", later, first)
	}
}

// TestRequestsWaitOnlyWhileNoneIsAnswered looks at what a watchdog asks for.
func TestRequestsWaitOnlyWhileNoneIsAnswered(t *testing.T) {
	u := newActivity()
	u.epoch = u.epoch.Add(-time.Hour)
	if w := u.waitingFor(); w != 0 {
		t.Errorf("nobody asks, and waits for %v", w)
	}
	u.begin()
	if w := u.waitingFor(); w >= time.Hour {
		t.Errorf("waits for %v from its beginning", w)
	}
	u.epoch = u.epoch.Add(-time.Minute) // a minute goes by
	if w := u.waitingFor(); w < time.Minute {
		t.Errorf("waits for %v after a minute", w)
	}
	u.begin()
	if w := u.waitingFor(); w < time.Minute {
		t.Errorf("another one that waits makes it %v", w)
	}
	u.end()
	if w := u.waitingFor(); w >= time.Minute {
		t.Errorf("an answer, and all wait for %v", w)
	}
}
