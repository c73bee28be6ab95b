package acceptance

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// backups is a host with accounts and a job that backs them up to its server.
type backups struct {
	*host
	home string            // directory of the accounts
	was  map[string]string // generation and account -> copy of the source as it was
	gens map[string]int
}

// slotInfo is a slot as `slotfs slots --json` shows it.
type slotInfo struct {
	Account  string
	Slot     int
	Gen      int
	Phase    string
	Finished time.Time
	Verified *time.Time
	Pinned   bool
}

// newBackups makes the job nightly over home/*.
func newBackups(t *testing.T, h *host, flags ...string) *backups {
	t.Helper()
	b := &backups{host: h, home: filepath.Join(h.work, "home"), was: map[string]string{}, gens: map[string]int{}}
	if err := os.Mkdir(b.home, 0o755); err != nil {
		t.Fatal(err)
	}
	args := h.addArgs("box")
	args[slices.Index(args, "cpanel")] = "slots"
	h.must(args...)
	h.must(append([]string{"job", "add", "nightly", "--destination", "box", "--source", b.home + "/*", "--retention", "3"}, flags...)...)
	return b
}

// newAccount makes a source with all that people keep in a home directory.
func (b *backups) newAccount(name string) string {
	b.t.Helper()
	dir := filepath.Join(b.home, name)
	run(b.t, `
mkdir -p "$1"/{public_html/wp-content,mail/new,empty,private} && cd "$1"
for i in $(seq 50); do echo "file $i of $2" >"public_html/wp-content/$i.php"; done
for i in $(seq 12); do echo "Subject: $i" >"mail/new/176000000$i.M${i}P1.srv1:2,S"; done
printf x >"public_html/$(printf 'new\nline')"; printf x >$'latin\xe9'; printf x >' -rf *'; printf x >"$(printf 'n%.0s' $(seq 255))"
head -c 6000000 /dev/urandom >public_html/video.mp4
truncate -s 3M sparse; printf end >>sparse
echo secret >private/key; chmod 0400 private/key; chmod 0500 private; echo locked >locked; chmod 0000 locked
ln -s public_html www; ln -s /nowhere/at/all dangling; ln public_html/1.html hard 2>/dev/null || ln public_html/wp-content/1.php hard
setfattr -n user.note -v "of $2" public_html; setfacl -m u:1234:r public_html/wp-content/2.php
chown -R 1501:1502 .; touch -h -d '2021-02-03 04:05:06.123456789' www public_html/wp-content/3.php empty
`, dir, name)
	return dir
}

// change changes the account in as many ways as there are.
func (b *backups) change(name string, round int) {
	b.t.Helper()
	run(b.t, `
cd "$1/$2"
echo "changed in round $3" >public_html/wp-content/$3.php
echo "$3" >>hard
rm public_html/wp-content/$((30 + $3)).php
mv public_html/wp-content/$((20 + $3)).php "moved-$3"
mkdir -p "new-$3/deep/er"; echo "$3" >"new-$3/deep/er/file"
dd if=/dev/urandom of=public_html/video.mp4 bs=1000 count=1 seek=$((1000 * $3)) conv=notrunc status=none
chmod 07$3$3 empty; chown $((1600 + $3)) empty
# A file becomes a folder, a folder a link, a link a file.
case $3 in
1) rm -r mail/new; ln -s ../public_html mail/new ;;
2) rm mail/new www; echo now-a-file >www; mkdir mail/new; echo x >mail/new/x ;;
3) rm www; mkdir www; echo x >www/x; rm locked; ln -s www locked ;;
esac
chmod 0700 private; echo "$3" >"private/k$3"; chmod 0500 private
`, b.home, name, fmt.Sprint(round))
}

// sync runs the job, and keeps the accounts as they were for later comparison.
func (b *backups) sync(want int, args ...string) result {
	b.t.Helper()
	b.keep()
	r := b.slotfs(append([]string{"sync", "nightly"}, args...)...)
	if r.code != want {
		b.t.Fatalf("sync: exit code %d, want %d\n%s%s", r.code, want, r.stdout, r.stderr)
	}
	b.label()
	return r
}

// keep copies the accounts as they are. Without -I rsync would leave out a file that changed, at the same size, within
// the second of its last change.
func (b *backups) keep() {
	b.t.Helper()
	run(b.t, `mkdir -p "$2/pending"; rsync -aHAXI --sparse --delete "$1/" "$2/pending/"`, b.home, filepath.Join(b.work, "was"))
}

// label notes which generation the kept copy belongs to: the newest complete one of each account.
func (b *backups) label() {
	b.t.Helper()
	for _, s := range b.slots() {
		if s.Phase != "complete" || s.Gen <= b.gens[s.Account] {
			continue
		}
		b.gens[s.Account] = s.Gen
		to := filepath.Join(b.work, "was", fmt.Sprintf("%s-%d", s.Account, s.Gen))
		run(b.t, `rsync -aHAX --sparse "$1/" "$2/"`, filepath.Join(b.work, "was/pending", s.Account), to)
		b.was[fmt.Sprintf("%s-%d", s.Account, s.Gen)] = to
	}
}

// slots are those that are there.
func (b *backups) slots() []slotInfo {
	b.t.Helper()
	var all []slotInfo
	if err := json.Unmarshal([]byte(b.must("slots", "nightly", "--json")), &all); err != nil {
		b.t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(s slotInfo) bool { return s.Phase == "free" })
}

// checkBySFTP fetches each complete slot with a plain client and compares names and content.
func (b *backups) checkBySFTP(least int) {
	b.t.Helper()
	complete := 0
	for _, s := range b.slots() {
		if s.Phase != "complete" {
			continue
		}
		complete++
		was, ok := b.was[fmt.Sprintf("%s-%d", s.Account, s.Gen)]
		if !ok {
			b.t.Fatalf("%s: generation %d was never complete at the end of a run", s.Account, s.Gen)
		}
		run(b.t, `
out=$(mktemp -d "$1/get.XXXX"); trap 'rm -rf "$out"' EXIT
sftp -q -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -i "$2" -P "$3" -r "$4@$5:$6" "$out/got" >/dev/null 2>&1
tree() { (cd "$1"; find . \( -type f -printf '%p %s\n' \) -o \( -type d -printf '%p/\n' \) | LC_ALL=C sort; find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum); }
diff <(tree "$7") <(tree "$out/got")
`, b.work, b.server.Identity, fmt.Sprint(b.server.Port), b.server.Username, b.server.Host,
			filepath.Join(b.store, "nightly", s.Account, fmt.Sprintf("slot-%02d", s.Slot), "data"), was)
	}
	if complete < least {
		b.t.Fatalf("%d complete slots, want at least %d: %+v", complete, least, b.slots())
	}
}

// checkByMount compares each complete slot, or the newest of each account alone, with everything that rsync sees of
// the source. What is read is held: with all slots held the next run would find none to write.
func (b *backups) checkByMount(all bool) {
	b.t.Helper()
	for _, s := range b.slots() {
		if s.Phase != "complete" || !all && s.Gen != b.gens[s.Account] {
			continue
		}
		snapshot := filepath.Join(b.mnt, "box/nightly/accounts", s.Account, s.Finished.UTC().Format("2006-01-02T150405"), "full")
		out := run(b.t, `rsync -aHAXcn --delete --itemize-changes "$1/" "$2/"`, b.was[fmt.Sprintf("%s-%d", s.Account, s.Gen)], snapshot)
		if out != "" {
			b.t.Errorf("%s: slot %d, generation %d differs from the source as it was:\n%s", s.Account, s.Slot, s.Gen, out)
		}
	}
}

// nextSecond waits until the clock shows another second: snapshots are named by it.
func nextSecond() {
	now := time.Now()
	time.Sleep(now.Truncate(time.Second).Add(time.Second).Sub(now))
}

func TestEachSlotIsTheSourceAsItWas(t *testing.T) {
	t.Parallel()
	b := newBackups(t, newHost(t))
	b.newAccount("alice")
	run(t, `mkdir "$1/bob"; echo hello >"$1/bob/file"`, b.home)
	for round := range 5 {
		if round > 0 {
			b.change("alice", round)
		}
		b.sync(0)
		if round > 1 {
			b.checkBySFTP(6)
		}
		nextSecond()
	}
	if n := len(b.slots()); n != 6 {
		t.Errorf("%d slots of two accounts, want three each: %+v", n, b.slots())
	}
	b.must("verify", "nightly", "--full")
	if r := b.slotfs("verify", "nightly", "--slot", "9"); r.code != 2 {
		t.Errorf("verify of a slot that nobody has: %+v", r)
	}
	b.must("index")
	b.mount()
	b.checkByMount(true)
}

func TestMountShowsWhatSyncWrites(t *testing.T) {
	t.Parallel()
	b := newBackups(t, newHost(t))
	b.newAccount("alice")
	b.mount()
	for round := range 4 {
		if round > 0 {
			b.change("alice", round)
		}
		b.sync(0)
		if round == 0 || round == 3 {
			b.checkByMount(false)
		}
		nextSecond()
	}
}

func TestSecondSyncIsTurnedAway(t *testing.T) {
	t.Parallel()
	b := newBackups(t, newHost(t), "--before", "touch $SLOTFS_STAGING/x; sleep 3")
	b.newAccount("alice")
	first := exec.Command(binary, "--config", filepath.Join(b.work, "slotfs.toml"), "--state-dir", filepath.Join(b.work, "state"), "sync", "--quiet")
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the first sync runs", func() bool {
		_, err := os.Stat(filepath.Join(b.work, "state/staging/box/alice/x"))
		return err == nil
	})
	for _, args := range [][]string{{"sync"}, {"sync", "nightly", "--account", "alice"}, {"verify", "nightly", "--account", "alice"}, {"pin", "nightly", "alice", "1"}} {
		if r := b.slotfs(args...); r.code != 4 || !strings.Contains(r.stderr, "another run holds the account") {
			t.Errorf("%v: %+v", args, r)
		}
	}
	if err := first.Wait(); err != nil {
		t.Errorf("the first sync: %v", err)
	}
}

func TestAccountFailsAlone(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "after")
	b := newBackups(t, newHost(t), "--before", `: --password=hunter2; echo staged >"$SLOTFS_STAGING/dump.sql"; [ "$SLOTFS_ACCOUNT" != bob ] || { echo "no such database" >&2; exit 7; }`,
		"--after", `echo "$SLOTFS_JOB $SLOTFS_ACCOUNT $SLOTFS_RESULT $SLOTFS_SLOT $SLOTFS_SOURCE" >>`+log, "--exclude", "*.sql", "--exclude", "/public_html/")
	for _, name := range []string{"alice", "bob", "carol"} {
		b.newAccount(name)
	}
	r := b.slotfs("--log-level", "debug", "sync", "nightly")
	if r.code != 3 || !strings.Contains(r.stderr, "nightly/bob: command before: exit status 7: no such database") {
		t.Fatalf("one account fails: %+v", r)
	}
	if strings.Contains(r.stdout+r.stderr, "hunter2") || strings.Contains(r.stdout+r.stderr, "PRIVATE KEY") {
		t.Errorf("a secret is shown:\n%s%s", r.stdout, r.stderr)
	}
	if n := strings.Count(r.stdout, ": slot 1: "); n != 2 {
		t.Errorf("%d lines about accounts:\n%s", n, r.stdout)
	}
	after := run(t, `cat "$1"`, log)
	want := fmt.Sprintf("nightly alice complete 1 %[1]s/alice\nnightly bob failed  %[1]s/bob\nnightly carol complete 1 %[1]s/carol\n", b.home)
	if after != want {
		t.Errorf("commands after: %q, want %q", after, want)
	}
	run(t, `
cd "$1/nightly"; [ ! -e bob/slot-01/state.json ]
[ "$(cat alice/slot-01/data/.slotfs-staged/dump.sql)" = staged ]
[ ! -e alice/slot-01/data/public_html ]; [ -e alice/slot-01/data/mail ]
[ -z "$(ls -A "$2/state/staging/box")" ]`, b.store, b.work)
}

func TestEmptiedSourceIsRefused(t *testing.T) {
	t.Parallel()
	b := newBackups(t, newHost(t))
	dir := b.newAccount("alice")
	b.sync(0)
	run(t, `chmod -R u+rwX "$1"; rm -rf "$1"; mkdir "$1"`, dir)
	if r := b.sync(1); !strings.Contains(r.stderr, "hint: ") || !strings.Contains(r.stderr, "--allow-mass-change") {
		t.Errorf("an emptied source: %s", r.stderr)
	}
	b.checkBySFTP(1)
	b.sync(0, "--allow-mass-change")
	b.checkBySFTP(2)
}

func TestPinnedSlotStays(t *testing.T) {
	t.Parallel()
	b := newBackups(t, newHost(t))
	b.newAccount("alice")
	b.sync(0)
	b.must("pin", "nightly", "alice", "1")
	for round := 1; round <= 4; round++ {
		b.change("alice", round)
		b.sync(0)
	}
	for _, s := range b.slots() {
		if s.Slot == 1 && (s.Gen != 1 || !s.Pinned) {
			t.Errorf("the pinned slot: %+v", s)
		}
	}
	b.checkBySFTP(3)
	b.must("unpin", "nightly", "alice", "1")
	b.sync(0)
	b.checkBySFTP(3)
	for _, s := range b.slots() {
		if s.Slot == 1 && s.Gen == 1 {
			t.Errorf("the slot that was pinned is not overwritten: %+v", s)
		}
	}
}

func TestDamageIsFoundAndRepaired(t *testing.T) {
	t.Parallel()
	b := newBackups(t, newHost(t))
	b.newAccount("alice")
	b.sync(0)
	data := filepath.Join(b.store, "nightly/alice/slot-01/data")
	run(t, `printf X | dd of="$1/public_html/video.mp4" bs=1 seek=3000000 conv=notrunc status=none; rm "$1/mail/new/"*M7P1*; echo new >"$1/foreign"`, data)
	r := b.slotfs("verify", "nightly", "--full")
	if r.code != 3 {
		t.Fatalf("verify: %+v", r)
	}
	for _, name := range []string{"public_html/video.mp4", "M7P1", "foreign"} {
		if !strings.Contains(r.stderr, name) {
			t.Errorf("%s is not among the differences:\n%s", name, r.stderr)
		}
	}
	b.sync(0)
	b.must("verify", "nightly", "--full")
	b.checkBySFTP(1)
}

func TestDryRunChangesNothing(t *testing.T) {
	t.Parallel()
	b := newBackups(t, newHost(t), "--prefix", "homedir", "--before", "touch "+filepath.Join(t.TempDir(), "ran"))
	b.newAccount("alice")
	out := b.must("sync", "--dry-run", "--json")
	var results []struct {
		Account string
		DryRun  bool `json:"dry_run"`
		Files   int64
	}
	if err := json.Unmarshal([]byte(out), &results); err != nil || len(results) != 1 || !results[0].DryRun || results[0].Files < 70 {
		t.Errorf("dry run: %v\n%s", err, out)
	}
	if got := run(t, `find "$1" -mindepth 1`, b.store); got != "" {
		t.Errorf("a dry run wrote\n%s", got)
	}
	if got := run(t, `ls -A "$1/state"`, b.work); strings.Contains(got, "dry-run") || strings.Contains(got, "staging") {
		t.Errorf("a dry run left %s", got)
	}
}
