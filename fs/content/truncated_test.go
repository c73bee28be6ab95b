package content_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"slotfs/fs/content"
	"slotfs/indexer/archive"
	"slotfs/indexer/backup"
	"slotfs/indexer/dest/desttest"
	"slotfs/indexer/tree"
)

// TestWhatTarGivesOfATruncatedArchiveCanBeRead cuts small archives at every byte. The oracle is gzip -dc | tar -x: each
// file that it gives whole has to be readable.
func TestWhatTarGivesOfATruncatedArchiveCanBeRead(t *testing.T) {
	files := map[string][]byte{"a/empty": nil, "a/one": []byte("1"), "b/block": bytes.Repeat([]byte("512 byte"), 64), "b/more": words(700),
		"c/" + strings.Repeat("long", 30): words(40), "d/last": []byte("the end\n")}
	plain := gnuTar(t, files)
	for name, script := range map[string]string{
		"gzip":       `gzip -9`,
		"rsyncable":  `pigz -6 --processes 1 --blocksize 4096 --rsyncable`,
		"members":    `split -b 1700 --filter='gzip -6'`,
		"stored":     `split -b 3000 --filter='pigz -0'`,
		"not at all": `cat`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stored := pipe(t, script, plain)
			cuts := positions(len(stored))
			if len(stored) > 4000 {
				cuts = func(yield func(int) bool) { // nothing is compressed: what counts is known for each byte
					for n := 0; n < len(stored) && yield(n); n += 61 {
					}
				}
			}
			o := oracle{files: files, known: map[int][]string{}}
			for n := range cuts {
				checkCut(t, &o, stored[:n], name != "not at all")
			}
		})
	}
}

// TestWhatTarGivesOfALargeTruncatedArchiveCanBeRead is the same with several seek points.
func TestWhatTarGivesOfALargeTruncatedArchiveCanBeRead(t *testing.T) {
	files := members(40, 400_000)
	plain := gnuTar(t, files)
	for name, script := range map[string]string{"gzip": `gzip -1`, "rsyncable": `pigz -6 --processes 1 --blocksize 4096 --rsyncable`,
		"members": `split -b 3000000 --filter='gzip -1'`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stored := pipe(t, script, plain)
			r := rand.New(rand.NewPCG(3, 4))
			o := oracle{files: files, known: map[int][]string{}}
			for range 8 {
				checkCut(t, &o, stored[:r.IntN(len(stored))], true)
			}
		})
	}
}

// checkCut reads every file that the oracle has of an archive.
func checkCut(t *testing.T, o *oracle, stored []byte, gzip bool) {
	t.Helper()
	root := t.TempDir()
	defer os.RemoveAll(root)
	stamp := time.Unix(1_700_000_000, 0)
	name := filepath.Join(root, "alice")
	if err := errors.Join(os.WriteFile(name, stored, 0o600), os.Chtimes(name, stamp, stamp)); err != nil {
		t.Fatal(err)
	}
	s := &backup.Snapshot{Source: backup.Source{Kind: backup.Tar, Files: []backup.File{{Path: "alice", Size: int64(len(stored)), MTime: stamp.Unix()}}}, Serial: 7}
	if gzip {
		s.Kind = backup.TarGzip
	}
	found := &named{items: map[string]tree.Item{}}
	result, err := archive.Scan(t.Context(), bytes.NewReader(stored), found, archive.Options{Gzip: gzip, Size: int64(len(stored))})
	if err != nil {
		t.Fatal(err)
	}
	s.Status = result.Status
	if n := len(found.points.all); n > 0 && len(stored)%2 == 1 {
		found.points.all[n-1].End += 5 // as earlier versions recorded it
	}
	reader := content.NewReader(desttest.Dir(root), &found.points, content.Options{})
	defer reader.Close()
	whole := o.whole(t, stored, gzip)
	for path, want := range o.files {
		it, ok := found.items[path]
		if !ok {
			if slices.Contains(whole, path) {
				t.Fatalf("%d bytes: %s is not there", len(stored), path)
			}
			continue
		}
		f, err := reader.Open(t.Context(), s, nil, it)
		if err != nil {
			t.Fatal(err)
		}
		got, err := read(t.Context(), f, 4096)
		f.Close()
		switch {
		case !bytes.HasPrefix(want, got), err == nil && len(got) < len(want):
			t.Fatalf("%d bytes: %s: wrong content", len(stored), path)
		case err != nil && slices.Contains(whole, path):
			t.Fatalf("%d bytes: %s: %v", len(stored), path, err)
		case err != nil && !errors.Is(err, backup.ErrEnd):
			t.Fatalf("%d bytes: %s: %v, want %v", len(stored), path, err, backup.ErrEnd)
		}
	}
}

// named collects the members of an archive by path.
type named struct {
	scanned
	items map[string]tree.Item
}

func (n *named) Member(m *archive.Member) (backup.Excerpt, error) {
	n.items[m.Path] = tree.Item{Entry: m.Entry}
	return backup.Excerpt{}, nil
}

// oracle tells what tar makes of an archive that is cut.
type oracle struct {
	files map[string][]byte
	known map[int][]string // by length of the uncompressed archive
}

// whole lists the files that come out whole.
func (o *oracle) whole(t *testing.T, stored []byte, gzip bool) []string {
	t.Helper()
	plain := stored
	if gzip {
		c := exec.Command("gzip", "-dc")
		c.Stdin = bytes.NewReader(stored)
		plain, _ = c.Output()
	}
	if whole, ok := o.known[len(plain)]; ok {
		return whole
	}
	dir := t.TempDir()
	defer os.RemoveAll(dir)
	c := exec.Command("tar", "-x", "-C", dir)
	c.Stdin = bytes.NewReader(plain)
	_ = c.Run()
	whole := []string{}
	for path, want := range o.files {
		got, err := os.ReadFile(filepath.Join(dir, path))
		if err == nil && bytes.Equal(got, want) {
			whole = append(whole, path)
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	o.known[len(plain)] = whole
	return whole
}

// gnuTar packs files with GNU tar.
func gnuTar(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	dir := t.TempDir()
	for path, data := range files {
		name := filepath.Join(dir, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, data, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	args := append([]string{"-b1", "-C", dir, "-cf", "-"}, slices.Sorted(maps.Keys(files))...)
	out, err := exec.Command("tar", args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func pipe(t *testing.T, script string, data []byte) []byte {
	t.Helper()
	c := exec.Command("bash", "-c", script)
	c.Stdin = bytes.NewReader(data)
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	return out
}

// words are n bytes that compress as text does.
func words(n int) []byte {
	r := rand.New(rand.NewPCG(uint64(n), 9))
	var b bytes.Buffer
	for b.Len() < n {
		fmt.Fprintf(&b, "%x ", r.IntN(40))
	}
	return b.Bytes()[:n]
}
