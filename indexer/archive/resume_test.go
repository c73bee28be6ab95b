package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"slotfs/indexer/backup"
)

// mixed makes an archive with a bit of everything, small.
func mixed(t testing.TB) []byte {
	t.Helper()
	top := t.TempDir()
	punched(t, top+"/s", 300<<10, map[int64]string{0: "a", 70 << 10: "b", 140 << 10: "c", 210 << 10: "d", 280 << 10: "e"})
	write(t, top+"/n/a", "nested")
	write(t, top+"/n/"+strings.Repeat("n", 150), strings.Repeat("long", 200))
	run(t, top, "tar", "-cf", "homedir.tar", "--format=posix", "-C", "n", ".")
	var parts [][]byte
	for _, format := range sparseFormats() {
		part := pack(t, top, append(format, "--blocking-factor=1", "--sparse", "s", "n", "homedir.tar")...)
		parts = append(parts, part[:len(part)-1024])
	}
	dir := account(t, false)
	parts = append(parts, extension('g', paxRecords("uid", "42")), pack(t, dir, "--format=posix", "--blocking-factor=1", "."))
	return join(parts...)
}

func nestedHome(path string) bool { return path == "homedir.tar" }

func wantSome(m *Member) bool { return m.Path != "homedir.tar" && len(m.Name)%2 == 1 }

// chunks reads data in pieces that end at the given offsets at the latest.
type chunks struct {
	data []byte
	size int
}

func (c *chunks) Read(p []byte) (int, error) {
	if len(c.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), c.size)], c.data)
	c.data = c.data[n:]
	return n, nil
}

// split is what a pass saw up to a state.
type split struct {
	state  []byte
	events int
}

// states walks data in pieces of size bytes and collects a state after each where one is due.
func states(t testing.TB, data []byte, size int, o Options) (*recorder, Result, []split) {
	t.Helper()
	rec := &recorder{want: wantSome}
	var all []split
	o.Every = 1
	o.Save = func(state []byte) error {
		if rec.open {
			return errors.New("state within wanted content")
		}
		all = append(all, split{bytes.Clone(state), len(rec.events)})
		return nil
	}
	res, err := Scan(context.Background(), &chunks{data, size}, rec, o)
	if err != nil {
		t.Fatal(err)
	}
	return rec, res, all
}

// checkResume goes on from s and compares with the whole pass.
func checkResume(t testing.TB, data []byte, o Options, s split, whole *recorder, res Result) {
	t.Helper()
	at, err := Start(s.state)
	if err != nil {
		t.Fatal(err)
	}
	rec := &recorder{want: wantSome}
	o.Resume = s.state
	got, err := Scan(context.Background(), bytes.NewReader(data[at:]), rec, o)
	if err != nil || !reflect.DeepEqual(got, res) {
		t.Fatalf("resumed at %d: %+v, %v; whole %+v", at, got, err, res)
	}
	if !slices.Equal(rec.events, whole.events[s.events:]) {
		t.Fatalf("resumed at %d: %d events, want %d\n%q\n%q", at, len(rec.events), len(whole.events)-s.events,
			rec.events, whole.events[s.events:])
	}
}

//check:without needs pigz and bsdtar
func TestResumeGivesTheSameAtEveryBlock(t *testing.T) {
	t.Parallel()
	data := mixed(t)
	o := Options{Nested: nestedHome}
	whole := &recorder{want: wantSome}
	res, err := Scan(context.Background(), bytes.NewReader(data), whole, o)
	if err != nil || res.Status != backup.Complete || res.Refused != 0 {
		t.Fatalf("%+v, %v", res, err)
	}
	for _, size := range []int{512, 700, 200000} {
		rec, got, all := states(t, data, size, o)
		if !reflect.DeepEqual(got, res) || len(rec.content) != len(whole.content) || len(rec.members) != len(whole.members) {
			t.Fatalf("pieces of %d: %+v", size, got)
		}
		if len(all) == 0 {
			t.Fatalf("pieces of %d: no state", size)
		}
		for _, s := range all {
			at, _ := Start(s.state)
			rest := &recorder{want: wantSome}
			o := o
			o.Resume = s.state
			got, err := Scan(context.Background(), iotest.HalfReader(bytes.NewReader(data[at:])), rest, o)
			if err != nil || !reflect.DeepEqual(got, res) || len(rest.members)+countMembers(rec.events[:s.events]) != len(whole.members) {
				t.Fatalf("pieces of %d, resumed at %d: %+v, %v", size, at, got, err)
			}
			checkResume(t, data, o, s, rec, res)
		}
	}
}

func countMembers(events []string) int {
	n := 0
	for _, e := range events {
		if !strings.HasPrefix(e, "content ") {
			n++
		}
	}
	return n
}

//check:without needs pigz and bsdtar
func TestDamagedStatesAreRefused(t *testing.T) {
	t.Parallel()
	data := mixed(t)
	_, _, all := states(t, data, 3000, Options{Nested: nestedHome})
	for _, s := range all[:min(len(all), 60)] {
		for n := range s.state {
			if n > 200 && n%97 != 0 {
				continue
			}
			o := Options{Resume: s.state[:n:n], Nested: nestedHome}
			if _, err := Scan(context.Background(), bytes.NewReader(nil), &recorder{}, o); err == nil {
				t.Fatalf("state of %d bytes cut at %d is taken", len(s.state), n)
			}
		}
		o := Options{Resume: s.state, Gzip: true}
		if _, err := Scan(context.Background(), bytes.NewReader(nil), &recorder{}, o); err == nil {
			t.Fatal("a state of a plain archive is taken for a compressed one")
		}
	}
	if _, err := Start(nil); err == nil {
		t.Error("no state")
	}
}

//check:without needs pigz and bsdtar
func TestArchiveCutAnywhereKeepsWhatArrived(t *testing.T) {
	t.Parallel()
	data := mixed(t)
	whole, _ := scanNested(t, data)
	for n := 0; n < len(data); n += 512 + n/40960*512 {
		for _, cut := range []int{n, n + 100} {
			cut = min(cut, len(data))
			rec, res := scanNested(t, data[:cut])
			if len(rec.events) > len(whole.events) || !slices.Equal(rec.events, whole.events[:len(rec.events)]) {
				t.Fatalf("cut at %d: other events", cut)
			}
			if res.Status == backup.Corrupt || cut == 0 && res.Status != backup.Unreadable {
				t.Fatalf("cut at %d: %+v", cut, res)
			}
			for i := range whole.members {
				if m := &whole.members[i]; m.Offset <= int64(cut) && m.Offset+m.Stored > int64(cut) &&
					res.Status != backup.Truncated {
					t.Fatalf("cut at %d in %q: %+v", cut, m.Path, res)
				}
			}
		}
	}
}

func scanNested(t testing.TB, data []byte) (*recorder, Result) {
	t.Helper()
	rec := &recorder{want: wantSome}
	res, err := Scan(context.Background(), bytes.NewReader(data), rec, Options{Nested: nestedHome})
	if err != nil {
		t.Fatal(err)
	}
	checkSane(t, rec)
	return rec, res
}

//check:without needs pigz and bsdtar
func TestFlippedBytesKeepEarlierMembers(t *testing.T) {
	t.Parallel()
	data := mixed(t)
	whole, _ := scanNested(t, data)
	for at := 0; at < len(data); at += 1 + at/50 {
		damaged := bytes.Clone(data)
		damaged[at] ^= 1 << (at % 8)
		rec, _ := scanNested(t, damaged)
		i := 0
		for i+1 < len(whole.members) && whole.members[i+1].Header <= int64(at) {
			i++
		}
		for j := range i {
			if !reflect.DeepEqual(rec.members[j], whole.members[j]) {
				t.Fatalf("flipped %d: member %d is %+v, was %+v", at, j, rec.members[j], whole.members[j])
			}
		}
	}
}

// TestStandardLibraryAgrees compares ordinary archives with archive/tar.
//
//check:without needs pigz and bsdtar
func TestStandardLibraryAgrees(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"v7", "oldgnu", "gnu", "ustar", "posix"} {
		data := pack(t, account(t, format != "v7" && format != "ustar"), "--format="+format, ".")
		rec, _ := scanBytes(t, data, Options{})
		r := tar.NewReader(bytes.NewReader(data))
		for i := range rec.members {
			h, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			m := &rec.members[i]
			content, err := io.ReadAll(r)
			must(t, err)
			path, _ := clean(nil, []byte(h.Name))
			if m.Path != string(path) || m.UID != uint32(h.Uid) || m.GID != uint32(h.Gid) || m.MTime != h.ModTime.UnixNano() ||
				int64(m.Mode&backup.ModePerm) != h.Mode&backup.ModePerm || m.Link == "" && m.Target != h.Linkname ||
				m.IsRegular() && m.Size != h.Size {
				t.Errorf("%s: %+v, archive/tar %+v", format, *m, *h)
			}
			if m.IsRegular() && !bytes.Equal(content, data[m.Offset:][:m.Stored]) {
				t.Errorf("%s: %q has other bytes", format, m.Path)
			}
		}
		if _, err := r.Next(); err != io.EOF {
			t.Errorf("%s: archive/tar goes on: %v", format, err)
		}
	}
}

// TestHintsComeForLargeMembers checks that offsets lie in the bytes handed over last or later.
func TestHintsComeForLargeMembers(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("large", 1<<19)
	inner := join(file("small", "s"), file("in", large), make([]byte, 1024))
	data := join(file("small", "s"), pax("path", "p"), file("big", large), file("homedir.tar", string(inner)), make([]byte, 1024))
	w := newWalker(&recorder{}, nestedHome)
	var hints []int64
	var chunk int64
	w.hint = func(off int64) {
		if off < chunk {
			t.Errorf("hint %d lies before %d", off, chunk)
		}
		hints = append(hints, off)
	}
	for chunk < int64(len(data)) {
		n, err := w.Write(data[chunk:min(chunk+4000, int64(len(data)))])
		must(t, err)
		chunk += int64(n)
	}
	home := int64(1024 + 1024 + 512 + len(padded([]byte(large))))
	if want := []int64{1024, home, home + 512 + 1024}; len(hints) != 3 || hints[0] != want[0] || hints[1] > want[1]+4000 ||
		hints[1] < want[1] || hints[2] < want[2] || hints[2] > want[2]+4000 {
		t.Errorf("hints %d, want %d", hints, want)
	}
}
