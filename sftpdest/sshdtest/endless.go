package sshdtest

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// Endless is an SFTP server whose every directory has Names directories in it, below some that have names of their own.
type Endless struct {
	Top   []string // names of the only entries of the first directories
	Names int
	Long  int // bytes of a name
}

const (
	typeInit, typeLstat, typeReadDir, typeRealPath, typeStat, typeName, typeAttrs = 1, 7, 12, 16, 17, 104, 105
	statusEOF                                                                     = 1
	endlessBatch                                                                  = 2000
)

// Serve is for LocalOptions.Serve.
func (e Endless) Serve(client io.ReadWriteCloser) error {
	listed := map[string]int{} // names told, by handle
	for n := 0; ; n++ {
		packet, err := readPacket(client)
		if err != nil {
			return err
		}
		if packet[0] == typeInit {
			if err := writePacket(client, []byte{typeVersion, 0, 0, 0, 3}); err != nil {
				return err
			}
			continue
		}
		id, argument := packet[1:5], ""
		if rest := packet[5:]; len(rest) >= 4 {
			argument = string(rest[4 : 4+binary.BigEndian.Uint32(rest)])
		}
		if err := writePacket(client, e.answer(packet[0], id, argument, n, listed)); err != nil {
			return err
		}
	}
}

func (e Endless) answer(typ byte, id []byte, argument string, n int, listed map[string]int) []byte {
	out := func(typ byte) []byte { return append([]byte{typ}, id...) }
	status := func(code uint32) []byte {
		b := binary.BigEndian.AppendUint32(out(typeStatus), code)
		return append(b, 0, 0, 0, 0, 0, 0, 0, 0)
	}
	switch typ {
	case typeRealPath:
		return appendName(binary.BigEndian.AppendUint32(out(typeName), 1), argument)
	case typeStat, typeLstat:
		return appendDirectory(out(typeAttrs))
	case typeOpenDir:
		handle := fmt.Sprintf("%d %s", n, argument)
		listed[handle] = 0
		return appendText(out(typeHandle), handle)
	case typeReadDir:
		_, path, _ := strings.Cut(argument, " ")
		from := listed[argument]
		names := e.names(path, from)
		if len(names) == 0 {
			return status(statusEOF)
		}
		listed[argument] += len(names)
		b := binary.BigEndian.AppendUint32(out(typeName), uint32(len(names)))
		for _, name := range names {
			b = appendName(b, name)
		}
		return b
	case typeClose:
		delete(listed, argument)
		return status(statusOK)
	}
	return status(statusUnsupported)
}

// names are some of a directory.
func (e Endless) names(path string, from int) (names []string) {
	depth := 0
	for element := range strings.SplitSeq(path, "/") {
		if element != "" && element != "." {
			depth++
		}
	}
	if depth < len(e.Top) {
		if from > 0 {
			return nil
		}
		return e.Top[depth : depth+1]
	}
	for i := from; i < min(from+endlessBatch, e.Names); i++ {
		names = append(names, fmt.Sprintf("%0*d", e.Long, i))
	}
	return names
}

func appendName(b []byte, name string) []byte {
	return appendDirectory(appendText(appendText(b, name), ""))
}

// appendDirectory appends the attributes of a directory.
func appendDirectory(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, 1|2|4|8)
	b = binary.BigEndian.AppendUint64(b, 4096)
	for _, v := range []uint32{0, 0, 0o40755, 1_700_000_000, 1_700_000_000} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

func readPacket(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	packet := make([]byte, binary.BigEndian.Uint32(head[:]))
	_, err := io.ReadFull(r, packet)
	return packet, err
}

func writePacket(w io.Writer, packet []byte) error {
	_, err := w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(packet))), packet...))
	return err
}
