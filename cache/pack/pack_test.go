package pack

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"slotfs/cache/index"
	"slotfs/indexer/backup"
	"slotfs/indexer/tree"
)

func open(t testing.TB) *index.Index {
	t.Helper()
	x, err := index.Open(t.TempDir(), index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	return x
}

// plant stores a snapshot with directories, checksums and the tables of a dump.
func plant(t testing.TB, x *index.Index, key, fingerprint string, dirs int) *backup.Snapshot {
	t.Helper()
	serial, err := x.NextSerial()
	if err != nil {
		t.Fatal(err)
	}
	b := tree.NewBuilder(x, backup.Entry{Mode: backup.ModeDir | 0o755})
	for i := range dirs {
		for j := range 5 {
			name := fmt.Sprintf("%d-%d", i, j)
			e := backup.Entry{Name: name, Mode: backup.ModeRegular | 0o644, Size: int64(i), Nlink: 1}
			if _, err := b.Add(t.Context(), fmt.Sprintf("d%d/%s", i, name), e, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	root, err := b.Finish(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	root.Mode = backup.ModeDir | 0o755
	parts := []byte("parts of " + key)
	if err := x.Put(t.Context(), tree.Sum(parts), parts); err != nil {
		t.Fatal(err)
	}
	for at := range uint64(3) {
		if err := x.Attach(t.Context(), serial, index.Sums, at, []byte{byte(at)}); err != nil {
			t.Fatal(err)
		}
		if err := x.Attach(t.Context(), serial, index.Tables, at*512, []byte("tables")); err != nil {
			t.Fatal(err)
		}
	}
	s := &backup.Snapshot{Source: backup.Source{Account: "alice", Name: "2026-01-05", Kind: backup.TarGzip, Fingerprint: fingerprint,
		Files: []backup.File{{Path: key, Size: 1}}}, Destination: "offsite", Serial: serial, Status: backup.Complete, Root: root, Parts: tree.Sum(parts),
		Indexed: time.Unix(1_770_000_000, 0).UTC()}
	if err := x.PutSnapshot(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	return s
}

// same keeps the names of destinations.
func same(destination string) (string, error) { return destination, nil }

// export writes all snapshots of an index into a directory, and returns the pack.
func export(t testing.TB, x *index.Index, dir string) string {
	t.Helper()
	all, err := x.Snapshots(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	name, _, err := Write(t.Context(), x, all, dir)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, name)
}

// listing is everything below a snapshot's root, and what is attached to it.
func listing(t testing.TB, x *index.Index, s *backup.Snapshot) string {
	t.Helper()
	var out bytes.Buffer
	tr := tree.New(x, s.Root, tree.NewCache(1<<16))
	var visit func(dir tree.Item)
	visit = func(dir tree.Item) {
		for it, err := range tr.List(t.Context(), dir, 0) {
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(&out, it.Name, it.Mode, it.Size)
			if it.IsDir() {
				visit(it)
			}
		}
	}
	visit(tr.Root())
	err := x.Attached(t.Context(), s.Serial, func(kind index.Attachment, at uint64, data []byte) error {
		fmt.Fprintf(&out, "%c %d %x\n", kind, at, data)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestAPackGivesAnotherIndexTheSame(t *testing.T) {
	from, into, dir := open(t), open(t), t.TempDir()
	plant(t, from, "a.tar.gz", "1", 40)
	plant(t, from, "b.tar.gz", "2", 40) // most nodes are those of the first
	file := export(t, from, dir)
	if again := export(t, from, dir); again != file {
		t.Errorf("the same state is exported as %s and %s", file, again)
	}
	for _, want := range []Result{{New: 2}, {Known: 2}} {
		if got, err := Read(t.Context(), into, file, same); err != nil || got != want {
			t.Fatalf("read: %+v, %v; want %+v", got, err, want)
		}
	}
	for _, key := range []string{"a.tar.gz", "b.tar.gz"} {
		old, err := from.Snapshot(t.Context(), "offsite", key)
		if err != nil {
			t.Fatal(err)
		}
		s, err := into.Snapshot(t.Context(), "offsite", key)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := listing(t, from, old), listing(t, into, s); a != b || a == "" {
			t.Errorf("%s: not the same:\n%.300s\n%.300s", key, a, b)
		}
		if _, err := into.Get(t.Context(), s.Parts); err != nil {
			t.Error(err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("in the directory: %v, %v", left, err)
	}
}

func TestANewerSnapshotOfAnIndexStays(t *testing.T) {
	from, into := open(t), open(t)
	plant(t, from, "a.tar.gz", "old", 3)
	file := export(t, from, t.TempDir())
	newer := plant(t, into, "a.tar.gz", "new", 4)
	newer.Indexed = newer.Indexed.Add(time.Hour)
	if err := into.PutSnapshot(t.Context(), newer); err != nil {
		t.Fatal(err)
	}
	got, err := Read(t.Context(), into, file, same)
	if s, snapshotErr := into.Snapshot(t.Context(), "offsite", "a.tar.gz"); err != nil || snapshotErr != nil || got != (Result{Known: 1}) || s.Fingerprint != "new" {
		t.Errorf("read %+v, %v; now %v", got, err, s)
	}
}

func TestSnapshotsThatNobodyWantsAreNotTaken(t *testing.T) {
	from, into := open(t), open(t)
	plant(t, from, "a.tar.gz", "1", 3)
	file := export(t, from, t.TempDir())
	unwanted := errors.New("not configured")
	if _, err := Read(t.Context(), into, file, func(string) (string, error) { return "", unwanted }); !errors.Is(err, unwanted) {
		t.Errorf("error %v", err)
	}
	got, err := Read(t.Context(), into, file, func(string) (string, error) { return "second", nil })
	if _, snapshotErr := into.Snapshot(t.Context(), "second", "a.tar.gz"); err != nil || snapshotErr != nil || got.New != 1 {
		t.Errorf("under another name: %+v, %v, %v", got, err, snapshotErr)
	}
}

// forge writes a pack with records of our own.
func forge(t testing.TB, dir, head string, records ...[]byte) string {
	t.Helper()
	var out bytes.Buffer
	out.WriteString(head)
	packer, err := zstd.NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	packer.Write(bytes.Join(records, nil))
	packer.Close()
	sum := sha256.Sum256(out.Bytes())
	file := filepath.Join(dir, hex.EncodeToString(sum[:])+Suffix)
	if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func record(kind byte, data []byte) []byte {
	return append(binary.AppendUvarint([]byte{kind}, uint64(len(data))), data...)
}

// records are those of a pack.
func records(t testing.TB, file string) (all [][]byte) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	unpacker, err := zstd.NewReader(bytes.NewReader(data[len(magic):]))
	if err != nil {
		t.Fatal(err)
	}
	defer unpacker.Close()
	text, err := io.ReadAll(unpacker)
	if err != nil {
		t.Fatal(err)
	}
	for len(text) > 0 {
		n, size := binary.Uvarint(text[1:])
		all = append(all, text[:1+size+int(n)])
		text = text[1+size+int(n):]
	}
	return all
}

func TestForgedPacksAreRefusedAndLeaveNoSnapshot(t *testing.T) {
	from, dir := open(t), t.TempDir()
	whole := plant(t, from, "a.tar.gz", "1", 40)
	good := records(t, export(t, from, dir))
	first := slices.IndexFunc(good, func(r []byte) bool { return r[0] == kindNode })
	forged := func(change func(s *backup.Snapshot)) []byte {
		s := *whole
		s.Files = slices.Clone(s.Files)
		change(&s)
		return record(kindSnapshot, index.EncodeSnapshot(&s))
	}
	end := record(kindEnd, []byte{1})
	for name, c := range map[string]struct {
		head    string
		records [][]byte
		want    error
	}{
		"another version":            {"slotfs pack 1\n999\n", good, ErrFormat},
		"no pack":                    {"#!/bin/sh\n", nil, ErrFormat},
		"cut":                        {magic, good[:len(good)-2], ErrDamaged},
		"without its end":            {magic, good[:len(good)-1], ErrDamaged},
		"a node is missing":          {magic, slices.Delete(slices.Clone(good), first+1, first+2), ErrDamaged},
		"a node that is none":        {magic, [][]byte{forged(func(s *backup.Snapshot) { s.Parts, s.Root.Child = backup.Hash{}, tree.Sum([]byte("x")) }), record(kindNode, []byte("x")), record(kindWhole, nil), end}, ErrDamaged},
		"no files":                   {magic, [][]byte{forged(func(s *backup.Snapshot) { s.Files = nil }), record(kindWhole, nil), end}, ErrDamaged},
		"a path that leads outside":  {magic, [][]byte{forged(func(s *backup.Snapshot) { s.Files[0].Path = "a/../../etc/shadow" }), record(kindWhole, nil), end}, ErrDamaged},
		"an absolute path":           {magic, [][]byte{forged(func(s *backup.Snapshot) { s.Files[0].Path = "/etc/shadow" }), record(kindWhole, nil), end}, ErrDamaged},
		"an account that is a path":  {magic, [][]byte{forged(func(s *backup.Snapshot) { s.Account = "../bob" }), record(kindWhole, nil), end}, ErrDamaged},
		"an origin that is outside":  {magic, [][]byte{forged(func(s *backup.Snapshot) { s.Origin = "../srv1" }), record(kindWhole, nil), end}, ErrDamaged},
		"a record that is too large": {magic, [][]byte{binary.AppendUvarint([]byte{kindSnapshot}, 1<<40)}, ErrDamaged},
		"an unknown record":          {magic, [][]byte{good[0], record('?', make([]byte, 8)), record(kindWhole, nil), end}, ErrDamaged},
		"a point that is none":       {magic, [][]byte{good[0], record('p', make([]byte, 20)), record(kindWhole, nil), end}, ErrDamaged},
		"out of order":               {magic, [][]byte{record(kindWhole, nil)}, ErrDamaged},
		"too few snapshots":          {magic, [][]byte{end}, ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			into := open(t)
			got, err := Read(t.Context(), into, forge(t, t.TempDir(), c.head, c.records...), same)
			if !errors.Is(err, c.want) || got.New != 0 && name != "without its end" {
				t.Errorf("%+v, %v", got, err)
			}
			if all, err := into.Snapshots(t.Context(), ""); err != nil || len(all) != got.New {
				t.Errorf("in the index: %v, %v", all, err)
			}
		})
	}
}

func TestADamagedPackIsKnownByItsName(t *testing.T) {
	from := open(t)
	plant(t, from, "a.tar.gz", "1", 3)
	file := export(t, from, t.TempDir())
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(t.Context(), open(t), file, same); !errors.Is(err, ErrDamaged) {
		t.Errorf("error %v", err)
	}
}

// Little that unpacks to much ends early.
func TestAPackThatUnpacksToTooMuchIsRefused(t *testing.T) {
	zeros := record(kindNode, make([]byte, 32<<20))
	from := open(t)
	plant(t, from, "a.tar.gz", "1", 3)
	all := records(t, export(t, from, t.TempDir()))[:1]
	for range 12 {
		all = append(all, zeros)
	}
	if _, err := Read(t.Context(), open(t), forge(t, t.TempDir(), magic, all...), same); !errors.Is(err, ErrDamaged) {
		t.Errorf("error %v", err)
	}
}

func FuzzRead(f *testing.F) {
	from := open(f)
	plant(f, from, "a.tar.gz", "1", 3)
	f.Add(bytes.Join(records(f, export(f, from, f.TempDir())), nil))
	f.Add(record(kindEnd, []byte{0}))
	into := open(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := Read(t.Context(), into, forge(t, t.TempDir(), magic, text), same)
		if err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("%+v, %v", got, err)
		}
	})
}
