package archive

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"slotfs/indexer/backup"
)

// tornLink is a link as Archive::Tar::Builder writes it if its path and its target are too long.
func tornLink(path, target string) []byte {
	return join(makeHeader("././@LongLink", 'K', int64(len(target)+1)), padded([]byte(path+"\x00")), padded([]byte(target+"\x00")),
		linkTo(path[:100], '2', target[:100]))
}

func TestLongLinkThatItsWriterToreIsNoDamage(t *testing.T) {
	t.Parallel()
	short, long := strings.Repeat("ab/", 50), strings.Repeat("cd/", 400)
	for name, c := range map[string]struct{ path, target string }{
		"one block each": {short, short}, "long path": {long, short}, "long target": {short, long}, "both long": {long, long},
	} {
		rec, res := scanBytes(t, join(file("before", "1"), tornLink(c.path, c.target), file("after", "2"), make([]byte, 1024)), Options{})
		if res.Status != backup.Complete || len(rec.members) != 3 || len(res.Notes) != 1 || res.Notes[0].Kind != noteTornLink {
			t.Errorf("%s: %+v, %d members", name, res, len(rec.members))
		}
	}
}

// TestDamageThatLooksLikeATornLinkIsDamage has blocks behind a 'K' header that are not what the link's header begins with.
func TestDamageThatLooksLikeATornLinkIsDamage(t *testing.T) {
	t.Parallel()
	short := strings.Repeat("ab/", 50)
	torn := tornLink(short, short)
	other := tornLink(short, short)
	other[2*blockSize+50] ^= 1
	k := torn[:2*blockSize]
	for name, data := range map[string][]byte{
		"other target":    join(other, file("after", "2"), make([]byte, 1024)),
		"a file follows":  join(torn[:3*blockSize], file("after", "2"), make([]byte, 1024)),
		"nothing follows": torn[:3*blockSize],
		"the end follows": join(torn[:3*blockSize], make([]byte, 1024)),
		"too many blocks": join(k, []byte(strings.Repeat("x", maxTorn+blockSize)), torn[3*blockSize:], make([]byte, 1024)),
		"in an archive":   join(file("homedir.tar", string(join(file("in", "1"), torn[:3*blockSize]))), make([]byte, 1024)),
	} {
		rec := &recorder{}
		res, err := Scan(context.Background(), bytes.NewReader(join(file("before", "1"), data)), rec, Options{Nested: nestedHome})
		if err != nil || res.Status != backup.Corrupt {
			t.Errorf("%s: %+v", name, res)
		}
	}
}

func TestDirectoryWithAMapOfHolesHasNone(t *testing.T) {
	t.Parallel()
	odd := join(pax("GNU.sparse.map", "0,1", "GNU.sparse.size", "9"), makeHeader("d", 'D', 1), padded([]byte("x")))
	rec, res := scanBytes(t, join(odd, make([]byte, 1024)), Options{})
	if res.Status != backup.Complete || rec.find(t, "d").Sparse != nil {
		t.Errorf("%+v, %+v", res, rec.members)
	}
}
