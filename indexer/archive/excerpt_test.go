package archive

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"slotfs/indexer/backup"
)

// sizes are around those of what is wanted of both ends, and larger than what is skipped or saved in between.
var excerptSizes = []int{0, 1, 511, 512, 513, 1023, 1024, 1025, 4096, 9 << 20}

func dumps() (data []byte, contents map[string]string) {
	contents = map[string]string{}
	for n, size := range excerptSizes {
		name := fmt.Sprintf("dump%d", n)
		var text strings.Builder
		for text.Len() < size {
			fmt.Fprintf(&text, "%d,", text.Len())
		}
		contents[name] = text.String()[:size]
		data = append(data, file(name, contents[name])...)
	}
	return append(data, make([]byte, 1024)...), contents
}

func TestBothEndsOfMembersAreDeliveredAtEverySize(t *testing.T) {
	t.Parallel()
	data, contents := dumps()
	for _, ends := range []backup.Excerpt{{First: 512, Last: 512}, {First: 100}, {Last: 100}, {First: 1 << 30, Last: 1}, backup.Whole} {
		for _, size := range []int{511, 4096, 200_000} {
			rec := &recorder{ends: ends}
			res, err := Scan(context.Background(), &chunks{data, size}, rec, Options{})
			if err != nil || res.Status != backup.Complete {
				t.Fatalf("%+v, %v", res, err)
			}
			checkExcerpts(t, rec.content, contents, ends)
		}
		rec := &recorder{ends: ends}
		skipped := &skipping{Reader: bytes.NewReader(data)}
		if _, err := Scan(context.Background(), skipped, rec, Options{Size: int64(len(data))}); err != nil {
			t.Fatal(err)
		}
		checkExcerpts(t, rec.content, contents, ends)
		if ends != backup.Whole && ends.First < 1<<20 && skipped.skipped < 4<<20 {
			t.Errorf("%+v: %d bytes were skipped", ends, skipped.skipped)
		}
	}
}

func checkExcerpts(t *testing.T, got map[string][]byte, contents map[string]string, ends backup.Excerpt) {
	t.Helper()
	for name, content := range contents {
		from, to := ends.Gap(int64(len(content)))
		if want := content[:from] + content[to:]; string(got[name]) != want {
			t.Errorf("%+v of %s with %d bytes: %d bytes, want %d", ends, name, len(content), len(got[name]), len(want))
		}
	}
}

func TestScanGoesOnBetweenTheWantedEndsOfAMember(t *testing.T) {
	t.Parallel()
	data, contents := dumps()
	ends := backup.Excerpt{First: 512, Last: 512}
	rec := &recorder{ends: ends}
	within := 0
	check := func(state []byte) error {
		at, err := Start(state)
		if err != nil {
			return err
		}
		rest := &recorder{ends: ends, members: slices.Clone(rec.members), open: rec.open, partial: bytes.Clone(rec.partial)}
		if _, err := Scan(context.Background(), bytes.NewReader(data[at:]), rest, Options{Resume: state}); err != nil {
			return err
		}
		if rec.open {
			within++
			name := rec.members[len(rec.members)-1].Path
			checkExcerpts(t, rest.content, map[string]string{name: contents[name]}, ends)
		}
		return nil
	}
	if _, err := Scan(context.Background(), &chunks{data, 500_000}, rec, Options{Every: 1, Save: check}); err != nil {
		t.Fatal(err)
	}
	if within < 10 {
		t.Errorf("%d states within a member", within)
	}
}
