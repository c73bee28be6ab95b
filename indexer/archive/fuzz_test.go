package archive

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"slotfs/indexer/backup"
)

func FuzzHeader(f *testing.F) {
	f.Add(makeHeader("name", '0', 100))
	f.Add(linkTo("a/../b", '2', "target"))
	gnu := makeHeader("s", 'S', 512)
	copy(gnu[257:], "ustar  \x00")
	copy(gnu[386:], "00000001000\x0000000001000\x00")
	copy(gnu[483:], "00000004000\x00")
	f.Add(gnu)
	f.Add(makeHeader("prefix", '5', 0))
	f.Fuzz(func(t *testing.T, data []byte) {
		h := make([]byte, blockSize)
		copy(h, data)
		resum(h)
		if b := (*block)(h); !b.zero() && !b.summed() {
			t.Fatal("a right checksum is refused")
		}
		rec, _ := scanBytes(t, join(h, make([]byte, 2048)), Options{})
		checkSane(t, rec)
	})
}

func FuzzPAX(f *testing.F) {
	f.Add(paxRecords("path", "a/b", "mtime", "-1.5", "size", "7"), []byte("global"))
	f.Add(paxRecords("GNU.sparse.map", "0,1,5,2", "GNU.sparse.size", "100"), paxRecords("uid", "1"))
	f.Add(paxRecords("GNU.sparse.major", "1", "GNU.sparse.minor", "0", "GNU.sparse.realsize", "9"), paxRecords("gid", ""))
	f.Add(paxRecords("SCHILY.xattr.user.a%3D", "\x00", "SCHILY.acl.access", "user::rwx,user:1:r,group::r,mask::r,other::r"), []byte{})
	f.Add(paxRecords("LIBARCHIVE.xattr.user.%41", "YQ==", "linkpath", "x"), []byte("5 a=\n"))
	f.Fuzz(func(t *testing.T, local, global []byte) {
		data := join(extension('g', global), extension('x', local), file("f", "1\n0\n5\n"), make([]byte, 1024))
		rec, _ := scanBytes(t, data, Options{})
		checkSane(t, rec)
		merged, ok := mergeGlobal(nil, global)
		if again, ok2 := mergeGlobal(merged, nil); ok && (!ok2 || !bytes.Equal(again, merged)) {
			t.Fatalf("%q merged again is %q", merged, again)
		}
	})
}

// FuzzScan walks foreign bytes, with right checksums where blocks look like headers, whole and resumed.
func FuzzScan(f *testing.F) {
	f.Add(mixedSmall(), uint16(700))
	f.Add(join(file("homedir.tar", string(join(file("x", "y"), pax("path", "z"), file("q", "r")))), file("after", "a")), uint16(512))
	f.Add(join(file("a", "b"), make([]byte, 512), []byte("text"), file("c", "d")), uint16(100))
	f.Fuzz(func(t *testing.T, data []byte, size uint16) {
		if len(data) > 64<<10 {
			return
		}
		data = fixSums(data)
		o := Options{Nested: nestedHome}
		rec, res, all := states(t, data, int(size)+64, o)
		if res.Content != int64(len(data)) || (res.Status == backup.Complete) != (res.Detail == "") {
			t.Fatalf("%+v of %d bytes", res, len(data))
		}
		checkSane(t, rec)
		checkBounds(t, rec, res)
		for i, s := range all {
			if len(all) < 8 || i%(len(all)/8) == 0 {
				checkResume(t, data, o, s, rec, res)
			}
		}
	})
}

// FuzzState resumes from foreign bytes.
func FuzzState(f *testing.F) {
	data := mixedSmall()
	_, _, all := states(f, data, 512, Options{Nested: nestedHome})
	for _, s := range all {
		f.Add(s.state[:len(s.state)-4])
	}
	f.Fuzz(func(t *testing.T, state []byte) {
		state = seal(state, state)
		if _, err := Start(state); err != nil {
			return
		}
		rec := &recorder{want: wantSome}
		o := Options{Nested: nestedHome, Resume: state}
		_, _ = Scan(context.Background(), bytes.NewReader(data), rec, o)
	})
}

func mixedSmall() []byte {
	inner := join(file("in", "side"), pax("path", "longer"), file("x", "y"), make([]byte, 1024))
	return join(
		file("a", "content"), extension('g', paxRecords("uid", "5")), extension('L', []byte("long\x00")), linkTo("l", '1', "a"),
		pax("GNU.sparse.major", "1", "GNU.sparse.minor", "0", "GNU.sparse.realsize", "2000", "GNU.sparse.name", "odd"),
		makeHeader("x", '0', 520), padded([]byte("2\n0\n5\n100\n3\n")), padded([]byte("12345678")),
		tornLink(strings.Repeat("p/", 130), strings.Repeat("t/", 70)), pax("size", "2 ", "mtime", "1e9"), file("odd", "12"),
		file("homedir.tar", string(inner)), linkTo("s", '2', "../x"), make([]byte, 1024), file("b", "second"), make([]byte, 512))
}

// fixSums makes the checksum of every block right that has the magic of a header.
func fixSums(data []byte) []byte {
	data = bytes.Clone(data)
	for i := 0; i+blockSize <= len(data); i += blockSize {
		if b := data[i:][:blockSize]; likely(b) {
			resum(b)
		}
	}
	return data
}

// checkBounds holds that members of a nested archive lie within the file that holds them.
func checkBounds(t testing.TB, rec *recorder, res Result) {
	t.Helper()
	var home *Member
	for i := range rec.members {
		m := &rec.members[i]
		if m.Path == "homedir.tar" {
			home = m
		}
		if len(m.Path) > 12 && m.Path[:12] == "homedir.tar\x00" &&
			(home == nil || m.Header < home.Offset || m.Offset+m.Stored > home.Offset+home.Stored) {
			t.Fatalf("%+v reaches out of %+v", *m, home)
		}
		if m.Offset > res.Content {
			t.Fatalf("%+v of %d bytes", *m, res.Content)
		}
		if res.Status == backup.Complete && m.Offset+m.Stored > res.Content {
			t.Fatalf("complete, but %+v of %d bytes", *m, res.Content)
		}
	}
}
