package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"slotfs/sftpdest/sshdtest"
)

// Sizes of what is backed up.
const (
	syncSmall     = 20_000  // files of 4 KiB
	syncRclone    = 500     // of them are enough to tell rclone's rate, which does not grow with their number
	syncUnchanged = 200_000 // files of a source in which nothing changed
	syncAccounts  = 50      // accounts with a few files each
	syncLarge     = 2_000   // MB of the one large file
)

// writer is an installation with a job, and its peers with directories of their own on the same server at the same distance.
type writer struct {
	*site
	link   *sshdtest.Link
	port   int
	source string
	peers  string // directory of the peers on the server
}

// writer makes a job over a source that script fills, with a retention of one and thus two slots.
func (b *bench) writer(rtt time.Duration, script string, args ...string) (*writer, error) {
	w := &writer{port: b.server.Port}
	if rtt > 0 {
		link, err := sshdtest.Proxy(b.server.Address(), rtt)
		if err != nil {
			return nil, err
		}
		w.link, w.port = link, link.Port
	}
	b.stores++
	w.site = &site{bench: b, dir: filepath.Join(b.dir, fmt.Sprintf("site%d", b.stores))}
	w.base = []string{"--config", filepath.Join(w.dir, "slotfs.toml"), "--state-dir", filepath.Join(w.dir, "state")}
	w.source, w.peers = filepath.Join(w.dir, "source"), b.store(fmt.Sprintf("peers%d", b.stores))
	for _, dir := range []string{w.source, w.peers} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	if _, err := b.shell(`cd "$1"; shift; `+script, append([]string{w.source}, args...)...); err != nil {
		return nil, err
	}
	store := b.store(fmt.Sprintf("slots%d", b.stores))
	if err := w.slotfs("destination", "add", "box", "--engine", "slots", "--host", b.server.Host, "--port", strconv.Itoa(w.port), "--username", b.server.Username,
		"--directory", store, "--create-directory", "--identity-file", b.server.Identity, "--accept-new-host-key"); err != nil {
		return nil, err
	}
	return w, w.slotfs("job", "add", "j", "--destination", "box", "--source", w.source, "--retention", "1")
}

func (w *writer) close() {
	if w.link != nil {
		w.link.Close()
	}
}

// sent is how many bytes went to the server so far.
func (w *writer) sent() int64 {
	up, _ := w.link.Bytes()
	return up
}

// sync makes a run and tells how long it took and how much memory it had.
func (w *writer) sync() (took time.Duration, memory float64, err error) {
	cmd := exec.Command(w.binary, append(append([]string{}, w.base...), "sync", "--quiet")...)
	cmd.Stderr = os.Stderr
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return 0, 0, fmt.Errorf("slotfs sync: %w", err)
	}
	usage, _ := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return time.Since(start), float64(usage.Maxrss) / 1000, nil
}

// rsync sends the source to a directory beside the slots, with a shell on the other side.
func (w *writer) rsync(to string, flags ...string) (time.Duration, error) {
	return w.timed(1, fmt.Sprintf(`from=$1 to=$2; shift 2; rsync -a --delete "$@" -e "ssh %s -p %d" "$from/" %s@%s:"$to/"`,
		w.sshOptions(), w.port, w.server.Username, w.server.Host), append([]string{w.source, filepath.Join(w.peers, to)}, flags...)...)
}

// durable is rsync that waits for the server's disk, as slotfs does and rsync alone does not.
func (w *writer) durable() (time.Duration, error) { return w.rsync("by-rsync-fsync", "--fsync") }

// rclone copies a directory with as many files at once as help it.
func (w *writer) rclone(from, to string, flags ...string) (time.Duration, error) {
	config, err := w.rcloneConfig(w.port, true)
	if err != nil {
		return 0, err
	}
	args := append([]string{config, from, "r:" + filepath.Join(w.peers, to), "--transfers", "64", "--checkers", "64", "--ignore-checksum", "--no-check-dest"}, flags...)
	return w.timed(1, `config=$1; shift; rclone --config "$config" copy "$@"`, args...)
}

// sftp puts one file with OpenSSH's own client.
func (w *writer) sftp(file string) (time.Duration, error) {
	return w.timed(1, fmt.Sprintf(`echo "put $1 $2" | sftp -q -b - %s -B 261120 -R 256 -P %d %s@%s >/dev/null`,
		w.sshOptions(), w.port, w.server.Username, w.server.Host), file, filepath.Join(w.peers, "by-sftp"))
}

// fourKiB fills directories of 1000 with so many files.
const fourKiB = `for d in $(seq 0 $(($1 / 1000 - 1))); do mkdir d$d; (cd d$d; head -c 4096000 /dev/urandom | split -b 4096 -a 3 -d - f); done`

// measureFirstFull backs up small files for the first time, then into the second slot, then with little changed.
func measureFirstFull(b *bench) ([]figure, error) {
	w, err := b.writer(distance, fourKiB, strconv.Itoa(syncSmall))
	if err != nil {
		return nil, err
	}
	defer w.close()
	some := filepath.Join(w.dir, "some")
	if _, err := b.shell(`mkdir "$2"; find "$1/d0" -type f | sed -n 1,`+strconv.Itoa(syncRclone)+`p | xargs cp -at "$2"`, w.source, some); err != nil {
		return nil, err
	}
	slow, err := w.rclone(some, "by-rclone")
	if err != nil {
		return nil, err
	}
	peer, err := w.rsync("by-rsync")
	if err != nil {
		return nil, err
	}
	full, _, err := w.sync()
	if err != nil {
		return nil, err
	}
	durable, err := w.durable()
	if err != nil {
		return nil, err
	}
	if _, _, err := w.sync(); err != nil {
		return nil, err
	}
	mine, peers, err := w.changed()
	if err != nil {
		return nil, err
	}
	rate := func(files int, d time.Duration) float64 { return float64(files) / d.Seconds() }
	note := fmt.Sprintf(" (%.0f files/s; rclone %.0f, rsync %.0f, rsync --fsync %.0f)",
		rate(syncSmall, full), rate(syncRclone, slow), rate(syncSmall, peer), rate(syncSmall, durable))
	return []figure{
		atLeast("first full of 4 KiB files, 20 ms: rate, of rclone copy", rate(syncSmall, full)/rate(syncRclone, slow), 20, note),
		atLeast("first full of 4 KiB files, 20 ms: rate, of rsync -a", peer.Seconds()/full.Seconds(), 1, ""),
		atLeast("1 % changed, 20 ms: speed, of rsync -a", peers.Seconds()/mine.Seconds(), 1, fmt.Sprintf(" (%.1f s; rsync %.1f s)", mine.Seconds(), peers.Seconds())),
	}, nil
}

// account fills directories of 100 files as accounts have them: most are small (2 and 12 kB), most of the bytes are in larger
// ones (60 and 600 kB); on average they have 29 kB.
const account = `part() { head -c $(($1 * $2)) /dev/urandom | split -b $2 -a 3 -d - s$2-; }
for d in $(seq 20); do mkdir $d; (cd $d; part 60 2000; part 25 12000; part 12 60000; part 3 600000); done; sleep 3`

// measureRefill fills the second slot with what the first one holds. What a copy takes on the line does not depend on the
// size of the file: about 670 bytes for long names, a sixth of what a file of 4 KiB takes.
func measureRefill(b *bench) ([]figure, error) {
	w, err := b.writer(distance, account)
	if err != nil {
		return nil, err
	}
	defer w.close()
	before := w.sent()
	if _, _, err := w.sync(); err != nil {
		return nil, err
	}
	first := w.sent() - before
	if _, _, err := w.sync(); err != nil {
		return nil, err
	}
	second := w.sent() - before - first
	return []figure{atMost("second full of an account, by copy-data: bytes sent, of the first", float64(second)/float64(first), 0.05, "")}, nil
}

// changed rewrites one file of a hundred and syncs again, slotfs over the slot that is due and rsync over its copy.
func (w *writer) changed() (mine, peers time.Duration, err error) {
	if _, err := w.shell(`find "$1" -type f | awk 'NR % 100 == 0' | while read -r f; do head -c 4096 /dev/urandom >"$f"; done`, w.source); err != nil {
		return 0, 0, err
	}
	if mine, _, err = w.sync(); err != nil {
		return 0, 0, err
	}
	peers, err = w.rsync("by-rsync")
	return mine, peers, err
}

// measureUnchanged runs over a large source in which nothing changed since the slot that is due was written.
func measureUnchanged(b *bench) ([]figure, error) {
	w, err := b.writer(0, `for d in $(seq 200); do mkdir $d; (cd $d; seq $(($1 / 200)) | xargs touch); done`, strconv.Itoa(syncUnchanged))
	if err != nil {
		return nil, err
	}
	defer w.close()
	for range 2 {
		if _, _, err := w.sync(); err != nil {
			return nil, err
		}
	}
	if _, err := w.rsync("by-rsync"); err != nil {
		return nil, err
	}
	mine, _, err := w.sync()
	if err != nil {
		return nil, err
	}
	peer, err := w.rsync("by-rsync")
	if err != nil {
		return nil, err
	}
	return []figure{atLeast("nothing changed, 200,000 files: speed, of rsync -a", peer.Seconds()/mine.Seconds(), 1,
		fmt.Sprintf(" (%.1f s; rsync %.1f s)", mine.Seconds(), peer.Seconds()))}, nil
}

// measureAccounts runs over many small accounts in which nothing changed, as scripts do that call rsync for each of them.
func measureAccounts(b *bench) ([]figure, error) {
	w, err := b.writer(distance, `for a in $(seq $1); do mkdir a$a; (cd a$a; seq 30 | xargs touch); done`, strconv.Itoa(syncAccounts))
	if err != nil {
		return nil, err
	}
	defer w.close()
	if err := w.slotfs("job", "remove", "j", "--yes"); err != nil {
		return nil, err
	}
	if err := w.slotfs("job", "add", "many", "--destination", "box", "--source", w.source+"/*", "--retention", "1"); err != nil {
		return nil, err
	}
	each := func() (time.Duration, error) {
		return w.timed(1, fmt.Sprintf(`for a in "$1"/*; do rsync -a --delete -e "ssh %s -p %d" "$a/" %s@%s:"$2-${a##*/}/"; done`,
			w.sshOptions(), w.port, w.server.Username, w.server.Host), w.source, filepath.Join(w.peers, "by-rsync"))
	}
	if _, err := each(); err != nil {
		return nil, err
	}
	peer, err := each()
	if err != nil {
		return nil, err
	}
	var mine time.Duration
	for range 3 {
		if mine, _, err = w.sync(); err != nil {
			return nil, err
		}
	}
	return []figure{atLeast("nothing changed, 50 accounts, 20 ms: speed, of rsync -a for each", peer.Seconds()/mine.Seconds(), 1,
		fmt.Sprintf(" (%.1f s; rsync %.1f s)", mine.Seconds(), peer.Seconds()))}, nil
}

// measureLarge sends one large file.
func measureLarge(b *bench) ([]figure, error) {
	w, err := b.writer(distance, `head -c "${1}000000" /dev/urandom >file`, strconv.Itoa(syncLarge))
	if err != nil {
		return nil, err
	}
	defer w.close()
	mine, _, err := w.sync()
	if err != nil {
		return nil, err
	}
	best, name := time.Duration(0), ""
	for _, peer := range []struct {
		name string
		run  func() (time.Duration, error)
	}{
		{"rclone", func() (time.Duration, error) {
			return w.rclone(w.source, "by-rclone", "--multi-thread-streams", "8")
		}},
		{"sftp", func() (time.Duration, error) { return w.sftp(filepath.Join(w.source, "file")) }},
		{"rsync", func() (time.Duration, error) { return w.rsync("by-rsync") }},
	} {
		took, err := peer.run()
		if err != nil {
			return nil, err
		}
		if best == 0 || took < best {
			best, name = took, peer.name
		}
	}
	durable, err := w.durable()
	if err != nil {
		return nil, err
	}
	rate := func(d time.Duration) float64 { return syncLarge / d.Seconds() }
	return []figure{atLeast("one 2 GB file, 20 ms: rate, of the best peer", best.Seconds()/mine.Seconds(), 2,
		fmt.Sprintf(" (%.0f MB/s; %s %.0f MB/s, rsync --fsync %.0f)", rate(mine), name, rate(best), rate(durable)))}, nil
}

// measureSyncMemory backs up a great many files.
func measureSyncMemory(b *bench) ([]figure, error) {
	w, err := b.writer(0, `for d in $(seq 1000); do mkdir $d; (cd $d; seq $(($1 / 1000)) | xargs touch); done`, strconv.Itoa(b.entries))
	if err != nil {
		return nil, err
	}
	defer w.close()
	var most float64
	for range 3 {
		_, memory, err := w.sync()
		if err != nil {
			return nil, err
		}
		most = max(most, memory)
	}
	return []figure{atMost(fmt.Sprintf("memory of sync, %d files", b.entries), most, 400, " MB")}, nil
}
