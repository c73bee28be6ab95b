package fs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"slotfs/fs/fstest"
)

func TestAnotherTreeUnderTheSameSerialIsReadAnew(t *testing.T) {
	w := oneFile(t)
	m, mnt := mount(t, config(w))
	path := mnt + "/" + oneFilePath
	if data, err := os.ReadFile(path); err != nil || string(data) != "0123456789" {
		t.Fatal(err)
	}
	s := w.Add(t, fstest.Source("alice", "2026-01-05"), nil, fstest.File("f", "grown since then"))
	w.Renumber(s.Serial, 1)
	must(t, m.Refresh(t.Context()))
	if data, err := os.ReadFile(path); err != nil || string(data) != "grown since then" {
		t.Errorf("%q, %v", data, err)
	}
	if got := names(t, filepath.Dir(path)); len(got) != 1 {
		t.Errorf("%q", got)
	}
}

func TestRefreshesDoNotDisturbReaders(t *testing.T) {
	w := fstest.NewWorld()
	members := []fstest.Member{}
	for i := range 300 {
		members = append(members, fstest.File(fmt.Sprintf("d%d/f%d", i%7, i), "x"))
	}
	w.Add(t, fstest.Source("alice", "2026-01-05"), nil, members...)
	m, mnt := mount(t, config(w))
	stable := mnt + "/box/accounts/alice/2026-01-05"
	want := run(t, "find", stable, "-printf", "%p %i %s\n")
	enough, refreshed := make(chan struct{}), make(chan error, 1)
	go func() { refreshed <- comeAndGo(w, m, members, enough) }()
	for range 20 {
		if got := run(t, "find", stable, "-printf", "%p %i %s\n"); got != want {
			t.Fatalf("%d lines, want %d", strings.Count(got, "\n"), strings.Count(want, "\n"))
		}
		exec.Command("find", mnt, "-ls").Run() // what comes and goes may be missed
	}
	close(enough)
	must(t, <-refreshed)
	if got := strings.Join(names(t, mnt+"/box/accounts"), " "); got != "alice" {
		t.Errorf("left: %s", got)
	}
}

// comeAndGo adds and removes snapshots, with a refresh after each, until it is enough.
func comeAndGo(w *fstest.World, m *Server, members []fstest.Member, enough <-chan struct{}) error {
	ctx := context.Background()
	for i := 0; ; i++ {
		s := fstest.Source([]string{"alice", "bob"}[i%2], fmt.Sprintf("2027-01-%02d", i%20+1))
		s.Time = s.Time.Add(time.Duration(i) * time.Hour)
		added, err := w.Build(ctx, s, members...)
		if err != nil {
			return err
		}
		came := m.Refresh(ctx)
		w.Remove(added.Serial)
		if err := errors.Join(came, m.Refresh(ctx)); err != nil {
			return err
		}
		select {
		case <-enough:
			return nil
		default:
		}
	}
}

func TestSignalsDoNotSpoilReads(t *testing.T) {
	w := fstest.NewWorld()
	f := fstest.File("f", "")
	f.Size = 40 << 20
	w.Add(t, fstest.Source("alice", "2026-01-05"), nil, f)
	begun := make(chan struct{}, 1000)
	_, mnt := mount(t, withContent(w, func(ctx context.Context, p []byte, _ int64) (int, error) {
		begun <- struct{}{}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(5 * time.Millisecond):
			return len(p), nil
		}
	}))
	dd := exec.Command("dd", "if="+mnt+"/"+oneFilePath, "of=/dev/null", "bs=64k")
	must(t, dd.Start())
	<-begun
	ended := make(chan error, 1)
	go func() { ended <- dd.Wait() }()
	for {
		select {
		case err := <-ended:
			must(t, err)
			return
		case <-time.After(time.Millisecond):
			dd.Process.Signal(unix.SIGUSR1) // dd reports and goes on
		}
	}
}

func TestOptionsReachTheKernel(t *testing.T) {
	c := config(oneFile(t))
	c.Options = []string{"noexec", "noatime"}
	c.AllowOther = true
	_, mnt := mount(t, c)
	line := run(t, "findmnt", "-n", "-o", "OPTIONS", mnt)
	for _, want := range []string{"noexec", "noatime", "allow_other", "default_permissions", "ro"} {
		if !strings.Contains(","+strings.TrimSpace(line)+",", ","+want+",") {
			t.Errorf("no %s in %s", want, line)
		}
	}
}
