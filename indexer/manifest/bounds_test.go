package manifest

import (
	"bytes"
	"errors"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"slotfs/indexer/backup"
)

func TestLargestEntryIsReadBack(t *testing.T) {
	path := strings.Repeat(strings.Repeat("\x01", 255)+"/", MaxPath/256-1) + "end"
	e := &Entry{Path: path, Entry: backup.Entry{Name: "end", Mode: backup.ModeRegular, Size: 1 << 62,
		Link:   path[:len(path)-1],
		Xattrs: []backup.Xattr{{Name: "user.large", Value: strings.Repeat("x", MaxXattrs-26)}}}}
	for i := range int64(MaxExtents) {
		e.Sparse = append(e.Sparse, backup.Extent{Offset: 1<<61 + i*1e12, Length: 1e11})
	}
	data, _ := write(t, []*Entry{e})
	got, err := read(bytes.NewReader(data))
	if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], e) {
		t.Fatal(err)
	}
}

func TestEndlessLineIsRefusedInLittleMemory(t *testing.T) {
	var bomb bytes.Buffer
	encoder, err := zstd.NewWriter(&bomb)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(encoder, manifestHead)
	for range 64 {
		encoder.Write(make([]byte, 1<<20))
	}
	encoder.Close()
	r, err := NewReader(&bomb)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err = r.Next(); err == nil || cap(r.long) > 2*maxLine {
		t.Errorf("%v with a buffer of %d bytes", err, cap(r.long))
	}
}

func TestJournalKeepsTheOrderOfWriting(t *testing.T) {
	var out bytes.Buffer
	w, err := NewJournalWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	file := backup.Entry{Name: "b", Mode: backup.ModeRegular, Size: 1}
	want := []*Entry{{Path: "b", Entry: file}, {Path: "a", Entry: backup.Entry{Name: "a"}, Flags: Removed},
		{Path: "b", Entry: file, Flags: Durable}}
	for _, e := range want {
		if err := w.Write(e); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := NewReader(bytes.NewReader(out.Bytes()))
	if err != nil || !r.Journal() {
		t.Fatal(err)
	}
	r.Close()
	if got, err := read(&out); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestPathsAreOrderedByTheirElements(t *testing.T) {
	sorted := []string{"", "a", "a/b", "a/b/c", "a/b-c", "a/\xff", "a\x01", "a!", "a-b", "a.txt", "ab", "b", "\xff"}
	for i, a := range sorted {
		for j, b := range sorted {
			if got := Compare(a, b); (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("%q and %q: %d", a, b, got)
			}
		}
	}
}

func TestWriterTellsThatTheDestinationFailed(t *testing.T) {
	w, err := NewWriter(failing{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(&Entry{Entry: backup.Entry{Mode: backup.ModeDir}}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := w.Close(); !errors.Is(err, io.ErrShortWrite) {
			t.Error(err)
		}
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

// TestSizesMayAddUpToMoreThanANumberHolds has two sparse files that anybody can make.
func TestSizesMayAddUpToMoreThanANumberHolds(t *testing.T) {
	var out bytes.Buffer
	w, err := NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"", "a", "b"} {
		e := Entry{Path: path, Entry: backup.Entry{Name: path, Mode: backup.ModeDir | 0o755}}
		if path != "" {
			e.Mode, e.Size, e.Sparse = backup.ModeRegular|0o644, 7<<60, []backup.Extent{}
		}
		if err := w.Write(&e); err != nil {
			t.Fatal(err)
		}
	}
	file, err := w.Close()
	if err != nil || file.Bytes != math.MaxInt64 {
		t.Fatalf("%+v, %v", file, err)
	}
	r, err := NewReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for range 3 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("the end: %v", err)
	}
}
