package archive

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"slotfs/indexer/backup"
)

func TestLongPathsOfUstarAreJoined(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	long := strings.Repeat("directory/", 15) + strings.Repeat("n", 95)
	write(t, filepath.Join(top, long), "content")
	data := pack(t, top, "--format=ustar", "directory")
	rec, res := scanBytes(t, data, Options{})
	if res.Status != backup.Complete || string(rec.content[long]) != "content" {
		t.Errorf("%+v, %d members", res, len(rec.members))
	}
	compareTree(t, top, data, rec, 1e9)
}

// TestPrefixOfStarIsShorter has star's access time where ustar's prefix goes on.
func TestPrefixOfStarIsShorter(t *testing.T) {
	t.Parallel()
	h := makeHeader("name", '0', 0)
	copy(h[345:476], strings.Repeat("p", 131))
	copy(h[476:], "14400000000\x0014400000000\x00")
	copy(h[508:], "tar\x00")
	resum(h)
	rec, _ := scanBytes(t, join(h, make([]byte, 1024)), Options{})
	rec.find(t, strings.Repeat("p", 131)+"/name")
}

// TestIncrementalPrefixIsNoPath has GNU's times in the place of the prefix.
func TestIncrementalPrefixIsNoPath(t *testing.T) {
	t.Parallel()
	h := makeHeader("name", 'D', 3)
	copy(h[257:], "ustar  \x00")
	copy(h[345:], "14400000000\x0014400000000\x00")
	resum(h)
	rec, res := scanBytes(t, join(h, padded([]byte("Yf\x00")), file("after", "2"), make([]byte, 1024)), Options{})
	if m := rec.find(t, "name"); !m.IsDir() || m.Size != 0 || m.Stored != 3 || m.Offset != 0 || len(rec.members) != 2 {
		t.Errorf("%+v, %+v", *m, res)
	}
}

func TestUnknownTypes(t *testing.T) {
	t.Parallel()
	for kind, shown := range map[byte]bool{'7': true, 'Z': true, 'A': false, 'N': false, 'V': false, 'E': false} {
		data := join(makeHeader("odd", kind, 3), padded([]byte("abc")), file("after", "2"), make([]byte, 1024))
		rec, res := scanBytes(t, data, Options{})
		if res.Status != backup.Complete || (string(rec.content["odd"]) == "abc") != shown || string(rec.content["after"]) != "2" {
			t.Errorf("%c: %+v, %q", kind, res, rec.content)
		}
	}
}

func TestImpossibleSizesCostTheirMemberAlone(t *testing.T) {
	t.Parallel()
	negative := makeHeader("bad", '0', 0)
	copy(negative[124:136], strings.Repeat("\xff", 12))
	resum(negative)
	letters := makeHeader("bad", '0', 0)
	copy(letters[124:136], "size")
	resum(letters)
	huge := makeHeader("bad", '0', 0)
	copy(huge[124:136], "\x80\x00\x00\x00\x7f\xff\xff\xff\xff\xff\x00\x00")
	resum(huge)
	lost, odd := backup.Notes{{Kind: noteSize, Count: 1, Example: "bad"}}, backup.Notes{{Kind: noteRecord, Count: 1, Example: "bad"}}
	for name, c := range map[string]struct {
		member []byte
		shown  bool
		notes  backup.Notes
	}{
		"negative":        {negative, false, lost},
		"letters":         {letters, false, lost},
		"huge":            {huge, false, lost},
		"negative record": {join(pax("size", "-1"), file("bad", "x")), true, odd},
		"record of text":  {join(pax("size", "many"), file("bad", "x")), true, odd},
		"huge record":     {join(pax("size", "99999999999999999999"), file("bad", "x")), true, odd},
		"padded record":   {join(pax("size", "1 "), file("bad", "x")), true, nil},
		"leading zeros":   {join(pax("size", strings.Repeat("0", 30)+"1"), file("bad", "x")), true, nil},
		"size of a link":  {func() []byte { h := linkTo("bad", '1', "before"); copy(h[124:], "zzz"); resum(h); return h }(), true, nil},
	} {
		rec, res := scanBytes(t, join(file("before", "1"), c.member, file("after", "2"), make([]byte, 1024)), Options{})
		if res.Status != backup.Complete || (len(rec.members) == 3) != c.shown || string(rec.content["after"]) != "2" ||
			!slices.Equal(res.Notes, c.notes) || (res.Refused == 0) != c.shown {
			t.Errorf("%s: %+v, %d members", name, res, len(rec.members))
		}
	}
}

func TestMapsAreCompacted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in           []int64 // offsets and lengths
		size, stored int64
		want         []int64
		ok           bool
	}{
		{[]int64{0, 10}, 10, 10, nil, true},
		{[]int64{0, 4, 4, 6, 10, 0}, 10, 10, nil, true},
		{[]int64{0, 4, 4, 2, 8, 0, 8, 2}, 10, 8, []int64{0, 6, 8, 2}, true},
		{nil, 10, 0, []int64{10, 0}, true},
		{[]int64{10, 0}, 10, 0, []int64{10, 0}, true},
		{nil, 0, 0, nil, true},
		{[]int64{4, 2, 5, 2}, 10, 4, nil, false},
		{[]int64{4, 2, 0, 2}, 10, 4, nil, false},
		{[]int64{11, 0}, 10, 0, nil, false},
		{[]int64{1, 1<<63 - 1}, 1<<63 - 1, 1<<63 - 1, nil, false},
	} {
		got, ok := compact(extents(c.in), c.size, c.stored)
		if ok != c.ok || !reflect.DeepEqual(got, extents(c.want)) {
			t.Errorf("%v of %d: %v, %v, want %v", c.in, c.size, got, ok, c.want)
		}
	}
}

func extents(numbers []int64) (out []backup.Extent) {
	for pair := range slices.Chunk(numbers, 2) {
		out = append(out, backup.Extent{Offset: pair[0], Length: pair[1]})
	}
	return out
}
