package content_test

import (
	"bytes"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"slotfs/fs/content"
	"slotfs/indexer/archive"
	"slotfs/indexer/backup"
	"slotfs/indexer/dest/desttest"
	"slotfs/indexer/tree"
)

// TestWhatASoundArchiveSaysIsRight changes single bits of compressed archives: what is wrong then is never within what the scan
// calls sound, and an archive of which anything is wrong is not complete.
func TestWhatASoundArchiveSaysIsRight(t *testing.T) {
	files := map[string][]byte{"a/empty": nil, "a/one": []byte("1"), "b/block": bytes.Repeat([]byte("512 byte"), 64), "b/more": words(700),
		"d/large": words(4000), "e/last": []byte("the end\n")}
	plain := gnuTar(t, files)
	for name, script := range map[string]string{
		"one member": `gzip -9`,
		"rsyncable":  `pigz -6 --processes 1 --blocksize 4096 --rsyncable`,
		"members":    `split -b 3000 --filter='gzip -6'`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stored := pipe(t, script, plain)
			tried, unsound := 0, 0
			for i := range positions(len(stored)) {
				tried++
				bad := slices.Clone(stored)
				bad[i] ^= 1 << (i % 8)
				if checkSound(t, files, bad) {
					unsound++
				}
			}
			if unsound < tried/2 {
				t.Errorf("%d of %d changes were noticed", unsound, tried)
			}
		})
	}
}

// positions are the bytes of a file of n bytes that are tried: all of them with SLOTFS_MATRIX set, otherwise those where it begins
// and ends, and every seventh between.
func positions(n int) iter.Seq[int] {
	full := os.Getenv("SLOTFS_MATRIX") != ""
	return func(yield func(int) bool) {
		for i := range n {
			if (full || i < 32 || n-i <= 32 || i%7 == 0) && !yield(i) {
				return
			}
		}
	}
}

// checkSound reports whether the archive was found to be damaged.
func checkSound(t *testing.T, files map[string][]byte, stored []byte) bool {
	t.Helper()
	found := &named{items: map[string]tree.Item{}}
	result, err := archive.Scan(t.Context(), bytes.NewReader(stored), found, archive.Options{Gzip: true, Size: int64(len(stored))})
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	defer os.RemoveAll(root)
	stamp := time.Unix(1_700_000_000, 0)
	if err := os.WriteFile(filepath.Join(root, "alice"), stored, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(filepath.Join(root, "alice"), stamp, stamp); err != nil {
		t.Fatal(err)
	}
	s := &backup.Snapshot{Source: backup.Source{Kind: backup.TarGzip, Files: []backup.File{{Path: "alice", Size: int64(len(stored)), MTime: stamp.Unix()}}},
		Serial: 7, Status: result.Status}
	reader := content.NewReader(desttest.Dir(root), &found.points, content.Options{})
	defer reader.Close()
	for path, it := range found.items {
		if !it.IsRegular() || it.Offset+it.Size > result.Sound {
			continue
		}
		f, err := reader.Open(t.Context(), s, nil, it)
		if err != nil {
			t.Fatal(err)
		}
		got, err := read(t.Context(), f, 4096)
		f.Close()
		if want, ok := files[path]; err != nil || !ok || !bytes.Equal(got, want) {
			t.Fatalf("%s, sound up to %d of %d: %q at %d: %v, %d bytes, want %d", result.Status, result.Sound, result.Content, path, it.Offset,
				err, len(got), len(want))
		}
	}
	if result.Status == backup.Complete && len(found.items) != len(files) {
		t.Fatalf("complete with %d of %d members", len(found.items), len(files))
	}
	return result.Sound < result.Content || result.Status != backup.Complete
}

// TestNothingProvesWhatNoChecksumFollows cuts archives: what lies in gzip members that ended before is sound, nothing else.
func TestNothingProvesWhatNoChecksumFollows(t *testing.T) {
	plain := gnuTar(t, map[string][]byte{"a": words(4000), "b": words(3000)})
	first := pipe(t, `gzip -6`, plain[:4096])
	stored := append(slices.Clone(first), pipe(t, `gzip -6`, plain[4096:])...)
	for cut, want := range map[int]int64{len(first) - 1: 0, len(first) - 9: 0, len(first) + 1: 4096, len(stored) - 1: 4096, len(stored): int64(len(plain))} {
		found := &named{items: map[string]tree.Item{}}
		result, err := archive.Scan(t.Context(), bytes.NewReader(stored[:cut]), found, archive.Options{Gzip: true, Size: int64(cut)})
		if err != nil || result.Sound != want || (result.Status == backup.Complete) != (cut == len(stored)) {
			t.Errorf("%d bytes of %d: %+v, %v, want %d sound bytes", cut, len(stored), result, err, want)
		}
	}
}
