package packed

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"slotfs/indexer/backup"
)

var want = backup.Excerpt{First: 100, Last: 50, Unpacked: true}

func gzipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, text)
	_ = z.Close()
	return b.String()
}

func zstandard(t testing.TB, text string, o ...zstd.EOption) string {
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b, o...)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(z, text)
	_ = z.Close()
	return b.String()
}

// ends writes content in pieces.
func ends(content string, piece int) ([]byte, error) {
	e := Begin(want)
	for len(content) > 0 {
		n := min(piece, len(content))
		e.Write([]byte(content[:n]))
		content = content[n:]
	}
	return e.Finish()
}

// lines is a text of so many bytes.
func lines(size int) string {
	var text strings.Builder
	for text.Len() < size {
		fmt.Fprintf(&text, "INSERT INTO t VALUES (%d);\n", text.Len())
	}
	return text.String()[:size]
}

func TestBothEndsOfPackedFilesAreFoundAtEverySize(t *testing.T) {
	for _, size := range []int{0, 1, 50, 99, 100, 101, 149, 150, 151, 200, 5000, 100_000} {
		text := lines(size)
		excerpt := backup.Excerpt{First: want.First, Last: want.Last}
		from, to := excerpt.Gap(int64(size))
		for name, content := range map[string]string{"gzip": gzipped(text), "members": gzipped(text[:size/2]) + gzipped(text[size/2:]),
			"zstd": zstandard(t, text), "frames": zstandard(t, text[:size/3]) + zstandard(t, text[size/3:])} {
			if content == "" {
				continue // zstd of nothing
			}
			for _, piece := range []int{1, 7, 64 << 10} {
				if got, err := ends(content, piece); err != nil || string(got) != text[:from]+text[to:] {
					t.Errorf("%s of %d bytes, %d at once: %d bytes, %v", name, size, piece, len(got), err)
				}
			}
		}
	}
}

func TestPackedFilesThatAreCutOrDamagedSaySo(t *testing.T) {
	text := lines(100_000)
	whole := gzipped(text)
	for n := range len(whole) {
		if n >= 2 && n%17 == 0 {
			if got, err := ends(whole[:n], 4096); !errors.Is(err, ErrDamaged) || !strings.HasPrefix(text, string(got[:min(len(got), 100)])) {
				t.Errorf("gzip cut to %d of %d bytes: %v", n, len(whole), err)
			}
		}
	}
	if _, err := ends(whole[:len(whole)/2]+"x"+whole[len(whole)/2+1:], 4096); !errors.Is(err, ErrDamaged) {
		t.Errorf("a wrong byte: %v", err)
	}
	z := zstandard(t, text)
	if _, err := ends(z[:len(z)-5], 4096); !errors.Is(err, ErrDamaged) {
		t.Errorf("zstd that is cut: %v", err)
	}
}

func TestNothingIsToldOfWhatCannotBeUnpackedHere(t *testing.T) {
	for name, content := range map[string]string{"plain": lines(1000), "nothing": "", "one byte": "\x1f",
		"large window": zstandard(t, lines(1000), zstd.WithWindowSize(64<<20), zstd.WithSingleSegment(false)) + zstandard(t, lines(20<<20), zstd.WithWindowSize(64<<20))} {
		if got, err := ends(content, 4096); err == nil || errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}

func TestAFileThatIsGivenUpEndsItsGoroutine(t *testing.T) {
	e := Begin(want)
	e.Write([]byte(gzipped(lines(100_000))[:1000]))
	e.Close()
	e.Close()
	select {
	case <-e.done:
	default:
		t.Error("it still runs")
	}
}

func FuzzEnds(f *testing.F) {
	f.Add([]byte(gzipped(lines(300))))
	f.Add([]byte(zstandard(f, lines(300))))
	f.Add([]byte("\x1f\x8b\x08\x00"))
	f.Add([]byte("\x28\xb5\x2f\xfd\x00"))
	f.Fuzz(func(t *testing.T, content []byte) {
		one, errOne := ends(string(content), 3)
		all, errAll := ends(string(content), 1<<20)
		if !bytes.Equal(one, all) || (errOne == nil) != (errAll == nil) || int64(len(all)) > want.First+want.Last {
			t.Errorf("in pieces %q %v, at once %q %v", one, errOne, all, errAll)
		}
	})
}
