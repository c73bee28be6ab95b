package tree

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
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
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	var steps []step
	made := []string{}
	for i := range n {
		path := fmt.Sprintf("d%d/e%d/f%d", r.Intn(2), r.Intn(2), r.Intn(4))
		at := int64(out.Len())
		h := &tar.Header{Name: path, Typeflag: tar.TypeReg, Size: int64(i + 1), Mode: 0o600, Format: tar.FormatGNU}
		e := backup.Entry{Mode: backup.ModeRegular | 0o600, Size: h.Size, Offset: at + block}
		switch k := r.Intn(6); {
		case k < 3 && len(made) > 0:
			*h = tar.Header{Name: path, Typeflag: tar.TypeLink, Linkname: made[r.Intn(len(made))], Mode: 0o600, Format: tar.FormatGNU}
			e = backup.Entry{Link: h.Linkname}
		case k == 3:
			h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, fmt.Sprintf("target%d", i), 0
			e.Mode, e.Target, e.Size = backup.ModeSymlink|0o777, h.Linkname, 0
		case k == 4:
			path = path[:5]
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

// diskList tells what a folder on disk has, hard links by the names that belong together.
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
		r := rand.New(rand.NewSource(seed))
		archive, steps := peerArchive(t, r, 120)
		top := t.TempDir()
		cmd := exec.Command("sh", "-c", `umask 022; exec tar -xpf - -C "$0"`, top)
		cmd.Stdin = archive
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("tar: %v\n%s", err, out)
		}
		store := treetest.NewStore()
		b := NewBuilder(store, backup.Entry{})
		for _, s := range steps {
			if _, err := b.Add(context.Background(), s.path, s.e, s.at); err != nil {
				t.Fatal(err)
			}
		}
		got, want := treeList(t, New(store, finish(t, b), NewCache(1<<20))), diskList(t, top)
		for path, line := range want {
			if got[path] != line {
				t.Errorf("seed %d: %s\n tree %s\n disk %s", seed, path, got[path], line)
			}
		}
		if len(got) != len(want) {
			t.Errorf("seed %d: %d entries, tar extracts %d", seed, len(got), len(want))
		}
	}
}
