package tree

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"slotfs/indexer/backup"
	"slotfs/indexer/tree/treetest"
)

// peerArchive makes members that GNU tar extracts without complaint: names of files stay names of files, so that
// only the order of replacements and links matters. Of each content the size tells which member it is of.
func peerArchive(t *testing.T, r *rand.Rand, n int) (*bytes.Buffer, []step) {
	t.Helper()
	return collect(t, r, n, func() string { return fmt.Sprintf("d%d/e%d/f%d", r.Intn(2), r.Intn(2), r.Intn(4)) },
		func(i int) string { return fmt.Sprintf("target%d", i) })
}

// collidingArchive makes members that take each other's places in every way, and that lie below symbolic links. Those that tar
// makes last of all are left out: it knows them again by their inodes, which are used again.
func collidingArchive(t *testing.T, r *rand.Rand, n int) (*bytes.Buffer, []step) {
	t.Helper()
	targets := []string{"n0", "./n1/", "n2//n0", "n1/n2", "n3"}
	return collect(t, r, n, func() string {
		path := fmt.Sprintf("n%d", r.Intn(4))
		for range r.Intn(3) {
			path += fmt.Sprintf("/n%d", r.Intn(4))
		}
		return path
	}, func(int) string { return targets[r.Intn(len(targets))] })
}

func collect(t *testing.T, r *rand.Rand, n int, name func() string, target func(int) string) (*bytes.Buffer, []step) {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	var steps []step
	made := []string{}
	for i := range n {
		path := name()
		at := int64(out.Len())
		h := &tar.Header{Name: path, Typeflag: tar.TypeReg, Size: int64(i + 1), Mode: 0o600, Format: tar.FormatGNU}
		e := backup.Entry{Mode: backup.ModeRegular | 0o600, Size: h.Size, Offset: at + block}
		switch k := r.Intn(6); {
		case k < 3 && len(made) > 0:
			link := made[r.Intn(len(made))]
			if strings.HasPrefix(link, path+"/") {
				continue // tar removes the way to what it links to
			}
			*h = tar.Header{Name: path, Typeflag: tar.TypeLink, Linkname: link, Mode: 0o600, Format: tar.FormatGNU}
			e = backup.Entry{Link: h.Linkname}
		case k == 3:
			h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, target(i), 0
			e.Mode, e.Target, e.Size = backup.ModeSymlink|0o777, h.Linkname, 0
		case k == 4:
			path = path[:min(5, len(path))]
			h.Name, h.Typeflag, h.Mode, h.Size = path+"/", tar.TypeDir, int64(0o700+r.Intn(8)), 0
			e.Mode, e.Size = backup.ModeDir|uint32(h.Mode), 0
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, h.Size)); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		if !e.IsDir() {
			made = append(made, path)
		}
		steps = append(steps, step{path, e, at})
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &out, steps
}

// diskList tells what a directory on disk has, hard links by the names that belong together.
func diskList(t *testing.T, top string) map[string]string {
	t.Helper()
	all, inodes := map[string]string{}, map[uint64][]string{}
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == top {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		rel := path[len(top)+1:]
		target, _ := os.Readlink(path)
		size := st.Size
		if !info.Mode().IsRegular() {
			size = 0
		}
		nlink := uint64(st.Nlink)
		if info.IsDir() {
			nlink = 0 // not every file system counts directories
		} else {
			inodes[st.Ino] = append(inodes[st.Ino], rel)
		}
		all[rel] = fmt.Sprintf("%o size %d nlink %d %q", st.Mode, size, nlink, target)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, names := range inodes {
		for _, name := range names {
			all[name] += " names " + strings.Join(names, " ")
		}
	}
	return all
}

// treeList tells the same of a tree.
func treeList(t *testing.T, tr *Tree) map[string]string {
	t.Helper()
	all, files := map[string]string{}, map[string][]string{}
	entries := byPath(t, tr)
	first := func(path string) string {
		if link := entries[path].Link; link != "" {
			return link
		}
		return path
	}
	for path, e := range entries {
		if path == "" {
			continue
		}
		nlink := e.Nlink
		if e.IsDir() {
			nlink = 0
		} else {
			files[first(path)] = append(files[first(path)], path)
		}
		all[path] = fmt.Sprintf("%o size %d nlink %d %q", e.Mode, e.Size, nlink, e.Target)
	}
	for path, e := range entries {
		if !e.IsDir() {
			names := files[first(path)]
			slices.Sort(names)
			all[path] += " names " + strings.Join(names, " ")
		}
	}
	return all
}

func TestTreeIsWhatTarExtracts(t *testing.T) {
	for seed := range int64(12) {
		archive, steps := peerArchive(t, rand.New(rand.NewSource(seed)), 120)
		got := treeOf(t, steps, func(i int, added Added) {
			if !added.OK {
				t.Errorf("seed %d: member %d is %+v", seed, i, added)
			}
		})
		compareLines(t, fmt.Sprintf("seed %d", seed), got, extracted(t, archive.Bytes()))
	}
}

// TestTreeTakesWhatTarTakesOfCollisions gives tar what the tree took, which must be without complaint, and each member
// that the tree did not take behind what it had by then, which must not.
func TestTreeTakesWhatTarTakesOfCollisions(t *testing.T) {
	for seed := range int64(25) {
		archive, steps := collidingArchive(t, rand.New(rand.NewSource(seed)), 40)
		data := archive.Bytes()
		var taken []byte
		got := treeOf(t, steps, func(i int, added Added) {
			end := int64(len(data))
			if i+1 < len(steps) {
				end = steps[i+1].at
			}
			member := data[steps[i].at:end]
			if added.OK {
				taken = append(taken, member...)
				return
			}
			cmd := exec.Command("tar", "-xpf", "-", "-C", t.TempDir())
			cmd.Stdin = io.MultiReader(bytes.NewReader(taken), bytes.NewReader(member), bytes.NewReader(make([]byte, 1024)))
			if added.Note == "" || cmd.Run() == nil {
				t.Errorf("seed %d: tar takes member %d, %+v, which is %+v", seed, i, steps[i], added)
			}
		})
		compareLines(t, fmt.Sprintf("seed %d", seed), got, extracted(t, append(taken, make([]byte, 1024)...)))
	}
}

// TestNothingGoesThroughLinksThatLeadOutside has links that tar makes when all else is there.
func TestNothingGoesThroughLinksThatLeadOutside(t *testing.T) {
	file := backup.Entry{Mode: backup.ModeRegular | 0o600}
	for _, target := range []string{"/d", "../d", "d/../d", "..", "l", "none"} {
		steps := []step{{"d/f", file, 0}, {"l", backup.Entry{Mode: backup.ModeSymlink, Target: target}, 0}, {"l/g", file, 0}, {"l/h/i", file, 0}}
		notes := backup.Notes{}
		got := treeOf(t, steps, func(_ int, added Added) {
			if !added.OK {
				notes.Add(added.Note, "")
			}
		})
		if len(got) != 3 || notes.Total() != 2 {
			t.Errorf("%s: %v, %v", target, got, notes)
		}
	}
}

// treeOf tells what a tree of steps has, after telling what became of each.
func treeOf(t *testing.T, steps []step, tell func(i int, added Added)) map[string]string {
	t.Helper()
	store := treetest.NewStore()
	b := NewBuilder(store, backup.Entry{})
	for i, s := range steps {
		added, err := b.Add(context.Background(), s.path, s.e, s.at)
		if err != nil {
			t.Fatal(err)
		}
		tell(i, added)
	}
	return treeList(t, New(store, finish(t, b), NewCache(1<<20)))
}

// extracted is what tar makes of an archive.
func extracted(t *testing.T, archive []byte) map[string]string {
	t.Helper()
	top := t.TempDir()
	cmd := exec.Command("sh", "-c", `umask 022; exec tar -xpf - -C "$0"`, top)
	cmd.Stdin = bytes.NewReader(archive)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	return diskList(t, top)
}

func compareLines(t *testing.T, title string, got, want map[string]string) {
	t.Helper()
	for path, line := range want {
		if got[path] != line {
			t.Errorf("%s: %s\n tree %s\n disk %s", title, path, got[path], line)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d entries, tar extracts %d", title, len(got), len(want))
	}
}
