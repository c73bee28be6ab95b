package wire

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

func alloc(n int) []byte { return make([]byte, n) }

func FuzzReply(f *testing.F) {
	f.Add([]byte{0, 0, 0, 9, Status, 0, 0, 0, 1, 0, 0, 0, 2})
	f.Add([]byte{0, 0, 0, 11, Handle, 0, 0, 0, 1, 0, 0, 0, 2, 'a', 'b'})
	f.Add([]byte{0, 0, 0, 11, Data, 0, 0, 0, 1, 0, 0, 0, 2, 'a', 'b'})
	f.Add(append([]byte{0, 0, 0, 26, Name, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 'a', 0, 0, 0, 0},
		0, 0, 0, 4, 0, 0, 0x81, 0xa4))
	f.Add([]byte{0, 0, 0, 21, Attrs, 0, 0, 0, 1, 0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{0, 0, 0, 14, Version, 0, 0, 0, 3, 0, 0, 0, 1, 'x', 0, 0, 0, 0})
	f.Add(append([]byte{0, 0, 0, 37, ExtReply, 0, 0, 0, 1}, make([]byte, 32)...))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, Data, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := bytes.NewReader(stream)
		for {
			reply, err := ReadReply(r, alloc)
			if err != nil {
				return
			}
			_, _, _ = StatusOf(reply.Body)
			_, _ = HandleOf(reply.Body)
			if p, err := DataOf(reply.Body); err == nil && len(p) > len(reply.Body) {
				t.Fatal("data longer than its packet")
			}
			if a, err := AttrsOf(reply.Body); err == nil && a.Size < 0 {
				t.Fatal("negative size")
			}
			list, _ := NamesOf(nil, reply.Body)
			if len(list)*12 > len(reply.Body) {
				t.Fatalf("%d entries out of %d bytes", len(list), len(reply.Body))
			}
			_, _ = ExtensionsOf(reply.Body)
			_, _ = LimitsOf(reply.Body)
			_, _ = VolumeOf(reply.Body)
		}
	})
}

func TestPacketLengthIsBounded(t *testing.T) {
	for _, head := range [][]byte{{0, 0, 0, 4}, {0, 0x10, 0, 1}, {0xff, 0xff, 0xff, 0xff}} {
		_, err := ReadReply(bytes.NewReader(append(head, make([]byte, 64)...)), func(n int) []byte {
			t.Errorf("%v: room for %d bytes asked", head, n)
			return make([]byte, n)
		})
		if !errors.Is(err, ErrMalformed) {
			t.Errorf("%v: %v", head, err)
		}
	}
}

func TestCutPacketIsUnexpectedEOF(t *testing.T) {
	packet := AppendString(nil, Lstat, 7, "some/path")
	for n := 1; n < len(packet); n++ {
		if _, err := ReadReply(bytes.NewReader(packet[:n]), alloc); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut after %d bytes: %v", n, err)
		}
	}
}

func TestRequestsHaveTheLengthTheySay(t *testing.T) {
	for name, packet := range map[string][]byte{
		"init": AppendInit(nil), "string": AppendString(nil, OpenDir, 1, "a\nb"),
		"open": AppendOpen(nil, 2, "x", OpenRead, Attributes{}), "read": AppendRead(nil, 3, "hh", 1<<40, 32768),
		"write": AppendWrite(nil, 4, "hh", 1<<40, []byte("data")), "rename": AppendStrings(nil, Rename, 5, "a", "bc"),
		"attributes":   AppendAttributes(nil, SetStat, 6, "x", Attributes{Flags: HasSize | HasOwner | HasMode | HasTimes}),
		"create":       AppendOpen(nil, 7, "x", OpenWrite|OpenCreate, Attributes{Flags: HasMode, Mode: 0o600}),
		"posix rename": AppendPosixRename(nil, 8, "a", "bc"),
		"hard link":    AppendHardLink(nil, 9, "a", "bc"), "copy": AppendCopyData(nil, 10, "hh", "i", 1<<40, 5),
	} {
		r := bytes.NewReader(packet)
		if _, err := ReadReply(r, alloc); err != nil || r.Len() != 0 {
			t.Errorf("%s: %v, %d bytes left", name, err, r.Len())
		}
	}
}
