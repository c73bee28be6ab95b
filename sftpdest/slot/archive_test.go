package slot

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"slotfs/indexer/dest/desttest"
	"slotfs/indexer/manifest"
)

func compressed() Options {
	o := options(2)
	o.Mode = manifest.Compressed
	return o
}

// tools run what a restore without slotfs would.
func tools(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
	return string(out)
}

func TestArchiveIsUnpackedByTarToWhatTheSourceHas(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	a.edit(1)
	long := strings.Repeat("x", 250)
	a.file("dir/"+long, "long name", 70)
	a.file("big", string(desttest.Content(5<<20)), 71)
	a.check(os.Link(a.path("big"), a.path("zlink")))
	a.check(unix.Mkfifo(a.path("pipe"), 0o600))
	a.check(unix.Setxattr(a.path("big"), "user.note", []byte("kept\nraw\x00"), 0))
	a.check(os.Symlink(long, a.path("far")))
	f, err := os.Create(a.path("sparse"))
	a.check(err)
	for _, off := range []int64{1 << 20, 9 << 20} {
		_, err = f.WriteAt([]byte("data"), off)
		a.check(err)
	}
	a.check(f.Truncate(12 << 20))
	a.check(f.Close())

	root, out := t.TempDir(), t.TempDir()
	server := desttest.Dir(root)
	a.mustRun(server, compressed())
	file := filepath.Join(root, "job/alice/slot-01/archive/alice.g000001.tar.gz")
	tools(t, "gzip", "-t", file)
	tools(t, "tar", "-C", out, "--xattrs", "--xattrs-include=user.*", "-xpzf", file)
	if said := tools(t, "rsync", "-aHXcni", "--delete", a.root+"/", out+"/"); said != "" {
		t.Errorf("unpacked, it differs:\n%s", said)
	}
	if v, err := unixXattr(filepath.Join(out, "big"), "user.note"); err != nil || v != "kept\nraw\x00" {
		t.Errorf("extended attribute %q, %v", v, err)
	}
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(out, "sparse"), &st); err != nil || st.Blocks*512 > 1<<20 {
		t.Errorf("the sparse file takes %d bytes, %v", st.Blocks*512, err)
	}
	if d, err := Verify(t.Context(), server, "job/alice", 1, VerifyOptions{Sample: 1}); err != nil || d != nil {
		t.Errorf("%v, %v", d, err)
	}
}

func unixXattr(path, name string) (string, error) {
	buf := make([]byte, 100)
	n, err := unix.Getxattr(path, name, buf)
	return string(buf[:max(n, 0)]), err
}

func TestArchiveIsMadeOfMembersThatCanBeReadAlone(t *testing.T) {
	a := newAccount(t)
	for i := range 3 {
		a.file(string(rune('a'+i)), string(desttest.Content(3<<20)), i)
	}
	root := t.TempDir()
	a.mustRun(desttest.Dir(root), compressed())
	data, err := os.ReadFile(filepath.Join(root, "job/alice/slot-01/archive/alice.g000001.tar.gz"))
	a.check(err)
	r := bytes.NewReader(data)
	g, err := gzip.NewReader(r)
	a.check(err)
	members := 0
	for {
		g.Multistream(false)
		var text bytes.Buffer
		n, err := text.ReadFrom(g)
		a.check(err)
		if members++; n > 4<<20 {
			t.Errorf("a member of %d bytes", n)
		}
		if g.Reset(r) != nil {
			break
		}
	}
	if members < 6 {
		t.Errorf("%d members", members)
	}
}

func TestOldestArchiveStaysUntilTheNewestIsThere(t *testing.T) {
	t.Parallel()
	for _, power := range []bool{false, true} {
		t.Run(fmt.Sprintf("power %v", power), func(t *testing.T) {
			a, server := newAccount(t), newMemory()
			o := compressed()
			for n := 1; n <= 3; n++ {
				a.edit(n)
				a.mustRun(server, o)
			}
			a.edit(4)
			killedOrCut(a, server, o, power, 2)
		})
	}
}

func TestOldSlotsStayWhenTheModeOfAJobChanges(t *testing.T) {
	t.Parallel()
	for _, power := range []bool{false, true} {
		for _, from := range []manifest.Mode{manifest.Incremental, manifest.Compressed} {
			t.Run(fmt.Sprintf("from %s, power %v", from, power), func(t *testing.T) {
				a, server := newAccount(t), newMemory()
				o, to := compressed(), compressed()
				o.Mode = from
				least := 2
				if from == manifest.Compressed {
					to.Mode, least = manifest.Incremental, 1
				}
				for n := 1; n <= 3; n++ {
					a.edit(n)
					a.mustRun(server, o)
				}
				a.edit(4)
				killedOrCut(a, server, to, power, least)
			})
		}
	}
}

// killedOrCut kills a run at each of its operations, and may cut the server's power then. As many slots as least stay
// what they say they are; after the next run all.
func killedOrCut(a *account, server *memory, o Options, power bool, least int) {
	t := a.t
	t.Helper()
	whole := server.clone()
	a.mustRun(whole, o)
	rnd := rand.New(rand.NewPCG(3, 4))
	step := 9
	if thorough() {
		step = 1
	}
	for k := 1 + rnd.IntN(step); k <= whole.ops; k += step {
		m := server.clone()
		m.killAt, m.late = k, k%4 == 1
		_, _ = a.run(t.Context(), m, o)
		m.dead, m.killAt = false, 0
		if power {
			m.cut(rnd)
		}
		m.now += 3600
		if n := verified(a, m, o); n < least {
			t.Fatalf("killed at %d: %d complete", k, n)
		}
		a.mustRun(m, o)
		if n := verified(a, m, o); n < 2 {
			t.Fatalf("after the run killed at %d and another one: %d complete", k, n)
		}
	}
}

// verified counts the complete slots, and fails the test where one is not what it says.
func verified(a *account, m *memory, o Options) (complete int) {
	t := a.t
	t.Helper()
	slots, err := List(t.Context(), m, o.Directory)
	a.check(err)
	for i := range slots {
		if !slots[i].Complete() {
			continue
		}
		complete++
		d, err := Verify(t.Context(), m, o.Directory, slots[i].State.Slot, VerifyOptions{Sample: 1})
		if err != nil || d != nil {
			t.Fatalf("%s: %v, %v", slots[i].Path, d, err)
		}
	}
	return complete
}
