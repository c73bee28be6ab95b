package archive

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"slotfs/indexer/backup"
)

func TestNamesThatLeadOutsideAreRefused(t *testing.T) {
	t.Parallel()
	end := make([]byte, 1024)
	for name, member := range map[string][]byte{
		"parent":            file("a/../b", "x"),
		"only parent":       file("..", "x"),
		"parent directory":  makeHeader("../", '5', 0),
		"pax parent":        join(pax("path", "x/.."), file("f", "x")),
		"long parent":       join(extension('L', []byte("/../x\x00")), file("f", "x")),
		"sparse parent":     join(pax("GNU.sparse.name", "../x", "GNU.sparse.map", "0,1", "GNU.sparse.size", "9"), file("f", "x")),
		"hard link to top":  linkTo("h", '1', "./"),
		"hard link nowhere": linkTo("h", '1', ""),
		"symlink nowhere":   linkTo("s", '2', ""),
		"file at top":       makeHeader(".", '0', 0),
		"long element":      join(pax("path", strings.Repeat("e", 256)), file("f", "x")),
		"long path":         join(pax("path", strings.Repeat("abc/", 1025)+"d"), file("f", "x")),
		"long hard link":    join(pax("linkpath", strings.Repeat("abc/", 1024)+"d"), linkTo("h", '1', "x")),
		"long target":       join(pax("linkpath", strings.Repeat("t", 4096)), linkTo("s", '2', "x")),
		"no name":           makeHeader("", '2', 0),
	} {
		t.Run(name, func(t *testing.T) {
			rec, res := scanBytes(t, join(file("before", "1"), member, file("after", "2"), end), Options{})
			if res.Status != backup.Complete || res.Refused != 1 || len(rec.members) != 2 || res.Notes.Total() != 1 {
				t.Errorf("%+v, %+v", res, rec.members)
			}
			if string(rec.content["after"]) != "2" {
				t.Errorf("after: %q", rec.content["after"])
			}
		})
	}
}

func TestMembersThatTheHandlerRefusesAreCountedAndPassed(t *testing.T) {
	t.Parallel()
	data := join(file("before", "1"), file("homedir.tar", string(join(file("inner", "2"), make([]byte, 1024)))),
		file("after", "3"), make([]byte, 1024))
	rec := &recorder{want: always, err: ErrRefused}
	res, err := Scan(context.Background(), bytes.NewReader(data), rec, Options{Nested: func(string) bool { return true }})
	if err != nil || res.Status != backup.Complete || res.Refused != 3 || len(rec.content) != 0 {
		t.Errorf("%+v, %v, %+v", res, err, rec.content)
	}
}

// TestNoNameReachesIntoANestedArchive has names with a NUL, in which everybody ends them.
func TestNoNameReachesIntoANestedArchive(t *testing.T) {
	t.Parallel()
	const inner = "homedir.tar\x00/x"
	for name, data := range map[string][]byte{
		"path":        join(pax("path", inner), file("f", "x")),
		"sparse name": join(pax("GNU.sparse.name", inner, "GNU.sparse.map", "0,1", "GNU.sparse.size", "9"), file("f", "x")),
		"long name":   join(extension('L', []byte(inner)), file("f", "x")),
		"hard link":   join(pax("linkpath", inner), linkTo("homedir.tar", '1', "x")),
	} {
		rec, _ := scanBytes(t, join(data, make([]byte, 1024)), Options{})
		if m := rec.find(t, "homedir.tar"); len(rec.members) != 1 || strings.ContainsRune(m.Link, 0) {
			t.Errorf("%s: %+v", name, rec.members)
		}
	}
}

func TestExamplesOfNotesAreShort(t *testing.T) {
	t.Parallel()
	_, res := scanBytes(t, join(pax("path", strings.Repeat("../", 1<<20)), file("f", "x"), make([]byte, 1024)), Options{})
	if len(res.Notes) != 1 || len(res.Notes[0].Example) != maxPath {
		t.Errorf("%d notes", len(res.Notes))
	}
}

func TestNamesAreNormalised(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"/etc/passwd": "etc/passwd", "./a": "a", "a//b": "a/b", "a/./b/.": "a/b", "///a": "a", "...": "...", "a/..b": "a/..b",
		" ": " ", "\xff": "\xff", "a\\b": "a\\b",
	} {
		rec, res := scanBytes(t, join(file(name, ""), linkTo("h", '1', name), make([]byte, 1024)), Options{})
		if res.Refused != 0 || len(rec.members) != 2 || rec.members[0].Path != want || rec.members[1].Link != want {
			t.Errorf("%q: %+v", name, rec.members)
		}
	}
}

func TestOversizedExtensionsAreNotCollected(t *testing.T) {
	t.Parallel()
	for _, kind := range []byte{'x', 'g', 'L', 'K'} {
		big := bytes.Repeat([]byte("a"), maxRecord+1)
		rec, res := scanBytes(t, join(file("before", "1"), extension(kind, big), file("next", "n"), file("after", "2"),
			make([]byte, 1024)), Options{})
		want, status := 2, backup.Complete
		if kind == 'g' {
			want, status = 3, backup.Corrupt
		}
		if res.Status != status || len(rec.members) != want || string(rec.content["after"]) != "2" || int(res.Refused) != 3-want {
			t.Errorf("%c: %+v, %d members", kind, res, len(rec.members))
		}
	}
}

func TestHardLinksWithAndWithoutContent(t *testing.T) {
	t.Parallel()
	sized := linkTo("h", '1', "a")
	copy(sized[124:], "00000001750\x00") // 1000
	resum(sized)
	body := padded(bytes.Repeat([]byte("b"), 1000))
	for _, content := range [][]byte{nil, body} {
		rec, res := scanBytes(t, join(file("a", "1"), sized, content, file("after", "2"), make([]byte, 1024)), Options{})
		if res.Status != backup.Complete || len(rec.members) != 3 || string(rec.content["after"]) != "2" {
			t.Errorf("%d bytes: %+v, %d members", len(content), res, len(rec.members))
		}
	}
}

func TestDamagedHeaderKeepsWhatComesBeforeAndAfter(t *testing.T) {
	t.Parallel()
	bad := file("bad", strings.Repeat("v", 600))
	bad[3] ^= 1
	rec, res := scanBytes(t, join(file("before", "1"), bad, file("after", "2"), make([]byte, 1024)), Options{})
	if res.Status != backup.Corrupt || res.Detail != "damaged header at byte 1024 of the archive" || len(rec.members) != 2 ||
		string(rec.content["after"]) != "2" {
		t.Errorf("%+v, %d members", res, len(rec.members))
	}
}

func TestDamagedFirstHeaderIsNotTheEnd(t *testing.T) {
	t.Parallel()
	bad := file("bad", "x")
	bad[3] ^= 1
	rec, res := scanBytes(t, join(bad, file("after", "2"), make([]byte, 1024)), Options{})
	if res.Status != backup.Corrupt || res.Detail != "damaged header at byte 0 of the archive" || len(rec.members) != 1 {
		t.Errorf("%+v, %d members", res, len(rec.members))
	}
}

func TestWhatIsNoArchiveIsUnreadable(t *testing.T) {
	t.Parallel()
	for name, data := range map[string][]byte{
		"empty":       nil,
		"text":        []byte("hello\n"),
		"long text":   []byte(strings.Repeat("hello\n", 500)),
		"a few zeros": make([]byte, 100),
		"zeros, text": join(make([]byte, 1024), []byte(strings.Repeat("hello\n", 500))),
		"gzip":        []byte("\x1f\x8b\x08\x00" + strings.Repeat("x", 2000)),
	} {
		rec, res := scanBytes(t, data, Options{})
		if res.Status != backup.Unreadable || res.Detail == "" || len(rec.members) != 0 {
			t.Errorf("%s: %+v, %d members", name, res, len(rec.members))
		}
	}
	endless := io.MultiReader(strings.NewReader(strings.Repeat("hello\n", 500)), zeroReader{})
	res, err := Scan(context.Background(), endless, &recorder{}, Options{})
	if err != nil || res.Status != backup.Unreadable || res.Content > 2*proveEnough {
		t.Errorf("endless: %+v, %v", res, err)
	}
}

func TestEndsOfArchives(t *testing.T) {
	t.Parallel()
	f := file("f", "content")
	block := make([]byte, 512)
	for name, c := range map[string]struct {
		data []byte
		want backup.Status
	}{
		"only zeros":                 {make([]byte, 10240), backup.Complete},
		"one zero block":             {join(f, block), backup.Complete},
		"cut in the padding":         {join(f, block, block[:100]), backup.Complete},
		"text after the end":         {join(f, block, block, []byte(strings.Repeat("text", 300))), backup.Complete},
		"text, then another archive": {join(f, block, block, padded([]byte("text")), f, block), backup.Complete},
		"text behind one block":      {join(f, block, []byte("text")), backup.Complete},
		"zeros, then an archive":     {join(block, f, block), backup.Unreadable},
		"lone zero block":            {join(f, block, f, block, block), backup.Complete},
		"no end":                     {f, backup.Complete},
		"cut in the end":             {join(f, block[:100]), backup.Complete},
		"cut in a header":            {join(f, f[:100]), backup.Truncated},
		"cut in content":             {f[:515], backup.Truncated},
		"cut in the last padding":    {f[:1000], backup.Truncated},
		"cut in the first header":    {f[:400], backup.Truncated},
		"cut after an extension":     {join(f, pax("path", "x")), backup.Truncated},
		"extension without member":   {join(f, pax("path", "x"), block, block), backup.Complete},
		"global header alone":        {join(extension('g', paxRecords("comment", "c")), block, block), backup.Complete},
		"damaged extension":          {join(extension('x', []byte("99 a=b\n")), f, block, block), backup.Corrupt},
	} {
		if _, res := scanBytes(t, c.data, Options{}); res.Status != c.want || (res.Detail == "") != (c.want == backup.Complete) {
			t.Errorf("%s: %+v", name, res)
		}
	}
}

// TestNestedMemberCannotReachOut has a nested archive that a customer made so that its member would show what
// stands behind it.
func TestNestedMemberCannotReachOut(t *testing.T) {
	t.Parallel()
	inner := join(file("ok", "fine"), makeHeader("spy", '0', 2000))
	data := join(makeHeader("homedir.tar", '0', int64(len(inner))), inner, file("shadow", strings.Repeat("secret", 300)),
		make([]byte, 1024))
	rec := &recorder{}
	res, err := Scan(context.Background(), bytes.NewReader(data), rec, Options{Nested: func(string) bool { return true }})
	if err != nil || res.Status != backup.Corrupt {
		t.Errorf("%+v, %v", res, err)
	}
	if len(rec.members) != 3 || rec.find(t, "homedir.tar\x00/ok").Offset != 1024 || rec.members[2].Path != "shadow" {
		t.Errorf("members %+v", rec.members)
	}
}

func TestNestedFileThatIsNoArchiveIsAFile(t *testing.T) {
	t.Parallel()
	for _, content := range []string{"", "text", strings.Repeat("text", 1000), string(make([]byte, 2048))} {
		data := join(file("homedir.tar", content), file("after", "2"), make([]byte, 1024))
		rec := &recorder{}
		res, err := Scan(context.Background(), bytes.NewReader(data), rec, Options{Nested: func(string) bool { return true }})
		if err != nil || res.Status != backup.Complete || len(rec.members) != 2 {
			t.Errorf("%d bytes: %+v, %v, %d members", len(content), res, err, len(rec.members))
		}
	}
}

// TestErrorsThatAreNotOfTheArchive come back as errors.
func TestErrorsThatAreNotOfTheArchive(t *testing.T) {
	t.Parallel()
	data := join(file("f", "content"), make([]byte, 1024))
	own := errors.New("own")
	if _, err := Scan(context.Background(), bytes.NewReader(data), &recorder{err: own}, Options{}); !errors.Is(err, own) {
		t.Errorf("handler: %v", err)
	}
	r := io.MultiReader(bytes.NewReader(data), failingReader{own})
	if _, err := Scan(context.Background(), r, &recorder{}, Options{}); !errors.Is(err, own) {
		t.Errorf("reader: %v", err)
	}
	o := Options{Every: 1, Save: func([]byte) error { return own }}
	if _, err := Scan(context.Background(), bytes.NewReader(data), &recorder{}, o); !errors.Is(err, own) {
		t.Errorf("save: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Scan(ctx, bytes.NewReader(data), &recorder{}, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("context: %v", err)
	}
	if _, err := Scan(context.Background(), failingReader{}, &recorder{}, Options{}); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("reader that gives nothing: %v", err)
	}
	r = io.MultiReader(bytes.NewReader(data[:600]), failingReader{io.ErrUnexpectedEOF})
	if res, err := Scan(context.Background(), r, &recorder{}, Options{}); err != nil || res.Status != backup.Truncated {
		t.Errorf("short: %+v, %v", res, err)
	}
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }
