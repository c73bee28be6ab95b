package slot

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"slotfs/indexer/dest"
	"slotfs/indexer/dest/desttest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/archive"
)

func TestArchiveIsGoneOnWithBeforeAFileThatChanged(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(a *account, m *memory){
		"as its times tell": func(a *account, _ *memory) { a.file("big", string(desttest.Content(7*unit)), 71) },
		"without a trace": func(a *account, m *memory) {
			content := desttest.Content(8 * unit)
			content[5]++
			a.file("big", string(content), 70)
			a.forgeInside(m)
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, server := newAccount(t), newMemory()
			o := inSmallMembers()
			a.file("before", string(desttest.Content(6*unit)), 69)
			a.file("big", string(desttest.Content(8*unit)), 70)
			a.broken(server, o, 6)
			change(a, server)
			if sum := a.mustRun(server, o); !sum.Resumed || sum.Uploaded != 1 {
				t.Errorf("%+v", sum)
			}
			a.archived(server, 1)
		})
	}
}

// forgeInside makes the checkpoint say that the file it is in was last changed when it was.
func (a *account) forgeInside(m *memory) {
	a.t.Helper()
	meta, err := m.find("job/alice/slot-01/meta")
	a.check(err)
	n := meta.children[manifest.CheckpointName(1)]
	c, ok := archive.ParseCheckpoint(n.data)
	in := c.Stops[len(c.Stops)-1].Inside
	if !ok || in == nil {
		a.t.Fatalf("%+v", c)
	}
	list, err := manifest.NewReader(bytes.NewReader(in.Entry))
	a.check(err)
	defer list.Close()
	e, err := list.Next()
	a.check(err)
	var st unix.Stat_t
	a.check(unix.Stat(a.path(e.Path), &st))
	e.CTime = st.Ctim.Nano()
	var entry bytes.Buffer
	one, err := manifest.NewJournalWriter(&entry)
	a.check(err)
	a.check(one.Write(e))
	_, err = one.Close()
	a.check(err)
	in.Entry = entry.Bytes()
	n.data, err = json.Marshal(c)
	a.check(err)
}

func TestArchiveBrokenTwiceKeepsWhatBothRunsPutIn(t *testing.T) {
	t.Parallel()
	a, server := newAccount(t), newMemory()
	o := inSmallMembers()
	for i := range 9 {
		a.file(fmt.Sprintf("before/%d", i), strings.Repeat("0123456789", 200), i)
		a.file(fmt.Sprintf("later/%d", i), strings.Repeat("9876543210", 8000), i)
	}
	a.file("big", string(desttest.Content(7*unit)), 70)
	a.broken(server, o, 8)
	a.file("before/3", "changed", 71)
	a.file("before/5", "changed", 72)
	a.broken(server, o, 12)
	if sum := a.mustRun(server, o); sum.Uploaded > 8 {
		t.Errorf("%+v", sum)
	}
	a.archived(server, 1)
	state := a.state(server, 1)
	stored, err := server.load(t, "job/alice/slot-01/archive/"+state.Archive.Name)
	a.check(err)
	unzipped, err := gzip.NewReader(bytes.NewReader(stored))
	a.check(err)
	times := map[string]int{}
	all := tar.NewReader(unzipped)
	for h, err := all.Next(); err != io.EOF; h, err = all.Next() {
		a.check(err)
		times[h.Name]++
	}
	for name, n := range times {
		if changed := name == "before/3" || name == "before/5"; n > 2 || n == 2 && !changed && !strings.HasSuffix(name, "/") {
			t.Errorf("%s is there %d times", name, n)
		}
	}
}

// Copies of small files that an index wants are made of what is read, and links need their file before them.
func TestArchiveThatIsGoneOnWithHasItsCopies(t *testing.T) {
	a, server := newAccount(t), newMemory()
	o := inSmallMembers()
	o.Keep = func(p string, _ int64) bool { return p == "before/kept" }
	a.file("before/kept", "copied", 1)
	a.check(os.Link(a.path("before/kept"), a.path("before/link")))
	a.file("big", string(desttest.Content(7*unit)), 70)
	a.broken(server, o, 4)
	if sum := a.mustRun(server, o); !sum.Resumed {
		t.Errorf("%+v", sum)
	}
	a.archived(server, 1)
	kept := a.state(server, 1).Archive.Kept
	if kept == nil {
		t.Fatal("no copies")
	}
	data, err := server.load(t, "job/alice/slot-01/meta/"+kept.Name)
	a.check(err)
	unzipped, err := zstd.NewReader(bytes.NewReader(data))
	a.check(err)
	defer unzipped.Close()
	copies := tar.NewReader(unzipped)
	h, err := copies.Next()
	a.check(err)
	content, err := io.ReadAll(copies)
	a.check(err)
	if h.Name != "before/kept" || string(content) != "copied" {
		t.Errorf("%s: %q", h.Name, content)
	}
}

// Servers go on with what a dead run has asked for, and nothing tells when they have done.
func TestLateWritesOfADeadRunAreNotInTheArchive(t *testing.T) {
	a, server := newAccount(t), newMemory()
	o := inSmallMembers()
	a.edit(1)
	a.file("big", string(desttest.Content(9*unit)), 70)
	a.broken(server, o, 3)
	tmp, err := server.find("job/alice/slot-01/tmp")
	a.check(err)
	old := slices.Collect(maps.Values(tmp.children))
	server.hear = func(op, _ string) error {
		for _, n := range old {
			n.data = append(n.data, "late"...)
		}
		return nil
	}
	if sum := a.mustRun(server, o); !sum.Resumed || sum.UploadedBytes > 8*unit {
		t.Errorf("begun anew: %+v", sum)
	}
	a.archived(server, 1)
}

// cutCopies is a server to which the connection is lost in the middle of so many copies.
type cutCopies struct {
	*memory
	left int
	seen []int // files in tmp/ when each copy began
}

func (c *cutCopies) Copy(ctx context.Context, from, to string, size int64, a dest.Attributes, sync bool) (bool, error) {
	tmp, err := c.List(ctx, path.Dir(to))
	if err != nil {
		return false, err
	}
	c.seen = append(c.seen, len(tmp))
	if c.left--; c.left < 0 {
		return c.memory.Copy(ctx, from, to, size, a, sync)
	}
	_, err = c.memory.Copy(ctx, from, to, size/2, a, sync)
	return false, errors.Join(err, errCut)
}

func TestCopiesOfAnArchiveThatWereCutOffTakeNoRoom(t *testing.T) {
	a, m := newAccount(t), newMemory()
	o := inSmallMembers()
	a.file("big", string(desttest.Content(9*unit)), 70)
	a.broken(m, o, 3)
	server := &cutCopies{memory: m, left: 3}
	if sum, err := a.run(t.Context(), server, o); err != nil || !sum.Resumed || sum.UploadedBytes > 8*unit {
		t.Errorf("begun anew: %+v, %v", sum, err)
	}
	if len(server.seen) != 4 || slices.Max(server.seen) > server.seen[0] {
		t.Errorf("files in tmp/ when each copy began: %v", server.seen)
	}
	a.archived(m, 1)
}

// A run that ended in good order has seen the answers to all that it asked for: a copy would need the room once more.
func TestInterruptedArchiveIsGoneOnWithInItsPlace(t *testing.T) {
	t.Parallel()
	for name, failure := range map[string]error{"interrupted": context.Canceled, "out of space": syscall.ENOSPC} {
		t.Run(name, func(t *testing.T) {
			a, server := newAccount(t), newMemory()
			o := inSmallMembers()
			a.edit(1)
			a.file("big", string(desttest.Content(12*unit)), 70)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			room := 0
			server.hear = func(op, p string) error {
				if segments(server) < 3 || op != "write" {
					return nil
				}
				used := largest(server)
				if room == 0 {
					room = used
				}
				switch {
				case failure == context.Canceled:
					cancel()
				case used > room:
					return failure
				}
				return nil
			}
			if _, err := a.run(ctx, server, o); !errors.Is(err, failure) {
				t.Fatal(err)
			}
			server.now += 3600
			copies := 0
			server.hear = func(op, _ string) error {
				if op == "copy" {
					copies++
				}
				return nil
			}
			sum := a.mustRun(server, o)
			if sum.UploadedBytes > 9*unit || copies > 0 {
				t.Errorf("%d bytes were sent, %d copies made", sum.UploadedBytes, copies)
			}
			a.archived(server, 1)
		})
	}
}

func FuzzCheckpoint(f *testing.F) {
	f.Add([]byte(`{"temp":"1-1","segments":[{"name":"segment.g000001.1-2","size":10,"sha256":"","list":4,"pass":0}],` +
		`"stops":[{"size":10,"content":20,"sum":"","segments":1}]}`))
	f.Add([]byte(`{"temp":"../1","segments":[{"name":"a/b","size":1}],"stops":[{"size":-1,"inside":{"entry":"AAAA","sum":""}}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, ok := archive.ParseCheckpoint(text)
		if !ok {
			return
		}
		for _, s := range c.Stops {
			if s.Segments > len(c.Segments) || s.Size <= 0 {
				t.Errorf("%+v", s)
			}
		}
		if strings.Contains(c.Temp, "/") || c.Temp == "" || c.Temp == ".." {
			t.Errorf("%q", c.Temp)
		}
	})
}
