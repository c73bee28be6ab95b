package progress

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestTransferShowsFilesBytesRateAndRest(t *testing.T) {
	c := &clock{at: time.Unix(1000, 0)}
	var out bytes.Buffer
	tr := NewLiveTransfer(&out, func() int { return 200 }, c.now)
	tr.Position(2, 5)
	tr.Begin("nightly/al\x1bice")
	c.advance(time.Second)
	tr.Scanned(100, 1<<30)
	tr.Planned(10, 1<<30)
	tr.Sent(0, 1)
	c.advance(10 * time.Second)
	tr.Sent(5, 1<<29)
	tr.Line("before: done")
	tr.End()
	for _, want := range []string{`[2/5] nightly/al\x1bice: looking: 100 files, 1.0 GiB`, "5 of 10 files, 512 MiB of 1.0 GiB (50%), 51 MiB/s, 10s left",
		"\x1b[1A\r\x1b[Jbefore: done\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing from\n%q", want, out.String())
		}
	}
}

func TestSilentTransferIsSilentAndPlainOneRare(t *testing.T) {
	silent := NewSilentTransfer()
	silent.Begin("a")
	silent.Sent(1, 1)
	silent.Line("x")
	silent.End()
	c := &clock{at: time.Unix(1000, 0)}
	var out bytes.Buffer
	tr := NewTransfer(&out, c.now)
	tr.Begin("nightly/alice")
	for range 1000 {
		c.advance(100 * time.Millisecond)
		tr.Sent(1, 1<<20)
	}
	tr.End()
	if n := strings.Count(out.String(), "\n"); n != 3 || strings.Contains(out.String(), "\x1b") {
		t.Errorf("%d lines in 100 s:\n%q", n, out.String())
	}
}
