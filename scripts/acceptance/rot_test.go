package acceptance

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// rotten backs up a small, a middle and a long file beside a sound one, and changes the byte at a place of each that is not
// sound: 0 the first one, 1 in the middle, 2 the last one. Sizes and times stay.
func rotten(t *testing.T, place int) *backups {
	t.Helper()
	b := newBackups(t, newHost(t), "--retention", "1")
	run(t, `mkdir "$1/alice"; cd "$1/alice"; echo sound >sound; printf x >small; head -c 900000 /dev/urandom >middle; head -c 9000001 /dev/urandom >long; sleep 3`, b.home)
	b.sync(0)
	b.must("index")
	for _, name := range []string{"small", "middle", "long"} {
		b.rot(name, place)
	}
	return b
}

// rot flips a bit of a file in the slot, or flips it back.
func (b *backups) rot(name string, place int) {
	b.t.Helper()
	path := filepath.Join(b.store, "nightly/alice/slot-01/data", name)
	info, err := os.Stat(path)
	if err != nil {
		b.t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		b.t.Fatal(err)
	}
	data[(len(data)-1)*place/2] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		b.t.Fatal(err)
	}
	if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
		b.t.Fatal(err)
	}
}

// restoresSoundOnly restores everything and fails unless what is rotten is named and not there.
func (b *backups) restoresSoundOnly(how string) {
	b.t.Helper()
	to := filepath.Join(b.t.TempDir(), "to")
	r := b.slotfs("restore", "box/nightly/accounts/alice/latest/files/", to)
	left, err := os.ReadDir(to)
	if r.code != 3 || err != nil || len(left) != 1 || left[0].Name() != "sound" {
		b.t.Errorf("restore %s: exit code %d, %v, %v", how, r.code, left, err)
	}
	for _, name := range []string{"small", "middle", "long"} {
		if !strings.Contains(r.stderr, "files/"+name+":") {
			b.t.Errorf("restore %s does not name %s: %s", how, name, r.stderr)
		}
		if r := b.slotfs("cat", "box/nightly/accounts/alice/latest/files/"+name); r.code != 1 {
			b.t.Errorf("cat %s %s: exit code %d", name, how, r.code)
		}
	}
}

func TestRottenBytesAreNeverRestored(t *testing.T) {
	t.Parallel()
	for place, where := range []string{"first", "middle", "last"} {
		t.Run(where, func(t *testing.T) {
			b := rotten(t, place)
			b.restoresSoundOnly("without a mount")
			b.mount("--cache-size", "0")
			b.restoresSoundOnly("through the mount")
			for _, name := range []string{"small", "middle", "long"} {
				path := filepath.Join(b.latest("alice"), "files", name)
				info, err := os.Stat(path)
				if err != nil {
					t.Fatal(err)
				}
				at := (info.Size() - 1) * int64(place) / 2
				for what, args := range map[string][]string{
					"cp":   {"cp", path, filepath.Join(b.work, "copy")},
					"dd":   {"dd", "if=" + path, "of=/dev/null", "bs=1", "count=1", fmt.Sprint("skip=", at)},
					"mmap": {"python3", "-c", fmt.Sprintf("import mmap,sys; mmap.mmap(open(sys.argv[1],'rb').fileno(), 0, prot=mmap.PROT_READ)[%d]", at), path},
				} {
					for try := range 2 {
						if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err == nil {
							t.Errorf("%s of %s, try %d: no error\n%s", what, name, try, out)
						}
					}
				}
			}
			if r := b.slotfs("verify", "nightly", "--full"); r.code != 3 || strings.Count(r.stderr, "other content") != 3 {
				t.Errorf("verify: %+v", r)
			}
			if r := b.sync(0); !strings.Contains(r.stdout, "sent 3 ") {
				t.Errorf("the repair sends what is right too: %s", r.stdout)
			}
			b.must("verify", "nightly", "--full")
		})
	}
}
