package archive

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"slices"
	"testing"

	"slotfs/indexer/archive/gzseek"
	"slotfs/indexer/backup"
)

// recorder is a Handler that keeps what it is told.
type recorder struct {
	want    func(m *Member) bool // whole
	ends    backup.Excerpt       // of all others
	members []Member
	content map[string][]byte // by path, of members that came whole
	events  []string          // everything, to compare two passes
	points  int
	open    bool // content is on its way
	partial []byte
	err     error // if set, what Member fails with
}

var _ Handler = (*recorder)(nil)

func (r *recorder) Member(m *Member) (backup.Excerpt, error) {
	if r.open {
		return backup.Excerpt{}, fmt.Errorf("member %q within the content of another one", m.Path)
	}
	if r.err != nil {
		return backup.Excerpt{}, r.err
	}
	r.members = append(r.members, *m)
	r.events = append(r.events, fmt.Sprintf("%+v", *m))
	if r.want != nil && r.want(m) && m.IsRegular() && m.Link == "" {
		r.open = m.Sparse == nil || m.Size <= maxExpanded
		r.partial = nil
		return backup.Whole, nil
	}
	if r.ends.Wanted() && m.IsRegular() && m.Link == "" && m.Sparse == nil {
		r.open, r.partial = true, nil
		return r.ends, nil
	}
	return backup.Excerpt{}, nil
}

func (r *recorder) Content(p []byte, done bool) error {
	if !r.open {
		return fmt.Errorf("content that nobody wanted: %d bytes", len(p))
	}
	r.partial = append(r.partial, p...)
	if done {
		if r.content == nil {
			r.content = map[string][]byte{}
		}
		path := r.members[len(r.members)-1].Path
		r.content[path], r.open = r.partial, false
		r.events = append(r.events, fmt.Sprintf("content %d %x", len(r.partial), crc32.ChecksumIEEE(r.partial)))
	}
	return nil
}

func (r *recorder) Point(*gzseek.Point) error { r.points++; return nil }

// find gives the last member at path.
func (r *recorder) find(t testing.TB, path string) *Member {
	t.Helper()
	for i := range slices.Backward(r.members) {
		if r.members[i].Path == path {
			return &r.members[i]
		}
	}
	t.Fatalf("no member %q", path)
	return nil
}

func always(*Member) bool { return true }

// scanBytes walks a plain archive, wanting everything.
func scanBytes(t testing.TB, data []byte, o Options) (*recorder, Result) {
	t.Helper()
	rec := &recorder{want: always}
	res, err := Scan(context.Background(), bytes.NewReader(data), rec, o)
	if err != nil {
		t.Fatal(err)
	}
	if res.Content != int64(len(data)) {
		t.Fatalf("read %d bytes of %d", res.Content, len(data))
	}
	return rec, res
}

// expand reads a member out of its archive the way a mount does.
func expand(t testing.TB, data []byte, m *Member) []byte {
	t.Helper()
	stored := data[m.Offset:][:m.Stored]
	if m.Sparse == nil {
		return stored
	}
	out := make([]byte, m.Size)
	for _, x := range m.Sparse {
		copy(out[x.Offset:][:x.Length], stored)
		stored = stored[x.Length:]
	}
	return out
}

// checkSane holds what must be true of members whatever the archive is.
func checkSane(t testing.TB, rec *recorder) {
	t.Helper()
	for i := range rec.members {
		m := &rec.members[i]
		switch {
		case m.Header < 0, m.Offset < m.Header, m.Stored < 0, m.Size < 0, m.Nlink < 1:
			t.Fatalf("member %+v", *m)
		case len(m.Path) > maxPath, m.Path == "" && !m.IsDir():
			t.Fatalf("path %q", m.Path)
		case m.IsSymlink() == (m.Target == ""):
			t.Fatalf("target %q of mode %o", m.Target, m.Mode)
		}
		var end, sum int64
		for _, x := range m.Sparse {
			if x.Offset < end || x.Length < 0 || x.Length > m.Size-x.Offset {
				t.Fatalf("extent %+v of %+v", x, *m)
			}
			end, sum = x.Offset+x.Length, sum+x.Length
		}
		if sum > m.Stored {
			t.Fatalf("extents of %d bytes in %+v", sum, *m)
		}
		if m.Mode&backup.ModeType == 0 {
			t.Fatalf("no type in %+v", *m)
		}
	}
}
