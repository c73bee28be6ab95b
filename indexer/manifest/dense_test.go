package manifest

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

//check:without it takes seconds
func TestJournalsThatUnpackToMoreThanCanBeAreDamaged(t *testing.T) {
	line := `{"path":"a","type":"file","mode":"0644","uid":0,"gid":0}` + "\n"
	var packed bytes.Buffer
	w, err := zstd.NewWriter(&packed)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat(line, 10_000)
	if _, err := w.Write([]byte(journalHead)); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := NewReader(bytes.NewReader(packed.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	n := 0
	for err == nil {
		_, err = r.Next()
		n++
	}
	if !errors.Is(err, errDamaged) || n > freeEntries+maxDense*packed.Len()+1 {
		t.Errorf("%d bytes: %d entries, then %v", packed.Len(), n, err)
	}
}
