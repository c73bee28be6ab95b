package session

import (
	"io"
	"net"
	"testing"

	"slotfs/sftpdest/sshdtest"
	"slotfs/sftpdest/wire"
)

// FuzzSession holds a session against any bytes from a server: calls end, and nothing panics.
func FuzzSession(f *testing.F) {
	hello := sshdtest.Packet(wire.Version, 3)
	f.Add(hello)
	f.Add(append(sshdtest.Packet(wire.Version, 3, wire.LimitsExtension, "1"), sshdtest.Packet(wire.ExtReply, 1, make([]byte, 32))...))
	f.Add(append(append([]byte{}, hello...), sshdtest.Packet(wire.Handle, 1, "h")...))
	f.Add(append(append([]byte{}, hello...), sshdtest.Packet(wire.Attrs, 1, sshdtest.Regular(5))...))
	f.Add(append(append(append([]byte{}, hello...), sshdtest.Packet(wire.Handle, 1, "h")...),
		sshdtest.Packet(wire.Name, 2, 1, "a", "", sshdtest.Regular(1))...))
	f.Fuzz(func(t *testing.T, stream []byte) {
		here, there := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, there) }()
		go func() {
			_, _ = there.Write(stream)
			there.Close()
		}()
		s, err := New(t.Context(), here, Config{})
		if err != nil {
			return
		}
		_, _ = s.List(t.Context(), "d")
		_, _, _ = s.OpenRegular(t.Context(), "f")
		_, _ = s.Name(t.Context(), wire.ReadLink, "l")
		s.Fail(io.EOF)
	})
}
