package acceptance

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"slotfs/indexer/manifest"
)

func TestPermissionLostInTheMiddleOfARun(t *testing.T) {
	t.Parallel()
	h := newJail(t)
	b := newBackups(t, h, "--fill", "upload")
	b.mediumAccount("alice")
	run(t, `mkdir "$1/bob"; echo hello >"$1/bob/file"`, b.home)
	b.sync(0)
	b.sync(0)
	run(t, `echo more >>"$1/alice/1"; echo more >>"$1/bob/file"`, b.home)
	b.keep()
	b.configure("job.nightly", `bandwidth = "4M"`)
	jail := filepath.Join(b.jail, "data/nightly/alice/slot-03")
	cmd, stderr := b.backgroundAt(b.jail + "/data")
	run(t, `chown root "$1" "$1"/tmp "$1"/data; chmod 755 "$1" "$1"/tmp "$1"/data`, jail)
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 3 || !strings.Contains(stderr.String(), "permission denied") {
		t.Errorf("exit code %d, want 3: bob is backed up\n%s", code, stderr)
	}
	b.label()
	if r := b.sync(3); !strings.Contains(r.stderr, "permission denied") {
		t.Errorf("the next run: %s", r.stderr)
	}
	run(t, `chown -R --reference="$1/.." "$1"; chmod -R u+rwX "$1"`, jail)
	b.sync(0)
	b.checkBySFTP(6)
	b.must("verify", "nightly", "--full")
}

// Clocks are for people: which slot is the oldest, and which the newest, is for the generations to say.
func TestClockThatJumpedBack(t *testing.T) {
	t.Parallel()
	b := newBackups(t, newHost(t))
	run(t, `mkdir "$1/alice"; for i in 1 2 3; do echo $i >"$1/alice/$i"; done`, b.home)
	b.sync(0)
	b.sync(0)
	// As runs left them whose clock was years ahead.
	for _, s := range b.slots() {
		editState(t, filepath.Join(b.store, "nightly/alice/slot-0"+strconv.Itoa(s.Slot)), func(st *manifest.State) {
			st.Started, st.Finished = st.Started.AddDate(9, 0, 0), st.Finished.AddDate(9, 0, s.Slot)
		})
	}
	b.mount()
	for round := 1; round <= 3; round++ {
		run(t, `echo "changed in round $2" >"$1/alice/$2"`, b.home, itoa(round))
		b.sync(0)
		if got, want := b.slots()[0].Slot, []int{0, 3, 1, 2}[round]; got != want {
			t.Errorf("round %d wrote slot %d, want %d", round, got, want)
		}
		shown := run(t, `cat "$1/full/$2"`, b.latest("alice"), itoa(round))
		if want := "changed in round " + itoa(round) + "\n"; shown != want {
			t.Errorf("round %d: latest has %q", round, shown)
		}
	}
	b.checkBySFTP(3)
}

// configure adds a line to a table of the configuration.
func (b *backups) configure(table, line string) {
	b.t.Helper()
	run(b.t, `sed -i "s/^\[$2\]/&\n$3/" "$1/slotfs.toml"`, b.work, table, line)
}

// mediumAccount makes a source that takes two seconds at 4 MiB/s.
func (b *backups) mediumAccount(name string) {
	b.t.Helper()
	run(b.t, `mkdir "$1/$2"; for i in $(seq 40); do head -c 200000 /dev/urandom >"$1/$2/$i"; done`, b.home, name)
}

// editState changes the state of a slot.
func editState(t *testing.T, slot string, change func(*manifest.State)) {
	t.Helper()
	name := filepath.Join(slot, "state.json")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	state, err := manifest.DecodeState(text)
	if err != nil {
		t.Fatal(err)
	}
	change(state)
	if text, err = state.Encode(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// What is written, grows, shrinks and vanishes while it is read spoils neither the run nor anything else.
func TestSourceThatIsInUse(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"incremental", "compressed"} {
		t.Run(mode, func(t *testing.T) {
			b := newBackups(t, newHost(t), "--mode", mode, "--bandwidth", "10M", "--prefix", "homedir")
			dir := filepath.Join(b.home, "alice")
			run(t, `mkdir -p "$1"/{busy,still}; cd "$1"; for i in $(seq 40); do head -c 100000 /dev/urandom | tee busy/$i >still/$i; done
head -c 4000000 /dev/urandom | tee busy/log >busy/shrinks`, dir)
			run(t, `rm -f "$1.stop"; (cd "$1/busy"; n=0; while [ ! -e "$1.stop" ]; do n=$((n+1))
echo "line $n" >>log; truncate -s $((4000000 - n * 1000)) shrinks; rm -f $((n % 40 + 1)); mkdir -p d$((n % 7)); echo $n >d$((n % 7))/f; rm -rf d$(((n + 3) % 7))
echo $n >new; mv new renamed; sleep 0.01; done) >/dev/null 2>&1 &`, dir)
			t.Cleanup(func() { run(t, `touch "$1.stop"; sleep 0.2; rm -f "$1.stop"`, dir) })
			b.must("sync")
			b.must("sync")
			b.must("verify", "nightly", "--full")
			b.must("index")
			b.mount()
			full := filepath.Join(b.latest("alice"), "full/homedir")
			run(t, `diff -r "$1/still" "$2/still"; tar -cf - -C "$2" . | cat >/dev/null
head -c 4000000 "$2/busy/log" | cmp -n 4000000 - "$1/busy/log"`, dir, full)
		})
	}
}

func TestNetworkThatBreaksAndStalls(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"incremental", "compressed"} {
		t.Run(mode, func(t *testing.T) { breakAndStall(t, mode) })
	}
}

func breakAndStall(t *testing.T, mode string) {
	h := newHost(t)
	link := h.behind(2 * time.Millisecond)
	b := newBackups(t, h, "--bandwidth", "4M", "--mode", mode)
	b.mediumAccount("alice")
	run(t, `mkdir "$1/bob"; echo hello >"$1/bob/file"`, b.home)
	b.keep()
	cmd, stderr := b.background()
	for range 3 {
		time.Sleep(300 * time.Millisecond)
		link.Cut()
	}
	link.Stall()
	time.Sleep(time.Second)
	link.Resume()
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit code %d:\n%s", code, stderr)
	}
	b.label()
	if mode == "incremental" {
		b.checkBySFTP(2)
	}
	b.must("verify", "nightly", "--full")
	// Down for good: one line, and nothing is lost.
	link.Close()
	b.configure("destination.box", "max-retries = 1")
	if r := b.slotfs("sync"); r.code != 5 || strings.Count(r.stderr, "\n") > 4 {
		t.Errorf("server down: exit code %d\n%s", r.code, r.stderr)
	}
}

func TestSummaryForPrograms(t *testing.T) {
	t.Parallel()
	b := newBackups(t, newHost(t), "--before", `[ "$SLOTFS_ACCOUNT" != bob ] || exit 4`)
	b.mediumAccount("alice")
	run(t, `mkdir "$1/bob"`, b.home)
	r := b.slotfs("sync", "--json")
	var all []struct {
		Job, Account, Error, Durability string
		Slot, Code                      int
		Files, Bytes, Uploaded          int64
	}
	if err := json.Unmarshal([]byte(r.stdout), &all); err != nil || r.code != 3 || len(all) != 2 {
		t.Fatalf("exit code %d, %v\n%s", r.code, err, r.stdout)
	}
	if a := all[0]; a.Account != "alice" || a.Slot != 1 || a.Code != 0 || a.Files != 40 || a.Uploaded != 40 || a.Durability != "fsync" {
		t.Errorf("%+v", a)
	}
	if a := all[1]; a.Account != "bob" || a.Code != 1 || !strings.Contains(a.Error, "exit status 4") {
		t.Errorf("%+v", a)
	}
	// Cron sends a mail for every byte that is printed.
	if r := b.slotfs("sync", "--quiet", "--account", "alice"); r.code != 0 || r.stdout+r.stderr != "" {
		t.Errorf("quiet: %+v", r)
	}
	if r := b.slotfs("--log-level", "info", "sync", "--quiet", "--account", "alice"); strings.Count(r.stderr, "msg=sync job=nightly account=alice slot=3") != 1 {
		t.Errorf("log: %s", r.stderr)
	}
}
