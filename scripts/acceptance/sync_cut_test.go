package acceptance

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// background begins a sync and waits until it writes files to the server.
func (b *backups) background(args ...string) (cmd *exec.Cmd, stderr *bytes.Buffer) {
	b.t.Helper()
	return b.backgroundAt(b.store, args...)
}

// backgroundAt is background with the store where we see it.
func (b *backups) backgroundAt(store string, args ...string) (cmd *exec.Cmd, stderr *bytes.Buffer) {
	b.t.Helper()
	cmd = exec.Command(binary, append([]string{"--config", filepath.Join(b.work, "slotfs.toml"), "--state-dir", filepath.Join(b.work, "state"), "sync", "nightly"}, args...)...)
	stderr = &bytes.Buffer{}
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	eventually(b.t, "something is uploaded into a slot that has a state", func() bool {
		found, _ := filepath.Glob(filepath.Join(store, "nightly/alice/slot-*/tmp/*"))
		return slices.ContainsFunc(found, func(temp string) bool {
			_, err := os.Stat(filepath.Join(temp, "../../state.json"))
			return err == nil
		})
	})
	return cmd, stderr
}

// largeAccount makes a source that takes a moment with the bandwidth that these tests have.
func (b *backups) largeAccount() {
	b.t.Helper()
	run(b.t, `mkdir "$1/alice"; for i in 1 2 3 4 5; do head -c 3000000 /dev/urandom >"$1/alice/$i"; done`, b.home)
}

func TestInterruptedSyncIsResumed(t *testing.T) {
	t.Parallel()
	b := newBackups(t, newHost(t), "--bandwidth", "5M", "--after", "echo $SLOTFS_RESULT >>"+filepath.Join(t.TempDir(), "results"))
	b.largeAccount()
	b.keep()
	cmd, stderr := b.background()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 130 || !strings.HasSuffix(stderr.String(), "slotfs: interrupted\n") {
		t.Errorf("exit code %d, want 130:\n%s", code, stderr)
	}
	if s := b.slots(); len(s) != 1 || s[0].Phase != "filling" {
		t.Errorf("after an interrupt: %+v", s)
	}
	if left := run(t, `ls -A "$1/state/staging/box"`, b.work); left != "" {
		t.Errorf("staged files stay: %s", left)
	}
	r := b.sync(0)
	if !strings.Contains(r.stdout, "slot 1 (resumed)") {
		t.Errorf("after an interrupt: %s", r.stdout)
	}
	b.checkBySFTP(1)
}

func TestServerRestartInTheMiddle(t *testing.T) {
	t.Parallel()
	b := newBackups(t, newHost(t), "--bandwidth", "5M")
	b.largeAccount()
	b.keep()
	cmd, stderr := b.background()
	if err := b.server.Restart(); err != nil {
		t.Fatal(err)
	}
	// It may go on by itself or leave the rest to the next run; either way nothing is lost and nothing is twice.
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 0 && code != 5 {
		t.Errorf("exit code %d:\n%s", code, stderr)
	}
	b.label()
	b.sync(0)
	b.checkBySFTP(1)
	b.must("verify", "nightly", "--full")
}

func TestKilledSyncGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	b := newBackups(t, newHost(t), "--bandwidth", "8M")
	b.newAccount("alice")
	b.sync(0)
	for round := 1; round <= 3; round++ {
		b.change("alice", round)
		run(t, `head -c 3000000 /dev/urandom >"$1/alice/fresh-$2"`, b.home, fmt.Sprint(round))
		b.keep()
		for _, wait := range []time.Duration{150, 300, 500} {
			cmd := exec.Command(binary, "--config", filepath.Join(b.work, "slotfs.toml"), "--state-dir", filepath.Join(b.work, "state"), "sync", "nightly", "--quiet")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep((wait + time.Duration(round*13)) * time.Millisecond)
			cmd.Process.Kill()
			cmd.Wait()
			b.label() // it may have been done
			slots := b.slots()
			unfinished := slices.DeleteFunc(slices.Clone(slots), func(s slotInfo) bool { return s.Phase == "complete" })
			if len(unfinished) > 1 || len(slots)-len(unfinished) < min(round, 2) {
				t.Fatalf("after a kill: %+v", slots)
			}
		}
		b.checkBySFTP(min(round, 2))
		b.sync(0)
		b.checkBySFTP(min(round+1, 3))
	}
	b.must("verify", "nightly", "--full")
}

func TestFullServerKeepsTheOtherSlots(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	run(t, `mount -t tmpfs -o size=16m tmpfs "$1"`, h.store)
	t.Cleanup(func() { run(t, `umount -l "$1"`, h.store) })
	b := newBackups(t, h, "--fill", "upload")
	if err := os.Mkdir(filepath.Join(b.home, "alice"), 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, `for i in $(seq 6); do head -c 1000000 /dev/urandom >"$1/alice/$i"; done`, b.home)
	b.sync(0)
	b.sync(0)
	run(t, `for i in $(seq 7 12); do head -c 1000000 /dev/urandom >"$1/alice/$i"; done`, b.home)
	r := b.sync(1)
	if !strings.Contains(r.stderr, "no space left on the destination") || !strings.Contains(r.stderr, "hint: ") {
		t.Errorf("full server: %s", r.stderr)
	}
	b.checkBySFTP(2)
	run(t, `mount -o remount,size=64m "$1"`, h.store)
	b.sync(0)
	b.checkBySFTP(3)
}
