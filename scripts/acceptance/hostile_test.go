package acceptance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// smallAccount makes an account of some forty files whose compressed archive is a few KiB and returns its parent.
func smallAccount(t *testing.T, user string) string {
	t.Helper()
	parent := t.TempDir()
	run(t, `
		mkdir -p "$1/$2"/{cp,homedir/mail,homedir/public_html,mysql} && cd "$1/$2"
		echo "USER=$2" >"cp/$2"
		for i in $(seq 30); do seq $i $((i * 40)) >"homedir/public_html/page$i"; done
		head -c 3000 /dev/urandom | base64 >mysql/db.sql
		ln -s public_html homedir/www
		ln homedir/public_html/page7 homedir/public_html/again
	`, parent, user)
	return parent
}

// TestTruncatedAndFlippedArchivesNeverShowWrongBytes cuts a small archive at every 512 bytes and flips bytes of it, and
// compares all that the mount then shows.
func TestTruncatedAndFlippedArchivesNeverShowWrongBytes(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	parent := smallAccount(t, "alice")
	whole, err := os.ReadFile(h.pack(parent, "alice", "2026-01-01"))
	if err != nil {
		t.Fatal(err)
	}
	day := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	damaged := 0
	put := func(content []byte) {
		dir := filepath.Join(h.store, day.AddDate(0, 0, damaged).Format(time.DateOnly), "accounts")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "alice.tar.gz"), content, 0o644); err != nil {
			t.Fatal(err)
		}
		damaged++
	}
	for n := 512; n < len(whole); n += 512 {
		put(whole[:n])
	}
	for at := 7; at < len(whole)-8; at += len(whole) / 40 {
		flipped := bytes.Clone(whole)
		flipped[at] ^= 1 << (at % 8)
		put(flipped)
	}
	h.add("d")
	if r := h.slotfs("index"); r.code != 3 {
		t.Fatalf("%+v", r)
	}
	h.mount()
	want := contents(t, filepath.Join(parent, "alice"))
	shown := compareSnapshots(t, h.account("d", "", "alice"), want)
	if shown.snapshots != damaged+1 || shown.files < len(want)*damaged/10 || shown.complete > damaged/10 {
		t.Errorf("%d snapshots of %d, %+v", shown.snapshots, damaged+1, shown)
	}
}

// contents reads the regular files below dir, by path.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		all[strings.TrimPrefix(path, dir+"/")] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// shown counts what compareSnapshots saw.
type shown struct{ snapshots, complete, files, errors int }

// compareSnapshots compares the full/ of all snapshots of one account: every file must be one of want with its bytes, or
// reading it an error. Only what is called corrupt may have other bytes: a flipped byte can decode without a fault, and
// then it is the checksum at the very end that tells.
func compareSnapshots(t *testing.T, account string, want map[string]string) shown {
	t.Helper()
	var got shown
	names, err := os.ReadDir(account)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if name.Name() == "latest" {
			continue
		}
		got.snapshots++
		if _, status, _ := strings.Cut(name.Name(), "."); status == "" {
			got.complete++
		}
		full := filepath.Join(account, name.Name(), "full")
		unproven := strings.HasSuffix(name.Name(), ".corrupt")
		err := filepath.WalkDir(full, func(path string, d fs.DirEntry, err error) error {
			if path == full && errors.Is(err, fs.ErrNotExist) {
				return nil // nothing of it arrived
			}
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			rel := strings.TrimPrefix(strings.TrimPrefix(path, full+"/"), "alice/")
			content, err := os.ReadFile(path)
			switch expected, known := want[rel]; {
			case err != nil && !errors.Is(err, syscall.EIO):
				t.Errorf("%s: %v", path, err)
			case err != nil:
				got.errors++
			case unproven:
			case !known || string(content) != expected:
				t.Errorf("%s: %d bytes that were never backed up, known %v", path, len(content), known)
			}
			got.files++
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	return got
}

// TestReadersAndComingAndGoingSnapshots lists and reads with several processes while passes take snapshots
// away and bring others. What they see is right, or gone as a whole.
func TestReadersAndComingAndGoingSnapshots(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	parent := smallAccount(t, "alice")
	first := h.pack(parent, "alice", "2026-01-01")
	h.show()
	account := h.account("d", "", "alice")
	want := contents(t, filepath.Join(parent, "alice"))
	pid := h.mountProcess()
	before := openFiles(t, pid)
	stop := make(chan struct{})
	var readers errgroup.Group
	for range 4 {
		readers.Go(func() error {
			for {
				select {
				case <-stop:
					return nil
				default:
				}
				if err := readAll(account, want); err != nil {
					return err
				}
			}
		})
	}
	for i := range 12 {
		other := filepath.Join(h.store, fmt.Sprintf("2026-02-%02d/accounts", i%3+1))
		run(t, `if [ -d "$2" ]; then rm -r "$2"; else mkdir -p "$2"; cp "$1" "$2/alice.tar.gz"; fi`, first, other)
		h.must("index")
	}
	close(stop)
	if err := readers.Wait(); err != nil {
		t.Error(err)
	}
	eventually(t, "files of the mount closed", func() bool { return openFiles(t, pid) <= before+8 })
}

// readAll reads all snapshots once, as far as they do not go away meanwhile.
func readAll(account string, want map[string]string) error {
	gone := func(err error) bool {
		return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESTALE)
	}
	return filepath.WalkDir(account, func(path string, d fs.DirEntry, err error) error {
		if gone(err) {
			return nil
		}
		if err != nil || !d.Type().IsRegular() || !strings.Contains(path, "/full/") {
			return err
		}
		content, err := os.ReadFile(path)
		if gone(err) {
			return nil
		}
		_, rel, _ := strings.Cut(path, "/full/")
		if err == nil && string(content) != want[strings.TrimPrefix(rel, "alice/")] {
			err = fmt.Errorf("%s: other bytes", path)
		}
		return err
	})
}

// mountProcess is the process that owns the index.
func (h *host) mountProcess() int {
	h.t.Helper()
	var status struct{ PID int }
	if err := json.Unmarshal([]byte(h.must("--json", "status")), &status); err != nil {
		h.t.Fatal(err)
	}
	return status.PID
}

func openFiles(t *testing.T, pid int) int {
	t.Helper()
	all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}
