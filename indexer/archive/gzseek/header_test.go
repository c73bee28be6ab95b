package gzseek

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os/exec"
	"testing"
)

// TestHeadersAreTakenAsGzipTakesThem compares with gzip -t, whose exit code 2 is a warning about what it ignores.
func TestHeadersAreTakenAsGzipTakesThem(t *testing.T) {
	member := compress(t, "gzip -n", []byte("hello"))
	body := member[10:]
	header := func(flags byte, rest ...byte) []byte {
		return append([]byte{0x1f, 0x8b, 8, flags, 1, 2, 3, 4, 0, 3}, rest...)
	}
	summed := func(h []byte) []byte { return binary.LittleEndian.AppendUint16(h, uint16(crc32.ChecksumIEEE(h))) }
	extra := append([]byte{200, 0}, bytes.Repeat([]byte("x"), 200)...)
	heads := map[string][]byte{
		"plain": header(0), "text": header(1), "extra": header(4, extra...), "empty extra": header(4, 0, 0), "name": header(8, 'a', 0),
		"long name": header(8, append(bytes.Repeat([]byte("n"), 70_000), 0)...), "comment": header(16, 'c', 0),
		"all": summed(header(0x1f, append(extra, "name\x00comment\x00"...)...)), "checksum": summed(header(2)),
		"wrong checksum": header(2, 0, 0), "checksum of a name": summed(header(10, 'a', 0)),
		"encrypted": header(0x20), "reserved 6": header(0x40), "reserved 7": header(0x80), "method": {0x1f, 0x8b, 7, 0, 1, 2, 3, 4, 0, 3},
		"extra behind the end": header(4, 0xff, 0xff), "name without an end": header(8),
	}
	tails := map[string][]byte{"": nil, "zeros": make([]byte, 3000), "garbage": []byte("garbage"), "zeros and garbage": []byte("\x00\x00garbage")}
	for name, head := range heads {
		stored := append(bytes.Clone(head), body...)
		compareWithGzip(t, name, stored)
		compareWithGzip(t, "second with "+name, append(bytes.Clone(member), stored...))
		for tail, rest := range tails {
			compareWithGzip(t, fmt.Sprintf("%s, then %s", name, tail), append(bytes.Clone(stored), rest...))
		}
	}
}

func compareWithGzip(t *testing.T, name string, stored []byte) {
	t.Helper()
	c := exec.Command("gzip", "-t")
	c.Stdin = bytes.NewReader(stored)
	var exit *exec.ExitError
	refused := errors.As(c.Run(), &exit) && exit.ExitCode() == 1
	rec, err := scan(t, stored, nil)
	if (err != nil) != refused {
		t.Errorf("%s: %v, gzip refuses it: %v", name, err, refused)
	}
	checkPointsOwn(t, stored, rec)
}
