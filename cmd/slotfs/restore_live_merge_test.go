package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"slotfs/cmd/internal/service/live"
	"slotfs/cmd/internal/state"
)

// messages is how many messages a mailbox is merged with; SLOTFS_MESSAGES asks for more by hand.
func messages() int {
	if n, err := strconv.Atoi(os.Getenv("SLOTFS_MESSAGES")); err == nil {
		return n
	}
	return 1500
}

// mailServer delivers into a mailbox and changes flags in it until it is stopped.
type mailServer struct {
	box  string
	stop chan struct{}
	done sync.WaitGroup

	delivered int
	err       error
}

func (m *mailServer) start() {
	m.stop = make(chan struct{})
	m.done.Go(func() {
		for ; m.err == nil; m.delivered++ {
			select {
			case <-m.stop:
				return
			case <-time.After(time.Millisecond):
			}
			name := fmt.Sprintf("99%d.D.host", m.delivered)
			m.err = errors.Join(os.WriteFile(m.box+"/tmp/"+name, []byte("new"), 0o644), os.Rename(m.box+"/tmp/"+name, m.box+"/new/"+name))
			if m.delivered%3 == 0 { // it is read at once
				m.err = errors.Join(m.err, os.Rename(m.box+"/new/"+name, m.box+"/cur/"+name+":2,S"))
			}
		}
	})
	m.done.Go(func() { // messages that are in the backup too move from new to cur and get flags
		for i := 0; ; i++ {
			select {
			case <-m.stop:
				return
			default:
			}
			name := fmt.Sprintf("%d.M.host", i%messages())
			if os.Rename(m.box+"/new/"+name, m.box+"/cur/"+name+":2,") != nil && os.Rename(m.box+"/cur/"+name+":2,", m.box+"/cur/"+name+":2,F") != nil {
				_ = os.Rename(m.box+"/cur/"+name+":2,F", m.box+"/cur/"+name+":2,") // or it is not there
			}
		}
	})
}

func TestMessagesThatAreDeliveredWhileAMailboxIsMergedAreAllThereOnce(t *testing.T) {
	t.Parallel()
	a := newLiveAccount(t)
	n := messages()
	const box = "mail/alice.example/info"
	at := filepath.Join(a.home, box)
	for _, dir := range []string{"cur", "new", "tmp"} {
		if err := os.MkdirAll(filepath.Join(at, dir), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		write(t, fmt.Sprintf("%s/homedir/%s/cur/%d.M.host:2,S", a.src, box, i), "message "+strconv.Itoa(i))
		if i%2 == 0 {
			write(t, fmt.Sprintf("%s/new/%d.M.host", at, i), "message "+strconv.Itoa(i))
		}
	}
	a.ready()
	server := &mailServer{box: at}
	server.start()
	r := a.among("restore", "--live", liveSnapshot+"email/alice.example/info")
	close(server.stop)
	server.done.Wait()
	if r.code != 0 || server.err != nil {
		t.Fatalf("%+v, %v", r, server.err)
	}
	seen := map[string]int{}
	for _, dir := range []string{"new", "cur"} {
		entries, err := os.ReadDir(filepath.Join(at, dir))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			unique, _, _ := strings.Cut(e.Name(), ":2,")
			seen[unique]++
		}
	}
	lost, twice := 0, 0
	count := func(name string) {
		switch seen[name] {
		case 0:
			lost++
		case 1:
		default:
			twice++
		}
		delete(seen, name)
	}
	for i := range n {
		count(fmt.Sprintf("%d.M.host", i))
	}
	for i := range server.delivered {
		count(fmt.Sprintf("99%d.D.host", i))
	}
	delete(seen, "1.host") // and those of the backup of every account
	delete(seen, "1.M1.h")
	if lost > 0 || twice > 0 || len(seen) > 0 {
		t.Errorf("%d messages, %d delivered meanwhile: %d lost, %d twice, %d more\n%s", n, server.delivered, lost, twice, len(seen), r.out)
	}
	t.Logf("%d delivered meanwhile; %s", server.delivered, r.out)
}

// TestALiveRestoreThatIsKilledIsUndone kills it at several instants: whatever it had done is taken back.
func TestALiveRestoreThatIsKilledIsUndone(t *testing.T) {
	t.Parallel()
	a := newLiveAccount(t)
	for i := range 300 {
		write(t, fmt.Sprintf("%s/homedir/public_html/%d/file", a.src, i), strings.Repeat("backup", i))
		if i%2 == 0 {
			write(t, fmt.Sprintf("%s/public_html/%d/file", a.home, i), "live")
		}
	}
	write(t, a.home+"/mail/alice.example/info/cur/7.M7.h:2,S", "live")
	write(t, a.home+"/etc/alice.example/passwd", "new:x:1:1:::\n")
	write(t, a.dir+"/spool/crontabs/alice", "1 1 1 1 1 old\n")
	a.ready()
	before := a.everything()
	begun := 0
	for at := range 8 {
		c := a.amongCommand("restore", "--live", "--replace", liveSnapshot)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		a.waitForChange(c, at)
		_ = c.Process.Kill() // it may have ended
		_ = c.Wait()
		a.writerGone()
		all, err := (&live.Live{State: state.Dir(a.world.state)}).Past()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range all {
			if p.Group == "" && p.Undone == "" && p.Kind == "account" && !strings.HasPrefix(p.Source, "20") {
				begun++
				if r := a.among("restore", "--undo", p.ID); r.code != 0 {
					t.Errorf("killed at %d: %+v", at, r)
				}
			}
		}
		if got := a.everything(); got != before {
			t.Fatalf("killed at %d: undone:\n%s\nnot\n%s", at, got, before)
		}
	}
	if begun == 0 {
		t.Error("no restore had begun when it was killed")
	}
}

// waitForChange waits until the restore has done as much as the number says, or has ended.
func (a *liveAccount) waitForChange(c *exec.Cmd, at int) {
	a.t.Helper()
	for range 10_000 {
		time.Sleep(time.Millisecond)
		if err := c.Process.Signal(syscall.Signal(0)); err != nil {
			return
		}
		done, _ := filepath.Glob(a.home + "/public_html/*/file")
		cron := a.tab()
		switch {
		case at == 0 && countKept(a.home) > 0, at < 5 && at > 0 && len(done) > 150+at*30, at == 5 && len(done) == 300, at == 6 && fileExists(a.home+"/mail/alice.example/sales/cur/3.M3.h:2,"),
			at == 7 && !strings.Contains(cron, "old"):
			return
		}
	}
}

func countKept(home string) int {
	kept, _ := filepath.Glob(home + "/slotfs-before-*")
	return len(kept)
}

func fileExists(p string) bool {
	_, err := os.Lstat(p)
	return err == nil
}

// writerGone waits until the process is gone that wrote with the rights of the user: it notices that nobody reads for it any more.
func (a *liveAccount) writerGone() {
	a.t.Helper()
	for range 10_000 {
		out, err := exec.Command("pgrep", "-u", strconv.Itoa(aliceUID)).Output()
		if len(out) == 0 && err != nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
	a.t.Fatal("the process that writes did not end")
}

func TestAFullDiskLeavesEachFileAsBeforeOrAsAfterAndIsUndone(t *testing.T) {
	t.Parallel()
	a := newLiveAccount(t)
	const files = 40
	for i := range files {
		write(t, fmt.Sprintf("%s/homedir/web/%d", a.src, i), strings.Repeat("b", 100<<10))
	}
	if err := syscall.Mount("tmpfs", a.home, "tmpfs", 0, "size=2m,mode=755"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(a.home, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	for i := range files {
		write(t, fmt.Sprintf("%s/web/%d", a.home, i), "live")
	}
	write(t, a.home+"/ballast", strings.Repeat("x", 64<<10))
	a.ready()
	before := a.everything()
	r := a.among("restore", "--live", liveSnapshot+"files/web")
	if r.code != 1 || !strings.Contains(r.err, "no space left") {
		t.Fatalf("%+v", r)
	}
	old, written := 0, 0
	for i := range files {
		data, err := os.ReadFile(fmt.Sprintf("%s/web/%d", a.home, i))
		switch {
		case err != nil:
			t.Error(err)
		case string(data) == "live":
			old++
		case len(data) == 100<<10:
			written++
		default:
			t.Errorf("%d has %d bytes: neither the old ones nor the new ones", i, len(data))
		}
	}
	if old == 0 || written == 0 {
		t.Errorf("%d files as before, %d as after", old, written)
	}
	_, id, ok := strings.Cut(r.out, "--undo ")
	if !ok {
		t.Fatalf("the id is not told: %+v", r)
	}
	if err := os.Truncate(a.home+"/ballast", 0); err != nil {
		t.Fatal(err)
	}
	write(t, a.home+"/ballast", strings.Repeat("x", 1<<10))
	if r := a.among("restore", "--undo", strings.TrimSpace(id)); r.code != 0 {
		t.Fatalf("%+v", r)
	}
	write(t, a.home+"/ballast", "")
	if got := strings.Replace(a.everything(), `alice/ballast ""`, fmt.Sprintf("alice/ballast %q", strings.Repeat("x", 64<<10)), 1); got != before {
		t.Errorf("undone: %d bytes, %d before", len(got), len(before))
	}
}
