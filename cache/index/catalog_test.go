package index

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"slotfs/indexer/backup"
)

func snapshot(destination, key string, serial uint64) *backup.Snapshot {
	return &backup.Snapshot{
		Source: backup.Source{Account: "alice", Name: "2026-01-05", Kind: backup.TarGzip,
			Files: []backup.File{{Path: key, Size: 5, MTime: 6}}},
		Destination: destination, Serial: serial, Status: backup.Complete,
		Counts: backup.Counts{backup.Email: 3}, Owner: &backup.Owner{UID: 1000, GID: 1001},
	}
}

func putSnapshot(t testing.TB, x *Index, s *backup.Snapshot) {
	t.Helper()
	if err := x.PutSnapshot(t.Context(), s); err != nil {
		t.Fatal(err)
	}
}

func keys(t testing.TB, x *Index, destination string) (found []string) {
	t.Helper()
	all, err := x.Snapshots(t.Context(), destination)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		found = append(found, s.Destination+":"+s.Key())
	}
	return found
}

//check:without it takes seconds
func TestCatalogIsSortedAndSurvives(t *testing.T) {
	dir := t.TempDir()
	x := open(t, dir)
	raw := "srv1/2026-01-05/\xff\x00\xfe.tar.gz"
	for _, s := range []*backup.Snapshot{snapshot("b", "x", 1), snapshot("aa", "z", 2), snapshot("b", raw, 3),
		snapshot("aa", "y", 4), snapshot("c", "gone", 5)} {
		putSnapshot(t, x, s)
	}
	if err := x.DeleteSnapshot(t.Context(), "c", "gone"); err != nil {
		t.Fatal(err)
	}
	if err := x.DeleteSnapshot(t.Context(), "c", "never"); err != nil {
		t.Errorf("delete what is not there: %v", err)
	}
	check := func(x *Index) {
		t.Helper()
		if got, want := keys(t, x, ""), []string{"aa:y", "aa:z", "b:" + raw, "b:x"}; !reflect.DeepEqual(got, want) {
			t.Errorf("all: %q, want %q", got, want)
		}
		if got, want := keys(t, x, "b"), []string{"b:" + raw, "b:x"}; !reflect.DeepEqual(got, want) {
			t.Errorf("b: %q, want %q", got, want)
		}
		got, err := x.Snapshot(t.Context(), "b", raw)
		if err != nil {
			t.Fatal(err)
		}
		want := snapshot("b", raw, 3)
		want.Time, want.Indexed = got.Time, got.Indexed
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v\nwant %+v", got, want)
		}
		if _, err := x.Snapshot(t.Context(), "b", "y"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("missing record: %v", err)
		}
	}
	check(x)
	check(open(t, image(t, x)))
	x.Close()
	check(open(t, dir))
}

func TestRecordsOfCallersAreTheirOwn(t *testing.T) {
	x := open(t, t.TempDir())
	s := snapshot("d", "k", 1)
	putSnapshot(t, x, s)
	s.Counts[backup.Email], s.Files[0].Size, s.Owner.UID = 99, 99, 99
	got, _ := x.Snapshot(t.Context(), "d", "k")
	got.Counts[backup.Files], got.Files[0].MTime, got.Status = 99, 99, backup.Corrupt
	got, _ = x.Snapshot(t.Context(), "d", "k")
	want := snapshot("d", "k", 1)
	want.Time, want.Indexed = got.Time, got.Indexed
	if !reflect.DeepEqual(got, want) {
		t.Errorf("record changed: %+v", got)
	}
}

func TestThoseWhoLookShareRecordsThatAreReplacedAndNotChanged(t *testing.T) {
	x := open(t, t.TempDir())
	look := func() []*backup.Snapshot {
		t.Helper()
		all, err := Catalog{x}.Snapshots(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	putSnapshot(t, x, snapshot("d", "k", 1))
	putSnapshot(t, x, snapshot("e", "k", 2))
	first, second := look(), look()
	if len(first) != 2 || first[0] != second[0] {
		t.Errorf("%d records, each copied for those who look: %t", len(first), first[0] != second[0])
	}
	clear(second) // the list is the caller's
	putSnapshot(t, x, snapshot("d", "k", 3))
	if now := look(); now[0].Serial != 3 || first[0].Serial != 1 {
		t.Errorf("serial %d now, and %d for who looked before", now[0].Serial, first[0].Serial)
	}
	if of, err := (Catalog{x}).Snapshots(t.Context(), "e"); err != nil || len(of) != 1 || of[0].Serial != 2 {
		t.Errorf("of one destination: %v, %v", of, err)
	}
}

//check:without it takes seconds
func TestStatesComeAndGo(t *testing.T) {
	dir := t.TempDir()
	x := open(t, dir)
	u := &backup.Unfinished{Serial: 9, Fingerprint: "f", Scan: []byte{1, 0, 255},
		Root: backup.Entry{Mode: backup.ModeDir, Count: 4}, Kept: map[string]backup.Hash{"a\xff": {1}}}
	if err := x.SaveState(t.Context(), "d", "k", u); err != nil {
		t.Fatal(err)
	}
	got, err := open(t, image(t, x)).LoadState(t.Context(), "d", "k")
	if err != nil || !reflect.DeepEqual(got, u) {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := x.LoadState(t.Context(), "d", "other"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("other: %v", err)
	}
	putSnapshot(t, x, snapshot("d", "k", 9))
	if _, err := x.LoadState(t.Context(), "d", "k"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after the snapshot: %v", err)
	}
	if err := x.SaveState(t.Context(), "d", "k", u); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := x.DropState(t.Context(), "d", "k"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := x.LoadState(t.Context(), "d", "k"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after DropState: %v", err)
	}
	x.Close()
	open(t, dir)
}

func TestLostCatalogRecordIsDamage(t *testing.T) {
	dir := t.TempDir()
	x := open(t, dir)
	putSnapshot(t, x, snapshot("d", "k", 1))
	if err := x.deleteKeys([][]byte{snapshotKey(source{"d", "k"})}); err != nil {
		t.Fatal(err)
	}
	x.Close()
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrDamaged) {
		t.Errorf("error is %v", err)
	}
}

//check:without it takes seconds
func TestSerialsAreNeverReused(t *testing.T) {
	x := open(t, t.TempDir())
	last := uint64(0)
	for range 3 {
		for range leaseSize/2 + 3 {
			n, err := x.NextSerial()
			if err != nil || n <= last {
				t.Fatalf("serial %d after %d, %v", n, last, err)
			}
			last = n
		}
		x = open(t, image(t, x))
	}
}

// fill gives every field a value that is not zero.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(int64(-*n))
	case reflect.Uint8, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(*n % 250))
	case reflect.String:
		v.SetString("s\x00\xff" + string(rune('a'+*n%26)))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n)
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 3 {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(key, n)
			fill(value, n)
			v.SetMapIndex(key, value)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(int64(*n), 5).UTC()))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	}
}

func TestRecordsKeepEveryField(t *testing.T) {
	for _, v := range []any{new(backup.Snapshot), new(backup.Unfinished)} {
		n := 0
		fill(reflect.ValueOf(v).Elem(), &n)
		for _, v := range []any{v, reflect.New(reflect.TypeOf(v).Elem()).Interface()} {
			got := reflect.New(reflect.TypeOf(v).Elem()).Interface()
			if err := decodeRecord(encodeRecord(v), got); err != nil {
				t.Fatal(err)
			}
			if string(encodeRecord(got)) != string(encodeRecord(v)) {
				t.Errorf("got %+v\nwant %+v", got, v)
			}
		}
		got := reflect.New(reflect.TypeOf(v).Elem()).Interface()
		if decodeRecord(encodeRecord(v), got); !reflect.DeepEqual(got, v) {
			t.Errorf("got %+v\nwant %+v", got, v)
		}
	}
}

// layoutOf describes what encodeRecord makes of a type.
func layoutOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Struct:
		if t == reflect.TypeFor[time.Time]() {
			return "time;"
		}
		var b strings.Builder
		for i := range t.NumField() {
			b.WriteString(t.Field(i).Name + " " + layoutOf(t.Field(i).Type))
		}
		return "{" + b.String() + "}"
	case reflect.Slice, reflect.Pointer:
		return t.Kind().String() + " " + layoutOf(t.Elem())
	case reflect.Array:
		return fmt.Sprintf("[%d]", t.Len()) + layoutOf(t.Elem())
	case reflect.Map:
		return "map " + layoutOf(t.Key()) + layoutOf(t.Elem())
	}
	return t.Kind().String() + ";"
}

// The layouts that the structs of records had when they were first written with the number of their fields.
var committedLayouts = []string{
	"{Source {Origin string;Account string;System bool;Loose bool;Name string;Time time;Kind string;Files slice {Path string;Size int64;MTime int64;",
	"}Fingerprint string;Mark string;Order uint64;Fault string;Detail string;",
	"Destination string;Serial uint64;Status string;Detail string;Stable bool;Indexed time;Root {Name string;Mode uint32;UID uint32;GID uint32;Size int64;MTime int64;Nlink uint32;Offset int64;Target string;Link string;Rdev uint64;Xattrs slice {Name string;Value string;}Sparse slice {Offset int64;Length int64;}Child [20]uint8;Count uint64;Attributed bool;",
	"Parts [20]uint8;Counts map string;int;Content int64;Refused uint64;Owner ptr {UID uint32;GID uint32;}",
}

func TestFieldsOfRecordsAreOnlyAppended(t *testing.T) {
	layout := layoutOf(reflect.TypeFor[backup.Snapshot]())
	for _, want := range committedLayouts {
		at := strings.Index(layout, want)
		if at < 0 {
			t.Fatalf("%q is no longer in the layout of snapshots, %q", want, layout)
		}
		layout = layout[at+len(want):]
	}
}

func TestRecordsOfTheFirstFormatAreRead(t *testing.T) {
	for name, v := range map[string]any{"snapshot": new(backup.Snapshot), "unfinished": new(backup.Unfinished)} {
		data, err := os.ReadFile(filepath.Join("testdata", "first-"+name))
		if err != nil {
			t.Fatal(err)
		}
		if err := decodeRecord(data, v); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	var s backup.Snapshot
	data, _ := os.ReadFile(filepath.Join("testdata", "first-snapshot"))
	if decodeRecord(data, &s); s.Owner == nil || s.Origin == "" || s.Root.Count == 0 || s.Reader != 0 || s.Notes != nil {
		t.Errorf("read %+v", s)
	}
}

func TestRecordOfALaterVersionIsRefused(t *testing.T) {
	later := struct{ A, B, C uint64 }{1, 2, 3}
	var now struct{ A, B uint64 }
	if err := decodeRecord(encodeRecord(&later), &now); err == nil {
		t.Error("a record with a further field was read without it")
	}
	if err := decodeRecord(encodeRecord(&now), &later); err != nil || later.C != 3 {
		t.Errorf("record without the last field: %v, %+v", err, later)
	}
}

func FuzzDecodeRecord(f *testing.F) {
	var s backup.Snapshot
	n := 0
	fill(reflect.ValueOf(&s).Elem(), &n)
	f.Add(encodeRecord(&s))
	f.Add([]byte{})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		var s backup.Snapshot
		if decodeRecord(data, &s) == nil {
			var again backup.Snapshot
			if err := decodeRecord(encodeRecord(&s), &again); err != nil {
				t.Errorf("what was read cannot be written: %v", err)
			}
		}
		decodeRecord(data, new(backup.Unfinished))
	})
}
