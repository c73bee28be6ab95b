package acceptance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// holding is a command before an account that tells that it runs and goes on when it is let go.
func holding(t *testing.T) (command, runs, letGo string) {
	dir := t.TempDir()
	runs, letGo = filepath.Join(dir, "runs"), filepath.Join(dir, "go")
	return fmt.Sprintf("touch %s; until [ -e %s ]; do sleep 0.1; done", runs, letGo), runs, letGo
}

// watched is what a command prints, read while it runs.
type watched struct {
	mu   sync.Mutex // guards what follows
	text bytes.Buffer
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// beside begins a sync and does not wait for it.
func (b *backups) beside(args ...string) (cmd *exec.Cmd, stderr *watched) {
	b.t.Helper()
	cmd = exec.Command(binary, append([]string{"--config", filepath.Join(b.work, "slotfs.toml"), "--state-dir", filepath.Join(b.work, "state"), "sync"}, args...)...)
	stderr = &watched{}
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd, stderr
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

func TestRunsOfTwoMachinesQueueAtTheirDestination(t *testing.T) {
	t.Parallel()
	command, runs, letGo := holding(t)
	one := newBackups(t, newHost(t), "--before", command)
	other := newBackups(t, newHostAt(t, one.server))
	run(t, `sed -i 's|^directory = .*|directory = "'"$2"'"|' "$1/slotfs.toml"`, other.work, one.store)
	run(t, `sed -i 's/job.nightly/job.weekly/' "$1/slotfs.toml"`, other.work)
	for _, b := range []*backups{one, other} {
		b.configure("destination.box", "max-writers = 1")
		run(t, `mkdir "$1/alice" && echo hello >"$1/alice/x"`, b.home)
	}
	first, said := one.beside("nightly")
	eventually(t, "the first run writes", func() bool { return exists(runs) })
	second, waits := other.beside("weekly")
	eventually(t, "the second run waits and says so", func() bool {
		return strings.Contains(waits.String(), "job weekly: waits for 1 other run at box, where 1 may write at once")
	})
	third := other.slotfs("sync", "weekly")
	if third.code != 4 {
		t.Errorf("the same job beside itself: exit code %d\n%s", third.code, third.stderr)
	}
	if err := os.WriteFile(letGo, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for cmd, text := range map[*exec.Cmd]*watched{first: said, second: waits} {
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	}
	var records []struct {
		Kind, Job, Result string
		Waited            float64
	}
	if err := json.Unmarshal([]byte(other.must("history", "--json", "weekly")), &records); err != nil {
		t.Fatal(err)
	}
	waited := false
	for _, r := range records {
		waited = waited || r.Kind == "run" && r.Result == "complete" && r.Waited > 0
	}
	if !waited || !strings.Contains(other.must("history", "weekly"), "waited ") {
		t.Errorf("the wait is not in the history: %+v", records)
	}
	if left, err := os.ReadDir(filepath.Join(one.store, ".slotfs/writers")); err != nil || len(left) != 0 {
		t.Errorf("left in the queue: %v, %v", left, err)
	}
}

func TestAKilledWriterHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	command, runs, letGo := holding(t)
	b := newBackups(t, newHost(t), "--before", command)
	b.configure("destination.box", "max-writers = 1")
	run(t, `mkdir "$1/alice" && echo hello >"$1/alice/x"`, b.home)
	first, _ := b.beside("nightly")
	eventually(t, "the first run writes", func() bool { return exists(runs) })
	b.must("job", "add", "weekly", "--destination", "box", "--source", b.home+"/*", "--retention", "1")
	second, waits := b.beside("weekly")
	eventually(t, "the second run waits", func() bool { return strings.Contains(waits.String(), "waits for 1 other run") })
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	first.Wait()
	if err := second.Wait(); err != nil {
		t.Errorf("%v\n%s", err, waits)
	}
	if err := os.WriteFile(letGo, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b.sync(0)
}

func TestARunOutsideOfTheWindowWaits(t *testing.T) {
	t.Parallel()
	b := newBackups(t, newHost(t))
	opens := time.Now().Add(2 * time.Hour)
	b.configure("destination.box", fmt.Sprintf("window = %q", opens.Format("15:04")+"-"+opens.Add(time.Hour).Format("15:04")))
	run(t, `mkdir "$1/alice" && echo hello >"$1/alice/x"`, b.home)
	cmd, said := b.beside("nightly")
	eventually(t, "it says that it waits", func() bool {
		return strings.Contains(said.String(), "job nightly: box takes backups from "+opens.Format("15:04")+" on, in 1h")
	})
	if exists(filepath.Join(b.store, "nightly")) {
		t.Error("it wrote something")
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("interrupted: exit code %d\n%s", code, said)
	}
	b.sync(0, "--now")
}
