package content_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"slotfs/fs/content"
)

func TestSmallFilesAheadAreBoundedInBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n, size = 60, 250_000
		files := map[string][]byte{}
		for i := range n {
			files[fmt.Sprintf("mail/%03d", i)] = bytes.Repeat([]byte{byte(i)}, size)
		}
		x := plant(t, files, content.Options{})
		defer x.reader.Close()
		for i := range n {
			name := fmt.Sprintf("mail/%03d", i)
			got, err := read(t.Context(), x.open(t, name), 100_000)
			if err != nil || !bytes.Equal(got, files[name]) {
				t.Fatalf("%s: %d bytes, %v", name, len(got), err)
			}
			time.Sleep(time.Minute) // until nothing is on its way any more
			came := x.fake.Counts().Bytes
			if ahead := came - int64(i+1)*size; ahead > 8<<20 {
				t.Fatalf("%d bytes ahead of file %d", ahead, i)
			} else if want := int64(min(n-i-1, 8<<20/size)) * size; i >= 3 && ahead < want {
				t.Fatalf("only %d bytes ahead of file %d, want %d", ahead, i, want)
			}
		}
		if c := x.fake.Counts(); c.Bytes != n*size {
			t.Errorf("%d bytes came for %d", c.Bytes, n*size)
		}
	})
}

func TestFileThatIsOpenedComesBeforeThoseAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := map[string][]byte{}
		for i := range 20 {
			files[fmt.Sprintf("mail/%03d", i)] = []byte("x")
		}
		x := plant(t, files, content.Options{})
		defer x.reader.Close()
		x.fake.SetLatency(time.Second)
		for i := range 3 {
			x.open(t, fmt.Sprintf("mail/%03d", i))
		}
		time.Sleep(time.Minute) // until nothing is on its way any more
		if opened := x.fake.Counts().Opened; !slices.Contains(opened, "acct/mail/002") {
			t.Errorf("opened %q, and not the one that somebody waits for", opened)
		}
	})
}
