package archive

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slotfs/indexer/backup"
)

func sparseFormats() [][]string {
	return [][]string{
		{"--format=oldgnu"}, {"--format=gnu"},
		{"--format=posix", "--sparse-version=0.0"},
		{"--format=posix", "--sparse-version=0.1"},
		{"--format=posix", "--sparse-version=1.0"},
	}
}

// punched makes a file with data at the given places and nothing between them.
func punched(t testing.TB, path string, size int64, data map[int64]string) {
	t.Helper()
	f, err := os.Create(path)
	must(t, err)
	defer f.Close()
	must(t, f.Truncate(size))
	for at, text := range data {
		_, err := f.WriteAt([]byte(text), at)
		must(t, err)
	}
}

func TestSparseFilesOfEveryFormatKeepTheirHoles(t *testing.T) {
	t.Parallel()
	for _, format := range sparseFormats() {
		t.Run(strings.Join(format, " "), func(t *testing.T) {
			top := t.TempDir()
			punched(t, top+"/hole", 1<<20, nil)
			punched(t, top+"/tail", 1<<20, map[int64]string{0: "begin"})
			punched(t, top+"/head", 1<<20, map[int64]string{1<<20 - 3: "end"})
			punched(t, top+"/huge", 9<<30+5, map[int64]string{8 << 30: "far", 12345: "near"})
			many := map[int64]string{}
			for i := range int64(150) { // more than fit into a header, two blocks of extensions, one of text
				many[i*65536] = fmt.Sprint("piece ", i)
			}
			punched(t, top+"/many", 150*65536+7, many)
			write(t, top+"/plain", strings.Repeat("data", 3000))
			must(t, os.Link(top+"/many", top+"/zlink"))
			data := pack(t, top, append(format, "--sparse", "--sort=name", ".")...)
			rec, res := scanBytes(t, data, Options{})
			if res.Status != backup.Complete || res.Refused != 0 {
				t.Fatalf("result %+v", res)
			}
			checkSane(t, rec)
			ns := int64(1e9)
			if strings.Contains(format[0], "posix") {
				ns = 1
			}
			rec.members = rec.members[1:] // "."
			compareTree(t, top, data, rec, ns)
			if n := len(rec.find(t, "many").Sparse); n != 150 {
				t.Errorf("%d extents", n)
			}
			if m := rec.find(t, "hole"); len(m.Sparse) != 1 || m.Sparse[0].Length != 0 {
				t.Errorf("hole: %+v", m.Sparse)
			}
			if rec.find(t, "plain").Sparse != nil {
				t.Error("a file without holes has a map")
			}
			huge := rec.find(t, "huge")
			if _, ok := rec.content["huge"]; ok || huge.Size != 9<<30+5 {
				t.Errorf("huge: size %d, delivered %v", huge.Size, ok)
			}
			checkPiece(t, data, huge, 8<<30, "far")
			checkPiece(t, data, huge, 12345, "near")
		})
	}
}

// checkPiece looks for text at a logical offset of m.
func checkPiece(t testing.TB, data []byte, m *Member, at int64, text string) {
	t.Helper()
	from := m.Offset
	for _, x := range m.Sparse {
		if at >= x.Offset && at < x.Offset+x.Length {
			if got := data[from+at-x.Offset:][:len(text)]; string(got) != text {
				t.Errorf("%q at %d, want %q", got, at, text)
			}
			return
		}
		from += x.Length
	}
	t.Errorf("no data at %d in %+v", at, m.Sparse)
}

// TestStoredSizeBeyondOctal has a PAX record "size" for the stored size of a sparse file, which other readers
// take for the logical one.
func TestStoredSizeBeyondOctal(t *testing.T) {
	t.Parallel()
	const stored = 9 << 30
	const logical = 12 << 30
	sparseMap := fmt.Sprintf("1\n%d\n%d\n", int64(logical-stored), int64(stored))
	head := makeHeader("GNUSparseFile.1/big", '0', 0)
	x := pax("size", fmt.Sprint(int64(stored+512)), "GNU.sparse.major", "1", "GNU.sparse.minor", "0",
		"GNU.sparse.name", "big", "GNU.sparse.realsize", fmt.Sprint(int64(logical)))
	front := join(x, head, padded([]byte(sparseMap)))
	rec := &recorder{}
	r := io.MultiReader(bytes.NewReader(front), io.LimitReader(zeroReader{}, stored),
		bytes.NewReader(join(makeHeader("after", '0', 0), make([]byte, 1024))))
	res, err := Scan(context.Background(), r, rec, Options{})
	if err != nil || res.Status != backup.Complete || res.Content != int64(len(front))+stored+1536 {
		t.Fatalf("result %+v, %v", res, err)
	}
	m := rec.find(t, "big")
	if m.Size != logical || m.Stored != stored || m.Offset != int64(len(front)) || len(m.Sparse) != 1 ||
		m.Sparse[0] != (backup.Extent{Offset: logical - stored, Length: stored}) {
		t.Errorf("member %+v", *m)
	}
	rec.find(t, "after")
}

// zeroReader claims to fill the buffer with zeros and does not touch it.
type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) { return len(p), nil }

func TestDamagedSparseMapsLeaveTheMemberOut(t *testing.T) {
	t.Parallel()
	sparse := func(kv ...string) []byte {
		return join(pax(append([]string{"GNU.sparse.size", "100"}, kv...)...), makeHeader("bad", '0', 10), padded(make([]byte, 10)))
	}
	v1 := func(text string) []byte {
		b := []byte(text)
		return join(pax("GNU.sparse.major", "1", "GNU.sparse.minor", "0", "GNU.sparse.realsize", "100"),
			makeHeader("bad", '0', int64(len(b))), padded(b))
	}
	old := func(fields string, extended byte) []byte {
		h := makeHeader("bad", 'S', 10)
		copy(h[257:], "ustar  \x00")
		copy(h[386:], fields)
		h[482] = extended
		copy(h[483:], "00000000144\x00")
		resum(h)
		return join(h, padded(make([]byte, 10)))
	}
	for name, member := range map[string][]byte{
		"descending":       sparse("GNU.sparse.map", "50,5,10,5"),
		"out of bounds":    sparse("GNU.sparse.map", "99,2"),
		"overflow":         sparse("GNU.sparse.map", "1,999999999999999999"),
		"more than stored": sparse("GNU.sparse.map", "0,11"),
		"odd":              sparse("GNU.sparse.map", "0,5,6"),
		"no number":        sparse("GNU.sparse.map", "0,x"),
		"length first":     sparse("GNU.sparse.numbytes", "5"),
		"no size":          join(pax("GNU.sparse.map", "0,5"), makeHeader("bad", '0', 10), padded(make([]byte, 10))),
		"map cut":          v1("3\n1\n"),
		"map of letters":   v1(strings.Repeat("a", 600)),
		"map too long":     v1("9999999\n" + strings.Repeat("1\n", 400)),
		"no map":           v1(""),
		"gnu letters":      old("0000000000x\x0000000000005\x00", 0),
		"gnu more than is": old("00000000000\x0000000000013\x00", 0),
	} {
		t.Run(name, func(t *testing.T) {
			data := join(file("before", "1"), member, file("after", "2"), make([]byte, 1024))
			rec, res := scanBytes(t, data, Options{})
			if res.Status != backup.Corrupt || !strings.Contains(res.Detail, "byte 1024") {
				t.Errorf("result %+v", res)
			}
			if rec.find(t, "before"); len(rec.members) > 2 || rec.members[len(rec.members)-1].Path == "bad" {
				t.Errorf("members %+v", rec.members)
			}
		})
	}
}

//check:without needs pigz and bsdtar
func TestSystemTarAgreesAboutNestedPaths(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	dir := account(t, true)
	run(t, dir, "tar", "-cf", top+"/homedir.tar", "-C", dir+"/homedir", ".")
	write(t, top+"/before", "b")
	write(t, top+"/zlast", "z")
	data := pack(t, top, "--sort=name", "before", "homedir.tar", "zlast")
	rec, res := scanBytes(t, data, Options{})
	if res.Status != backup.Complete || len(rec.members) != 3 {
		t.Fatalf("%+v, %d members", res, len(rec.members))
	}
	rec = &recorder{want: func(m *Member) bool { return m.Path != "homedir.tar" }}
	res, err := Scan(context.Background(), bytes.NewReader(data), rec, Options{
		Nested: func(path string) bool { return path == "homedir.tar" }})
	if err != nil || res.Status != backup.Complete || res.Refused != 0 {
		t.Fatalf("%+v, %v", res, err)
	}
	checkSane(t, rec)
	prefix := "homedir.tar" + backup.NestedSuffix
	if !rec.find(t, prefix).IsDir() {
		t.Error("top of the archive within is no directory")
	}
	inner := &recorder{content: map[string][]byte{}}
	for _, m := range rec.members {
		if path, ok := strings.CutPrefix(m.Path, prefix+"/"); ok {
			inner.content[path] = rec.content[m.Path]
			m.Path = path
			if m.Link != "" {
				m.Link, ok = strings.CutPrefix(m.Link, prefix+"/")
				if !ok {
					t.Errorf("hard link leads outside: %q", m.Link)
				}
			}
			inner.members = append(inner.members, m)
		}
	}
	compareTree(t, filepath.Join(dir, "homedir"), data, inner, 1e9)
	rec.find(t, "zlast")
}
