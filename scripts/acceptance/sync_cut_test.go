package acceptance

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
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
