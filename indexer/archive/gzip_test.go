package archive

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"

	"slotfs/indexer/backup"
)

// compress pipes data through a program of the system.
func compress(t testing.TB, data []byte, command ...string) []byte {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin = bytes.NewReader(data)
	out, err := cmd.Output()
	must(t, err)
	return out
}

// cpanel is how cPanel calls pigz.
func cpanel(t testing.TB, data []byte) []byte {
	return compress(t, data, "pigz", "-6", "--processes", "1", "--blocksize", "4096", "--rsyncable")
}

func scanGzip(t testing.TB, r io.Reader) (*recorder, Result) {
	t.Helper()
	rec := &recorder{want: wantSome}
	res, err := Scan(context.Background(), r, rec, Options{Gzip: true, Nested: nestedHome})
	if err != nil {
		t.Fatal(err)
	}
	return rec, res
}

//check:without needs pigz and bsdtar
func TestCompressedArchivesReadLikePlainOnes(t *testing.T) {
	t.Parallel()
	data := mixed(t)
	whole, want := scanNested(t, data)
	half := len(data) / 2
	for name, gz := range map[string][]byte{
		"gzip":     compress(t, data, "gzip", "-6"),
		"stored":   compress(t, data, "pigz", "-0"),
		"cpanel":   cpanel(t, data),
		"members":  join(compress(t, data[:half], "gzip"), compress(t, data[half:], "gzip", "-1")),
		"trailing": join(cpanel(t, data), make([]byte, 700)),
	} {
		rec, res := scanGzip(t, bytes.NewReader(gz))
		if !reflect.DeepEqual(res, want) || !slices.Equal(rec.events, whole.events) || rec.points == 0 {
			t.Errorf("%s: %+v, want %+v, %d points", name, res, want, rec.points)
		}
	}
}

//check:without needs pigz and bsdtar
func TestCompressedArchiveResumes(t *testing.T) {
	t.Parallel()
	small := mixed(t)
	small = small[:len(small)-1024] // without its end
	data := bytes.Repeat(small, 24<<20/len(small))
	gz := cpanel(t, data)
	o := Options{Gzip: true, Nested: nestedHome, Every: 1 << 20}
	whole := &recorder{want: wantSome}
	var all []split
	o.Save = func(state []byte) error {
		all = append(all, split{bytes.Clone(state), len(whole.members)})
		return nil
	}
	want, err := Scan(context.Background(), bytes.NewReader(gz), whole, o)
	if err != nil || want.Status != backup.Complete || want.Content != int64(len(data)) {
		t.Fatalf("%+v, %v", want, err)
	}
	if len(all) < 5 || whole.points < 3 {
		t.Fatalf("%d states, %d points", len(all), whole.points)
	}
	o.Save = nil
	for _, s := range all {
		at, err := Start(s.state)
		must(t, err)
		o.Resume = s.state
		rec := &recorder{want: wantSome}
		res, err := Scan(context.Background(), bytes.NewReader(gz[at:]), rec, o)
		if err != nil || !reflect.DeepEqual(res, want) || !reflect.DeepEqual(rec.members, whole.members[s.events:]) {
			t.Errorf("resumed at %d: %+v, %v, %d members, want %d", at, res, err, len(rec.members), len(whole.members)-s.events)
		}
		if o := (Options{Resume: s.state}); true {
			if _, err := Scan(context.Background(), bytes.NewReader(gz), rec, o); err == nil {
				t.Error("a state of a compressed archive is taken for a plain one")
			}
		}
	}
}

//check:without needs pigz and bsdtar
func TestFaultsOfCompressedArchives(t *testing.T) {
	t.Parallel()
	data := mixed(t)
	gz := cpanel(t, data)
	flipped := bytes.Clone(gz)
	flipped[len(gz)/2] ^= 0x55
	trailer := bytes.Clone(gz)
	trailer[len(gz)-6] ^= 1
	for name, c := range map[string]struct {
		gz     []byte
		want   backup.Status
		detail string
	}{
		"empty":             {nil, backup.Unreadable, "empty file"},
		"text":              {[]byte(strings.Repeat("hello\n", 1000)), backup.Unreadable, "not a gzip file"},
		"plain tar":         {data, backup.Unreadable, "not a gzip file"},
		"no tar":            {compress(t, []byte(strings.Repeat("hello\n", 1000)), "gzip"), backup.Unreadable, "not a tar archive"},
		"nothing":           {compress(t, nil, "gzip"), backup.Unreadable, "empty"},
		"truncated":         {gz[:len(gz)/2], backup.Truncated, "gzip data ends early at byte"},
		"trailer cut":       {gz[:len(gz)-3], backup.Truncated, "gzip data ends early at byte"},
		"gzip header cut":   {gz[:7], backup.Truncated, "gzip data ends early at byte"},
		"flipped":           {flipped, backup.Corrupt, "damaged"},
		"checksum":          {trailer, backup.Corrupt, "the checksum of the gzip data that end at byte"},
		"tar truncated":     {compress(t, data[:len(data)/2], "gzip"), backup.Truncated, "tar archive ends early"},
		"tar truncated too": {compress(t, data[:len(data)/2], "gzip")[:900], backup.Truncated, "gzip data ends early"},
	} {
		t.Run(name, func(t *testing.T) {
			rec, res := scanGzip(t, bytes.NewReader(c.gz))
			if res.Status != c.want || !strings.Contains(res.Detail, c.detail) {
				t.Errorf("%+v", res)
			}
			if name == "flipped" && len(rec.members) == 0 {
				t.Error("nothing stays of what came before the damage")
			}
		})
	}
}

//check:without needs pigz and bsdtar
func TestCompressedArchiveErrorsAreTold(t *testing.T) {
	t.Parallel()
	gz := cpanel(t, mixed(t))
	own := errors.New("own")
	rec := &recorder{err: own}
	if _, err := Scan(context.Background(), bytes.NewReader(gz), rec, Options{Gzip: true}); !errors.Is(err, own) {
		t.Errorf("handler: %v", err)
	}
	r := io.MultiReader(bytes.NewReader(gz[:len(gz)/2]), failingReader{own})
	if _, err := Scan(context.Background(), r, &recorder{}, Options{Gzip: true}); !errors.Is(err, own) {
		t.Errorf("reader: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Scan(ctx, bytes.NewReader(gz), &recorder{}, Options{Gzip: true}); !errors.Is(err, context.Canceled) {
		t.Errorf("context: %v", err)
	}
}

func TestGarbageIsNoEndOfAnArchiveWithoutAMarker(t *testing.T) {
	t.Parallel()
	first, second := compress(t, file("a", "1"), "gzip"), compress(t, file("b", "2"), "gzip")
	marked := compress(t, join(file("b", "2"), make([]byte, 1024)), "gzip")
	damaged := bytes.Clone(second)
	damaged[0] ^= 1
	for name, c := range map[string]struct {
		gz   []byte
		want backup.Status
	}{
		"no marker": {join(first, second), backup.Complete}, "damaged member": {join(first, damaged), backup.Truncated},
		"zeros": {join(first, make([]byte, 600)), backup.Truncated}, "marker and garbage": {join(first, marked, []byte("garbage")), backup.Complete},
		"marker and zeros": {join(first, marked, make([]byte, 600)), backup.Complete},
	} {
		res, err := Scan(t.Context(), bytes.NewReader(c.gz), &recorder{}, Options{Gzip: true, Size: int64(len(c.gz))})
		if err != nil || res.Status != c.want {
			t.Errorf("%s: %+v, %v; want %s", name, res, err, c.want)
		}
	}
}
