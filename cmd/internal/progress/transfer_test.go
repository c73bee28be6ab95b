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
	tr := NewTransfer(NewScreen(&out, func() int { return 200 }, c.now))
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
	silent := NewTransfer(Silent())
	silent.Begin("a")
	silent.Sent(1, 1)
	silent.Line("x")
	silent.End()
	c := &clock{at: time.Unix(1000, 0)}
	var out bytes.Buffer
	tr := NewTransfer(NewScreen(&out, nil, c.now))
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

func TestTransfersSideBySideAreCountedTogether(t *testing.T) {
	c := &clock{at: time.Unix(1000, 0)}
	var out bytes.Buffer
	tr := NewTransfer(NewScreen(&out, func() int { return 200 }, c.now))
	shows := func(want string) {
		t.Helper()
		if !strings.HasSuffix(out.String(), want) {
			t.Errorf("%q is not the end of\n%q", want, out.String())
		}
	}
	tr.Position(1, 5)
	tr.Begin("nightly/alice")
	tr.Position(2, 5)
	tr.Begin("nightly/bob")
	tr.Planned(10, 1<<30)
	tr.Planned(20, 1<<30)
	c.advance(time.Second)
	tr.Sent(6, 1<<30)
	shows("[2/5] nightly/alice and 1 more: 6 of 30 files, 1.0 GiB of 2.0 GiB (50%)\n")
	tr.Finish("nightly/alice")
	tr.Above(func() { out.WriteString("alice is done\n") })
	shows("\x1b[1A\r\x1b[Jalice is done\n")
	c.advance(time.Second)
	tr.Sent(1, 0)
	shows("[2/5] nightly/bob: 7 of 30 files, 1.0 GiB of 2.0 GiB (50%), 1.0 GiB/s, 1s left\n")
	tr.Finish("nightly/bob")
	shows("\x1b[1A\r\x1b[J")
	tr.Begin("nightly/carol")
	c.advance(time.Second)
	tr.Scanned(3, 1<<20)
	shows("nightly/carol: looking: 3 files, 1.0 MiB\n")
}
