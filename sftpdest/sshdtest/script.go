package sshdtest

import (
	"encoding/binary"
	"io"

	"slotfs/sftpdest/wire"
)

// Script answers one request: nil is no answer.
type Script func(r wire.Reply) []byte

// Play serves one session by a script. Requests have the frame of replies.
func Play(rw io.ReadWriteCloser, answer Script) error {
	for {
		r, err := wire.ReadReply(rw, func(n int) []byte { return make([]byte, n) })
		if err != nil {
			return err
		}
		out := Packet(wire.Version, 3)
		if r.Type != wire.Init {
			out = answer(r)
		}
		if out == nil {
			continue
		}
		if _, err := rw.Write(out); err != nil {
			return err
		}
	}
}

// Packet joins a body of strings, integers (4 bytes) and raw bytes.
func Packet(typ byte, id uint32, body ...any) []byte {
	b := binary.BigEndian.AppendUint32([]byte{0, 0, 0, 0, typ}, id)
	for _, part := range body {
		switch v := part.(type) {
		case string:
			b = append(binary.BigEndian.AppendUint32(b, uint32(len(v))), v...)
		case int:
			b = binary.BigEndian.AppendUint32(b, uint32(v))
		case []byte:
			b = append(b, v...)
		}
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

// Regular is the attributes of a file of n bytes.
func Regular(n int) []byte {
	b := binary.BigEndian.AppendUint32(nil, wire.HasSize|wire.HasMode|wire.HasTimes)
	b = binary.BigEndian.AppendUint64(b, uint64(n))
	b = binary.BigEndian.AppendUint32(b, 0o100644)
	return append(b, make([]byte, 8)...)
}
