package backup

import (
	"bytes"
	"reflect"
	"slices"
	"testing"
)

func sampleParts() *Parts {
	return &Parts{Full: "cpmove-alice", Grafts: []Graft{
		{Kind: Files, Path: "files", From: "cpmove-alice/homedir"},
		{Kind: Databases, Path: "databases/alice_wp.sql", From: "cpmove-alice/mysql/alice_wp.sql"},
		{Kind: DatabaseUsers, Path: "database-users/alice.sql", Content: []byte("GRANT\x00\xff"), Secret: true},
		{Kind: Email, Path: "email/example.com/info", From: "cpmove-alice/homedir.tar" + NestedSuffix + "/mail/example.com/info"},
	}}
}

func TestPartsComeBackAsTheyWereStored(t *testing.T) {
	for name, p := range map[string]*Parts{"empty": {}, "sample": sampleParts(),
		"no folder": {Grafts: []Graft{{}}}} {
		t.Run(name, func(t *testing.T) {
			data, err := p.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			got := Parts{Full: "left over", Grafts: []Graft{{Path: "left over"}}}
			if err := got.UnmarshalBinary(data); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(&got, p) {
				t.Errorf("got %+v, want %+v", got, *p)
			}
		})
	}
}

func TestEqualPartsHaveEqualBytes(t *testing.T) {
	a, _ := sampleParts().MarshalBinary()
	other := sampleParts()
	other.Grafts[0].Content = []byte{}
	b, _ := other.MarshalBinary()
	if !bytes.Equal(a, b) {
		t.Error("no content and empty content are told apart")
	}
}

func TestDamagedPartsAreRefusedAndChangeNothing(t *testing.T) {
	whole, err := sampleParts().MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	broken := [][]byte{nil, {0}, {2, 0, 0}, append(slices.Clone(whole), 0),
		{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, // a string of 2^64-1 bytes
		{1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1},
	}
	for n := range whole {
		broken = append(broken, whole[:n])
	}
	for _, data := range broken {
		got := Parts{Full: "kept"}
		if err := got.UnmarshalBinary(data); err == nil || got.Full != "kept" || got.Grafts != nil {
			t.Errorf("%x: %v, %+v", data, err, got)
		}
	}
}

func TestFindTakesTheExactPath(t *testing.T) {
	p := sampleParts()
	if g, ok := p.Find("files"); !ok || g.From != "cpmove-alice/homedir" {
		t.Errorf("files: %+v, %v", g, ok)
	}
	for _, path := range []string{"", "file", "files/", "email/example.com", "Files"} {
		if g, ok := p.Find(path); ok {
			t.Errorf("%q finds %+v", path, g)
		}
	}
}

func TestKindsOfPartsAreDifferentDirectories(t *testing.T) {
	seen := map[PartKind]bool{Full: true, Archive: true}
	for _, kind := range PartKinds() {
		if kind == "" || seen[kind] {
			t.Errorf("folder %q twice", kind)
		}
		seen[kind] = true
	}
	PartKinds()[0] = "changed"
	if PartKinds()[0] != Files {
		t.Error("a caller can change the list for everybody")
	}
}

func FuzzParts(f *testing.F) {
	for _, p := range []*Parts{{}, sampleParts(), {Grafts: []Graft{{}, {Secret: true}}}} {
		data, err := p.MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte{1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, data []byte) {
		var p, again Parts
		if p.UnmarshalBinary(data) != nil {
			if p.Full != "" || p.Grafts != nil {
				t.Fatal("refused input left something behind")
			}
			return
		}
		// A graft takes five bytes at least, so that small input cannot make a large list.
		if len(p.Grafts) > len(data)/5 {
			t.Fatalf("%d grafts of %d bytes", len(p.Grafts), len(data))
		}
		stored, err := p.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if err := again.UnmarshalBinary(stored); err != nil || !reflect.DeepEqual(p, again) {
			t.Fatalf("%+v comes back as %+v, %v", p, again, err)
		}
	})
}
