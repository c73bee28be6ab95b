package archive

import (
	"encoding/base64"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"slotfs/indexer/backup"
)

//check:without needs pigz and bsdtar
func TestAppendedAndLabelledArchivesReadOnAndConcatenatedOnesEnd(t *testing.T) {
	t.Parallel()
	dir := account(t, false)
	top := t.TempDir()
	run(t, dir, "tar", "-cf", top+"/a.tar", "--label=Monday", "cp", "empty")
	run(t, dir, "tar", "-rf", top+"/a.tar", "homedir/odd", "cp/alice")
	run(t, dir, "tar", "-cf", top+"/b.tar", "--format=oldgnu", "--label=Tuesday", "homedir/exact", "cp/alice")
	data := append(load(t, top+"/a.tar"), load(t, top+"/b.tar")...)
	rec, res := scanBytes(t, data, Options{})
	if res.Status != backup.Complete || !slices.Equal(res.Notes, backup.Notes{{Kind: noteArchive, Count: 1}}) {
		t.Fatalf("result %+v", res)
	}
	var got []string
	for _, m := range rec.members {
		got = append(got, m.Path)
		compareFile(t, dir+"/"+m.Path, data, rec, &m, 1e9)
	}
	want := "cp cp/alice empty homedir/odd cp/alice"
	if strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

//check:without needs pigz and bsdtar
func TestIncrementalDumpsShowDirectories(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"--format=gnu", "--format=oldgnu", "--format=posix"} {
		dir := account(t, true)
		data := pack(t, dir, format, "--listed-incremental="+t.TempDir()+"/snar", ".")
		rec, res := scanBytes(t, data, Options{})
		if res.Status != backup.Complete || res.Refused != 0 {
			t.Fatalf("%s: result %+v", format, res)
		}
		checkSane(t, rec)
		if rec.members[0].Path != "" || !rec.members[0].IsDir() {
			t.Errorf("%s: top is %+v", format, rec.members[0])
		}
		rec.members = rec.members[1:]
		ns := int64(1e9)
		if format == "--format=posix" {
			ns = 1
		}
		compareTree(t, dir, data, rec, ns)
	}
}

func TestVolumesShowWhatIsThere(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	content := strings.Repeat("0123456789abcdef", 2000)
	write(t, top+"/big", content)
	run(t, top, "tar", "--format=gnu", "-c", "-M", "--tape-length=20", "-f", "one", "-f", "two", "big")
	rec, res := scanBytes(t, load(t, top+"/one"), Options{})
	if res.Status != backup.Truncated || !strings.Contains(res.Detail, `content of "big"`) {
		t.Errorf("first: %+v", res)
	}
	if m := rec.find(t, "big"); m.Size != int64(len(content)) {
		t.Errorf("first: %+v", *m)
	}
	data := load(t, top+"/two")
	rec, res = scanBytes(t, data, Options{})
	m := rec.find(t, "big")
	if res.Status != backup.Complete || !strings.HasSuffix(content, string(expand(t, data, m))) || m.Size == 0 {
		t.Errorf("second: %+v, %+v", res, *m)
	}
}

//check:without needs pigz and bsdtar
func TestExtendedAttributesAndACLs(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	write(t, top+"/f", "content")
	attrs := map[string]string{
		"user.plain": "value", "user.empty": "", "user.binary": "a\x00b\nc=d", "user.odd=name%3D": "x",
	}
	for name, val := range attrs {
		must(t, unix.Lsetxattr(top+"/f", name, []byte(val), 0))
	}
	must(t, os.Mkdir(top+"/d", 0o755))
	run(t, top, "setfacl", "-m", "u:1234:rw,g:4321:r", "f")
	run(t, top, "setfacl", "-d", "-m", "u:1234:rwx,u:77:r", "d")
	data := pack(t, top, "--format=posix", "--xattrs", "--acls", "--numeric-owner", "f", "d")
	rec, res := scanBytes(t, data, Options{})
	if res.Status != backup.Complete {
		t.Fatalf("result %+v", res)
	}
	for path, names := range map[string][]string{
		"f": {"system.posix_acl_access", "user.binary", "user.empty", "user.odd=name%3D", "user.plain"},
		"d": {"system.posix_acl_default"},
	} {
		m := rec.find(t, path)
		if len(m.Xattrs) != len(names) {
			t.Fatalf("%s: %+v", path, m.Xattrs)
		}
		for i, x := range m.Xattrs {
			buf := make([]byte, 4096)
			n, err := unix.Lgetxattr(top+"/"+path, x.Name, buf)
			if err != nil || x.Name != names[i] || x.Value != string(buf[:n]) {
				t.Errorf("%s: %q = %q, on disk %q, %v", path, x.Name, x.Value, buf[:max(n, 0)], err)
			}
		}
	}
}

func TestACLTextThatCannotBeEncodedIsLeftOut(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"user::rwx,user:1000:rwx,group::r--,mask::rwx,other::r--":         true,
		"user::rwx\nuser:alice:rwx:1000\ngroup::r--\nmask::rwx\no::r--\n": true,
		"user::rwx,user:alice:rwx,group::r--,mask::rwx,other::r--":        false,
		"user::rwx,group::r--,other::r--":                                 false,
		"user::rwx,group::r--,other::r--,mask:7:rwx":                      false,
		"user::rwx,group::r--,other::r--,mask::rwz":                       false,
		"user::rwx,user:1000:rwx,group::r--,other::r--":                   false,
		"user::rwx,user::rwx,group::r--,mask::rwx,other::r--":             false,
		"nonsense":                               false,
		"":                                       false,
		"user::rwx,group::,other::---,mask::r--": false,
	} {
		if _, ok := encodeACL(text, true); ok != want {
			t.Errorf("%q: %v", text, ok)
		}
	}
}

func TestBSDAttributesAreDecodedAndWinOnce(t *testing.T) {
	t.Parallel()
	data := join(pax(
		"SCHILY.xattr.user.a", "same",
		"LIBARCHIVE.xattr.user.a", base64.StdEncoding.EncodeToString([]byte("same")),
		"LIBARCHIVE.xattr.user.%3D%25", base64.RawStdEncoding.EncodeToString([]byte{0, 1, 2, 255}),
		"LIBARCHIVE.xattr.user.bad", "***",
		"SCHILY.xattr."+strings.Repeat("n", 256), "too long",
	), file("f", "x"), make([]byte, 1024))
	rec, res := scanBytes(t, data, Options{})
	x := rec.find(t, "f").Xattrs
	if res.Status != backup.Complete || len(x) != 2 || x[0] != (backup.Xattr{Name: "user.=%", Value: "\x00\x01\x02\xff"}) ||
		x[1] != (backup.Xattr{Name: "user.a", Value: "same"}) {
		t.Errorf("%+v, %q", res, x)
	}
}

func TestPAXRecordsOverrideHeaders(t *testing.T) {
	t.Parallel()
	data := join(
		extension('g', paxRecords("uid", "77", "mtime", "5", "path", "all/the/same", "comment", "x")),
		pax("path", "p\xff/name", "size", "3", "uid", "4294967294", "gid", "99999999999", "mtime", "-1.5000000019"),
		makeHeader("short", '0', 1), padded([]byte("abc")),
		pax("uid", ""), file("second", "s"),
		pax("linkpath", strings.Repeat("t/", 100)), linkTo("sym", '2', "short"),
		extension('L', []byte("long\x00rest")), extension('K', []byte("second\x00")), linkTo("h", '1', "nowhere"),
		extension('g', paxRecords("mtime", "")), file("third", ""),
		make([]byte, 1024))
	rec, res := scanBytes(t, data, Options{})
	if res.Status != backup.Complete {
		t.Fatalf("result %+v", res)
	}
	first := rec.find(t, "p\xff/name")
	if first.UID != math.MaxUint32-1 || first.GID != 1001 || first.MTime != -1_500_000_002 || first.Size != 3 {
		t.Errorf("first: %+v", *first)
	}
	if first.Header != 1024 || first.Offset != 2560 {
		t.Errorf("first: header %d, content %d", first.Header, first.Offset)
	}
	if m := rec.find(t, "second"); m.UID != 1000 || m.MTime != 5e9 {
		t.Errorf("second: %+v", *m)
	}
	if m := rec.find(t, "sym"); m.Target != strings.Repeat("t/", 100) || m.UID != 77 || m.Size != 200 {
		t.Errorf("sym: %+v", *m)
	}
	if m := rec.find(t, "long"); m.Link != "second" {
		t.Errorf("long: %+v", *m)
	}
	if m := rec.find(t, "third"); m.MTime != 1_700_000_000e9 || m.UID != 77 {
		t.Errorf("third: %+v", *m)
	}
}

func TestNumbersOfHeaders(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]int64{
		"0000644\x00":                                      0o644,
		"  644 \x00\x00":                                   0o644,
		"\x00\x00\x00\x00\x00\x00\x00\x00":                 0,
		"77777777":                                         0o77777777,
		"\x80\x00\x00\x00\x00\x00\x01\x00":                 256,
		"\xff\xff\xff\xff\xff\xff\xff\xfe":                 -2,
		"\x80\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff": math.MaxInt64,
		"\xff\xff\xff\xff\x80\x00\x00\x00\x00\x00\x00\x00": math.MinInt64,
	} {
		if got, ok := number([]byte(field)); !ok || got != want {
			t.Errorf("%q: %d, %v, want %d", field, got, ok, want)
		}
	}
	for _, field := range []string{"0000648\x00", "-1      ", "\x80\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00"} {
		if got, ok := number([]byte(field)); ok {
			t.Errorf("%q: %d", field, got)
		}
	}
}

func TestTimesOfRecords(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]backup.Time{
		"0": {}, "1.5": {Sec: 1, Nsec: 5e8}, "-1.5": {Sec: -2, Nsec: 5e8}, "-0.000000001": {Sec: -1, Nsec: 999_999_999}, "1.": {Sec: 1},
		"1.0000000019": {Sec: 1, Nsec: 1}, "20000000000.5": {Sec: 20_000_000_000, Nsec: 5e8},
		"999999999999999999": {Sec: 999999999999999999}, "-999999999999999999.25": {Sec: -1e18, Nsec: 75e7}, "9223372036854775807": {Sec: math.MaxInt64},
		"1e9": {Sec: 1}, "1.5x": {Sec: 1, Nsec: 5e8}, "1.5 ": {Sec: 1, Nsec: 5e8}, "1.5\x00": {Sec: 1, Nsec: 5e8}, "00000000000000000000001": {Sec: 1},
		"-1.0000000000001": {Sec: -2, Nsec: 999_999_999}, "-1.9999999999": {Sec: -2}, "7.123456789012345678901234567890": {Sec: 7, Nsec: 123_456_789},
	} {
		if got, ok, _ := parseTime([]byte(text)); !ok || got != want {
			t.Errorf("%q: %v, %v, want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", ".", "-", "x1", "--1", "9999999999999999999"} {
		if got, ok, _ := parseTime([]byte(text)); ok {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestSignedChecksumsAndSlashDirectories(t *testing.T) {
	t.Parallel()
	h := makeHeader("caf\xe9/", 0, 0)
	copy(h[257:], make([]byte, 8)) // v7
	sum := 8 * int(' ')
	for i, c := range h {
		if i < 148 || i >= 156 {
			sum += int(int8(c))
		}
	}
	copy(h[148:], []byte{byte('0' + sum>>15&7), byte('0' + sum>>12&7), byte('0' + sum>>9&7), byte('0' + sum>>6&7),
		byte('0' + sum>>3&7), byte('0' + sum&7), 0, ' '})
	rec, res := scanBytes(t, join(h, make([]byte, 512)), Options{})
	if res.Status != backup.Complete || !rec.find(t, "caf\xe9").IsDir() {
		t.Errorf("%+v, %+v", res, rec.members)
	}
}
