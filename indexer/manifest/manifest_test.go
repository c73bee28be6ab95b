package manifest

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"

	"slotfs/indexer/backup"
)

// oneOfEach are entries that use all fields, in order.
func oneOfEach() []*Entry {
	file := func(path string, e backup.Entry) *Entry {
		e.Name = path[lastSlash(path)+1:]
		return &Entry{Path: path, Entry: e}
	}
	full := file("dir/\xff\xfe", backup.Entry{Mode: backup.ModeRegular | 0o4755, UID: math.MaxUint32, GID: 5, Size: math.MaxInt64 - backup.CheckedWhole - 1,
		MTime: backup.MinNanoSeconds*1e9 + 1, Far: -backup.MaxSeconds, Nlink: math.MaxUint32, Offset: 1 << 40,
		Xattrs: []backup.Xattr{{Name: "system.posix_acl_access", Value: "\x00\x01\n"}, {Name: "user.\xff", Value: ""}},
		Sparse: []backup.Extent{{Offset: 0, Length: 4096}, {Offset: 1 << 40, Length: 1}, {Offset: 1 << 41, Length: 0}}})
	full.User, full.Group, full.CTime, full.Inode = "alice", "gr\xffup", math.MaxInt64, math.MaxUint64
	full.Device, full.Hash, full.Flags = 2049, strings.Repeat("0f", 32), Changed|Stale|Racy
	long := file("long", backup.Entry{Mode: backup.ModeRegular | 0o600, Size: backup.CheckedWhole + 1})
	long.Hash, long.Blocks = strings.Repeat("e1", 32), strings.Repeat("\x00\x7f\xff\n", int(backup.Blocks(long.Size)))
	escaped := file("Escaped", backup.Entry{Mode: backup.ModeRegular, Size: 1, Stored: Escape("Escaped")})
	escaped.Flags = Missing
	return []*Entry{
		file("", backup.Entry{Mode: backup.ModeDir | 0o711, UID: 1, MTime: 1767225600_250000000}),
		escaped,
		file("dir", backup.Entry{Mode: backup.ModeDir | 0o1777, MTime: -1}),
		file("dir/new\nline \"quoted\" \\ \x01\x1f\x7f ü \u2028", backup.Entry{Mode: backup.ModeRegular, Sparse: []backup.Extent{}}),
		full,
		file("dir.txt", backup.Entry{Mode: backup.ModeSymlink | 0o777, Target: "../\xff", MTime: -1500000000}),
		file("fifo", backup.Entry{Mode: backup.ModeFIFO | 0o600}),
		file("hard", backup.Entry{Mode: backup.ModeRegular, Link: "dir/\xff\xfe", Nlink: 2, Size: 3}),
		long,
		file("null", backup.Entry{Mode: backup.ModeChar | 0o666, Rdev: 0x103}),
		file("sda", backup.Entry{Mode: backup.ModeBlock, Rdev: math.MaxUint64}),
		file("socket", backup.Entry{Mode: backup.ModeSocket | 0o777, MTime: 1}),
		file("year2603", backup.Entry{Mode: backup.ModeFIFO, MTime: backup.MaxNanoSeconds*1e9 + 25e7, Far: 20_000_000_000}),
	}
}

func write(t testing.TB, entries []*Entry) ([]byte, File) {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := w.Write(e); err != nil {
			t.Fatal(err)
		}
	}
	file, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), file
}

func read(from io.Reader) ([]*Entry, error) {
	r, err := NewReader(from)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var all []*Entry
	for {
		e, err := r.Next()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, e)
	}
}

func TestEntriesComeBackAsTheyWereWritten(t *testing.T) {
	want := oneOfEach()
	data, file := write(t, want)
	got, err := read(iotest.OneByteReader(bytes.NewReader(data)))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%v\ngot  %+v\nwant %+v", err, got, want)
	}
	if file.Size != int64(len(data)) || file.Entries != int64(len(want)) || file.Bytes != math.MaxInt64 {
		t.Errorf("%+v", file)
	}
}

// TestOtherProgramsReadManifests reads one with nothing but zstd, JSON, base64 and SHA-256, as a script would.
func TestOtherProgramsReadManifests(t *testing.T) {
	data, _ := write(t, oneOfEach())
	decoder, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	text, err := decoder.DecodeAll(data, nil)
	if err != nil {
		t.Fatal(err)
	}
	lines := slices.Collect(bytes.Lines(text))
	var got []string
	for _, line := range lines {
		var fields map[string]any
		if err := json.Unmarshal(line, &fields); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		raw := func(field string) string {
			if coded, ok := fields[field+"64"].(string); ok {
				decoded, err := base64.StdEncoding.DecodeString(coded)
				if err != nil {
					t.Error(err)
				}
				return string(decoded)
			}
			text, _ := fields[field].(string)
			return text
		}
		got = append(got, fmt.Sprintf("%q %v %v %v %q", raw("path"), fields["type"], fields["mode"], fields["mtime"], raw("target")))
		if fields["end"] == true && fields["sha256"] != fmt.Sprintf("%x", sha256.Sum256(bytes.Join(lines[:len(lines)-1], nil))) {
			t.Errorf("hash of the last line: %s", line)
		}
	}
	for _, want := range []string{`"" dir 0711 1767225600.25 ""`, `"dir/\xff\xfe" file 4755 -9223371974719179006.999999999 ""`,
		`"dir.txt" symlink 0777 -1.5 "../\xff"`} {
		if !slices.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, strings.Join(got, "\n"))
		}
	}
}

// many are n entries that take several frames.
func many(n int) []*Entry {
	all := []*Entry{{Entry: backup.Entry{Mode: backup.ModeDir | 0o755}}}
	for i := range n {
		e := &Entry{Path: fmt.Sprintf("mail/%07d.M%dP%d.server12.example.net,S=%d", i, i*7919%1000000, i%4096, i),
			Entry: backup.Entry{Mode: backup.ModeRegular | 0o640, UID: 1001, GID: 1001, Size: int64(i), MTime: 1767225600e9 + int64(i)*1234567891,
				Nlink: 1},
			User: "alice", Group: "alice", CTime: 1767225600e9 + int64(i)*1234567891, Inode: uint64(1<<20 + i), Device: 2049,
			Digest: Digest{Hash: fmt.Sprintf("%064x", uint64(i)*0x9e3779b97f4a7c15)}}
		e.Name = e.Path[5:]
		all = append(all, e)
	}
	return all
}

//check:without it takes seconds
func TestCutAndDamagedManifestsAreNoticed(t *testing.T) {
	data, _ := write(t, many(9000))
	var frames []int // where frames end
	for i := 4; i < len(data); i++ {
		if bytes.HasPrefix(data[i:], []byte{0x28, 0xb5, 0x2f, 0xfd}) {
			frames = append(frames, i)
		}
	}
	if len(frames) < 2 {
		t.Fatal("two frames only")
	}
	cuts := slices.Concat(frames, []int{0, 1, 3, 10, len(data) / 2, len(data) - 1})
	for _, n := range cuts {
		if got, err := read(bytes.NewReader(data[:n])); !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, errDamaged) || err == io.EOF {
			t.Errorf("cut at %d: %d entries, %v", n, len(got), err)
		}
	}
	for i := 0; i < len(data); i += 9973 {
		damaged := bytes.Clone(data)
		damaged[i] ^= 0x10
		if got, err := read(bytes.NewReader(damaged)); err == nil {
			t.Errorf("byte %d: %d entries, no error", i, len(got))
		}
	}
	if got, err := read(bytes.NewReader(append(bytes.Clone(data), data...))); err == nil {
		t.Errorf("twice the manifest: %d entries, no error", len(got))
	}
	if got, err := read(bytes.NewReader(append(data[:frames[0]:frames[0]], data[frames[len(frames)-1]:]...))); err == nil {
		t.Errorf("a frame left out: %d entries, no error", len(got))
	}
}

func TestErrorsOfTheSourceAreNoDamage(t *testing.T) {
	data, _ := write(t, many(9000))
	lost := errors.New("connection lost")
	for _, n := range []int{0, 100, len(data) / 2, len(data) - 1, len(data)} {
		_, err := read(io.MultiReader(bytes.NewReader(data[:n]), iotest.ErrReader(lost)))
		if !errors.Is(err, lost) || errors.Is(err, errDamaged) {
			t.Errorf("after %d of %d bytes: %v", n, len(data), err)
		}
	}
}

func TestOnlyTheFileThatTheStateNamesIsTakenForIt(t *testing.T) {
	data, file := write(t, oneOfEach())
	for name, c := range map[string]struct {
		spoil func(*File)
		ok    bool
	}{
		"same":    {func(*File) {}, true},
		"size":    {func(f *File) { f.Size++ }, false},
		"hash":    {func(f *File) { f.SHA256 = strings.Repeat("0", 64) }, false},
		"entries": {func(f *File) { f.Entries-- }, false},
		"bytes":   {func(f *File) { f.Bytes-- }, false},
	} {
		want := file
		c.spoil(&want)
		r, err := NewCheckedReader(bytes.NewReader(data), want)
		for err == nil {
			_, err = r.Next()
		}
		if (err == io.EOF) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
		r.Close()
	}
}

func TestWriterRefusesWhatCannotBe(t *testing.T) {
	dir := backup.Entry{Mode: backup.ModeDir}
	file := backup.Entry{Mode: backup.ModeRegular, Size: 10}
	long := backup.Entry{Mode: backup.ModeRegular, Size: backup.CheckedWhole + 1}
	blocks := strings.Repeat("sum0", int(backup.Blocks(long.Size)))
	with := func(e backup.Entry, change func(*backup.Entry)) backup.Entry { change(&e); return e }
	for name, c := range map[string]Entry{
		"path up":         {Path: "a/../b", Entry: file},
		"path dot":        {Path: "./a", Entry: file},
		"path rooted":     {Path: "/a", Entry: file},
		"path ends":       {Path: "a/", Entry: dir},
		"path with NUL":   {Path: "a\x00", Entry: file},
		"long path":       {Path: strings.Repeat("a/", MaxPath/2) + "a", Entry: file},
		"deep path":       {Path: strings.Repeat("a/", MaxDepth) + "a", Entry: file},
		"long name":       {Path: strings.Repeat("a", MaxName+1), Entry: file},
		"no type":         {Path: "z", Entry: backup.Entry{Mode: 0o644}},
		"strange mode":    {Path: "z", Entry: backup.Entry{Mode: 0o200000 | backup.ModeRegular}},
		"negative size":   {Path: "z", Entry: with(file, func(e *backup.Entry) { e.Size = -1 })},
		"no target":       {Path: "z", Entry: backup.Entry{Mode: backup.ModeSymlink}},
		"target":          {Path: "z", Entry: with(file, func(e *backup.Entry) { e.Target = "x" })},
		"linked folder":   {Path: "z", Entry: with(dir, func(e *backup.Entry) { e.Link = "a" })},
		"linked to later": {Path: "z", Entry: with(file, func(e *backup.Entry) { e.Link = "zz" })},
		"linked to self":  {Path: "z", Entry: with(file, func(e *backup.Entry) { e.Link = "z" })},
		"sparse folder":   {Path: "z", Entry: with(dir, func(e *backup.Entry) { e.Sparse = []backup.Extent{} })},
		"sparse beyond":   {Path: "z", Entry: with(file, func(e *backup.Entry) { e.Sparse = []backup.Extent{{Offset: 8, Length: 3}} })},
		"sparse back": {Path: "z", Entry: with(file, func(e *backup.Entry) {
			e.Sparse = []backup.Extent{{Offset: 5, Length: 1}, {Offset: 4, Length: 1}}
		})},
		"unsorted xattrs": {Path: "z", Entry: with(file, func(e *backup.Entry) { e.Xattrs = []backup.Xattr{{Name: "b"}, {Name: "a"}} })},
		"large xattr": {Path: "z", Entry: with(file, func(e *backup.Entry) {
			e.Xattrs = []backup.Xattr{{Name: "b", Value: strings.Repeat("x", MaxXattrs)}}
		})},
		"hash":                    {Path: "z", Entry: file, Digest: Digest{Hash: "ABC"}},
		"blocks of a short file":  {Path: "z", Entry: file, Digest: Digest{Hash: strings.Repeat("0f", 32), Blocks: "sum0"}},
		"blocks without a hash":   {Path: "z", Entry: long, Digest: Digest{Blocks: blocks}},
		"too few blocks":          {Path: "z", Entry: long, Digest: Digest{Hash: strings.Repeat("0f", 32), Blocks: blocks[4:]}},
		"half a block's checksum": {Path: "z", Entry: long, Digest: Digest{Hash: strings.Repeat("0f", 32), Blocks: blocks + "x"}},
		"removed":                 {Path: "z", Entry: file, Flags: Removed},
		"flags":                   {Path: "z", Entry: file, Flags: 1 << 7},
		"out of order":            {Path: "file", Entry: file},
		"same again":              {Path: "m", Entry: file},
		"below a file":            {Path: "m/x", Entry: file},
	} {
		w, err := NewWriter(io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(&Entry{Path: "m", Entry: file}); err != nil {
			t.Fatal(err)
		}
		if err := w.Write(&c); err == nil {
			t.Errorf("%s: written", name)
		}
		if err := w.Write(&Entry{Path: "zzz", Entry: file}); err != nil {
			t.Errorf("%s: the next one is refused: %v", name, err)
		}
	}
}
