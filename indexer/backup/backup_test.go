package backup

import (
	"encoding/json"
	"testing"
)

func TestHashIsHexadecimalInJSON(t *testing.T) {
	h := Hash{0: 0xab, 19: 0x01}
	const want = `{"Node":"ab00000000000000000000000000000000000001"}`
	type record struct{ Node Hash }
	text, err := json.Marshal(record{h})
	if err != nil || string(text) != want {
		t.Fatalf("%s, %v", text, err)
	}
	var back record
	if err := json.Unmarshal(text, &back); err != nil || back.Node != h {
		t.Errorf("%v, %v", back, err)
	}
	if h.IsZero() || !(Hash{}).IsZero() {
		t.Error("zero hash mistaken")
	}
}

func TestHashRefusesTextThatIsNone(t *testing.T) {
	for _, text := range []string{"", "ab", "zz00000000000000000000000000000000000001",
		"ab0000000000000000000000000000000000000", "ab000000000000000000000000000000000000012"} {
		var h Hash
		if err := h.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken for %s", text, h)
		}
	}
}

func TestTypesOfEntriesAreToldApart(t *testing.T) {
	for name, c := range map[string]struct {
		mode               uint32
		dir, file, symlink bool
	}{
		"directory": {ModeDir | 0o755, true, false, false},
		"file":      {ModeRegular | 0o4755, false, true, false},
		"symlink":   {ModeSymlink | 0o777, false, false, true},
		"block":     {ModeBlock | 0o600, false, false, false}, // shares a bit with directories
		"socket":    {ModeSocket | 0o600, false, false, false},
		"char":      {ModeChar, false, false, false},
		"fifo":      {ModeFIFO, false, false, false},
		"nothing":   {0o644, false, false, false},
	} {
		e := Entry{Mode: c.mode}
		if e.IsDir() != c.dir || e.IsRegular() != c.file || e.IsSymlink() != c.symlink {
			t.Errorf("%s: directory %v, file %v, symlink %v", name, e.IsDir(), e.IsRegular(), e.IsSymlink())
		}
	}
}

func TestSourceIsKnownByItsFirstFile(t *testing.T) {
	s := Source{Files: []File{{Path: "b/x.tar.gz.part0"}, {Path: "b/x.tar.gz.part1"}}}
	if s.Key() != "b/x.tar.gz.part0" {
		t.Errorf("key %q", s.Key())
	}
}

func TestSnapshotWithoutTreeIsNotReadable(t *testing.T) {
	var s Snapshot
	if s.Readable() {
		t.Error("no root, but readable")
	}
	s.Root.Mode = ModeDir | 0o755
	if !s.Readable() {
		t.Error("a root, but not readable")
	}
}
