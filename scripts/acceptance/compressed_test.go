package acceptance

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestArchiveIsShownWithoutReadingItBack(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	link := h.behind(0)
	b := newBackups(t, h, "--mode", "compressed")
	dir := b.newAccount("alice")
	run(t, `cd "$1"; chmod 700 private; head -c 20000000 /dev/urandom >more; mkdir -p etc/example.com mail/example.com/info/{cur,new,tmp}
echo 'info:x:1:1::/home/alice/mail/example.com/info:/bin' >etc/example.com/passwd; chmod 500 private`, dir)
	b.mount()
	up, down := link.Bytes()
	b.sync(0)
	nowUp, nowDown := link.Bytes()
	if nowUp-up < 20_000_000 || nowDown-down > 2_000_000 {
		t.Errorf("%d bytes were sent, %d read", nowUp-up, nowDown-down)
	}
	at := filepath.Join(b.mnt, "box/nightly/accounts/alice/latest")
	if got := run(t, `ls "$1/email/example.com/info"; gzip -t "$1"/archive/*.tar.gz`, at); got != "cur\nnew\ntmp\n" {
		t.Errorf("the mailbox has %q", got)
	}
	b.checkByMount(true)
	// Notes beside the archive that are damaged: it is read as any other.
	members := run(t, `ls "$1"/nightly/alice/slot-01/meta/members.*`, b.store)
	run(t, `printf x | dd of="$1" bs=1 seek=30 conv=notrunc status=none`, strings.TrimSpace(members))
	b.must("index", "--full")
	b.checkByMount(true)
}

func TestDamagedArchiveIsFoundAndRepaired(t *testing.T) {
	t.Parallel()
	b := newBackups(t, newHost(t), "--mode", "compressed", "--retention", "1")
	b.newAccount("alice")
	b.sync(0)
	b.must("verify", "nightly")
	run(t, `f=$(ls "$1"/nightly/alice/slot-01/archive/*); printf XXXX | dd of="$f" bs=1 seek=$(($(stat -c %s "$f") / 2)) conv=notrunc status=none`, b.store)
	for _, share := range []string{"--full", "--sample=100%"} {
		if r := b.slotfs("verify", "nightly", share); r.code != 3 || !strings.Contains(r.stderr, "archive/alice.g000001.tar.gz") {
			t.Errorf("verify %s of a damaged archive: %+v", share, r)
		}
	}
	b.sync(0)
	b.must("verify", "nightly", "--full")
}

func TestEmptiedSourceOfAnArchiveIsRefused(t *testing.T) {
	t.Parallel()
	b := newBackups(t, newHost(t), "--mode", "compressed")
	dir := b.newAccount("alice")
	b.sync(0)
	run(t, `chmod -R u+rwX "$1"; rm -rf "$1"; mkdir "$1"`, dir)
	if r := b.sync(1); !strings.Contains(r.stderr, "--allow-mass-change") {
		t.Errorf("an emptied source: %s", r.stderr)
	}
	b.sync(0, "--allow-mass-change")
}

// All archives stay backups while the next one is written, also when that one is given up.
func TestKilledCompressedSyncLeavesAllBackups(t *testing.T) {
	t.Parallel()
	b := newBackups(t, newHost(t), "--mode", "compressed", "--retention", "2", "--bandwidth", "8M")
	b.newAccount("alice")
	b.sync(0)
	b.sync(0)
	cmd, _ := b.background()
	cmd.Process.Kill()
	cmd.Wait()
	for _, s := range b.slots() {
		if s.Phase != "complete" {
			t.Errorf("after a kill: %+v", s)
		}
	}
	b.must("verify", "nightly", "--full")
	b.sync(0)
	if left := run(t, `cd "$1/nightly/alice"; ls slot-*/tmp slot-*/archive | grep -v slot- | grep -v '^$'`, b.store); left != "alice.g000003.tar.gz\nalice.g000002.tar.gz\n" {
		t.Errorf("what is left: %q", left)
	}
}

func TestKilledCompressedSyncGoesOnWithItsArchive(t *testing.T) {
	t.Parallel()
	b := newBackups(t, newHost(t), "--mode", "compressed", "--retention", "1")
	dir := b.newAccount("alice")
	run(t, `cd "$1"; for i in 1 2; do head -c 400000000 /dev/urandom >"large$i"; done; sleep 3`, dir) // younger files are read again
	cmd, _ := b.background()
	mark := filepath.Join(b.store, "nightly/alice/slot-01/meta/checkpoint.g000001.json")
	eventually(t, "a checkpoint inside a file", func() bool {
		text, err := os.ReadFile(mark)
		return err == nil && strings.Contains(string(text), "inside")
	})
	cmd.Process.Kill()
	cmd.Wait()
	run(t, `echo changed >"$1/zlast"`, dir)
	var sums []struct {
		Resumed       bool  `json:"resumed"`
		UploadedBytes int64 `json:"uploaded_bytes"`
	}
	if err := json.Unmarshal([]byte(b.sync(0, "--json").stdout), &sums); err != nil {
		t.Fatal(err)
	}
	if len(sums) != 1 || !sums[0].Resumed || sums[0].UploadedBytes > 700_000_000 {
		t.Errorf("it was begun anew: %+v", sums)
	}
	b.must("verify", "nightly", "--full")
	b.must("index")
	b.mount()
	b.checkByMount(true)
}

// Backups of one account by two machines: each slot is written by one of them at a time, and a mount on one sees what
// the other overwrote as stale, never as mixed.
func TestTwoMachinesShareSlots(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"incremental", "compressed"} {
		t.Run(mode, func(t *testing.T) {
			h := newHost(t)
			second := *h
			second.work = t.TempDir()
			b := newBackups(t, h, "--mode", mode, "--retention", "2", "--bandwidth", "1M") // slow enough for a busy machine
			other := newBackups(t, &second, "--mode", mode, "--retention", "2")
			run(t, `mkdir "$1/alice" "$2/alice"; head -c 10000000 /dev/urandom >"$1/alice/a"; echo small >"$1/alice/b"; cp -a "$1"/alice/* "$2/alice/"`, b.home, other.home)
			b.keep()
			cmd, stderr := b.background()
			if r := other.slotfs("sync"); r.code != 4 || !strings.Contains(r.stderr, "another run holds the account") {
				t.Errorf("the second machine: %+v", r)
			}
			if err := cmd.Wait(); err != nil {
				t.Fatalf("%v\n%s", err, stderr)
			}
			b.must("index")
			b.mount()
			old := b.latest("alice")
			for n := range 2 {
				run(t, `echo "other $2" >"$1/alice/b"`, other.home, itoa(n))
				other.must("sync")
			}
			for _, name := range []string{"a", "b"} {
				if out := run(t, `cat "$1" 2>&1 >/dev/null || true`, filepath.Join(old, "full", name)); !strings.Contains(out, "Stale file handle") {
					t.Errorf("%s of a backup that another machine overwrote: %q", name, out)
				}
			}
			b.must("index")
			if got := run(t, `cat "$1/full/b"`, b.latest("alice")); got != "other 1\n" {
				t.Errorf("the newest backup has %q", got)
			}
		})
	}
}

// latest is the directory in the mount that the newest complete backup has.
func (b *backups) latest(account string) string {
	b.t.Helper()
	at := filepath.Join(b.mnt, "box/nightly/accounts", account)
	name, err := os.Readlink(filepath.Join(at, "latest"))
	if err != nil {
		b.t.Fatal(err)
	}
	return filepath.Join(at, name)
}

func TestSlotsOnProFTPD(t *testing.T) { newBackups(t, newHostAt(t, proftpd(t))).rounds() }

func TestArchivesOnEveryKindOfServer(t *testing.T) {
	t.Parallel()
	for name, on := range map[string]func(*testing.T) *host{
		"ProFTPD":      func(t *testing.T) *host { return newHostAt(t, proftpd(t)) },
		"package sftp": func(t *testing.T) *host { return newHostAt(t, plainServer(t)) },
		"jail":         newJail,
	} {
		t.Run(name, func(t *testing.T) {
			b := newBackups(t, on(t), "--mode", "compressed", "--retention", "1")
			dir := b.newAccount("alice")
			b.sync(0)
			run(t, `cd "$1"; echo more >>hard; rm www`, dir)
			nextSecond()
			b.sync(0)
			b.must("verify", "nightly", "--full")
			b.must("index")
			b.mount()
			b.checkByMount(true)
		})
	}
}
