package archive

import (
	"bytes"
	"context"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"slotfs/indexer/backup"
)

// skipping is a reader that can leap.
type skipping struct {
	*bytes.Reader
	skipped int64
	err     error
}

func (s *skipping) Skip(_ context.Context, n int64) error {
	s.skipped += n
	_, err := s.Seek(n, io.SeekCurrent)
	return errors.Join(err, s.err)
}

//check:without it takes seconds
func TestSkippedContentChangesNothing(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("large", 2<<20)
	inner := join(file("small", "s"), file("in", large), make([]byte, 1024))
	data := join(file("a", large), file("wanted", large), file("homedir.tar", string(inner)),
		file("other.tar", large), file("z", large), make([]byte, 1024))
	o := Options{Size: int64(len(data)), Nested: func(path string) bool { return strings.HasSuffix(path, ".tar") }}
	want := func(m *Member) bool { return m.Path == "wanted" }
	whole := &recorder{want: want}
	res, err := Scan(context.Background(), bytes.NewReader(data), whole, o)
	if err != nil || res.Status != backup.Complete {
		t.Fatalf("%+v, %v", res, err)
	}
	r := &skipping{Reader: bytes.NewReader(data)}
	rec := &recorder{want: want}
	got, err := Scan(context.Background(), r, rec, o)
	if err != nil || !reflect.DeepEqual(got, res) || !reflect.DeepEqual(rec.events, whole.events) {
		t.Fatalf("%+v, %v, want %+v", got, err, res)
	}
	if r.skipped < int64(3*len(large)) {
		t.Errorf("only %d bytes of %d skipped", r.skipped, len(data))
	}
	for _, cut := range []int{len(large) / 2, len(data) - 1500, len(data) - 1024} {
		r := &skipping{Reader: bytes.NewReader(data[:cut])}
		if got, err := Scan(context.Background(), r, &recorder{}, o); err != nil || got.Status != backup.Truncated {
			t.Errorf("cut at %d: %+v, %v", cut, got, err)
		}
	}
	own := errors.New("own")
	r = &skipping{Reader: bytes.NewReader(data), err: own}
	if _, err := Scan(context.Background(), r, &recorder{}, o); !errors.Is(err, own) {
		t.Errorf("error of the reader: %v", err)
	}
}
