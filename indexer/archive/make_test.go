package archive

import (
	"bytes"
	"fmt"
)

// makeHeader makes a ustar header.
func makeHeader(name string, typeflag byte, size int64) []byte {
	h := make([]byte, blockSize)
	copy(h[:100], name)
	copy(h[100:], "0000644\x000001750\x000001751\x00")
	copy(h[124:], fmt.Sprintf("%011o\x00%011o\x00", size, 1_700_000_000))
	h[156] = typeflag
	copy(h[257:], "ustar\x0000")
	resum(h)
	return h
}

// resum makes the checksum of h right.
func resum(h []byte) {
	sum := 8 * int(' ')
	for i, c := range h {
		if i < 148 || i >= 156 {
			sum += int(c)
		}
	}
	copy(h[148:156], fmt.Sprintf("%06o\x00 ", sum))
}

func linkTo(name string, typeflag byte, target string) []byte {
	h := makeHeader(name, typeflag, 0)
	copy(h[157:257], target)
	resum(h)
	return h
}

func file(name, content string) []byte {
	return join(makeHeader(name, '0', int64(len(content))), padded([]byte(content)))
}

// extension makes a header of the kinds x, g, L and K with its content.
func extension(kind byte, content []byte) []byte {
	return join(makeHeader("././@Ext", kind, int64(len(content))), padded(content))
}

// pax makes an extended header of pairs of key and value.
func pax(kv ...string) []byte { return extension('x', paxRecords(kv...)) }

func paxRecords(kv ...string) []byte {
	var out []byte
	for i := 0; i < len(kv); i += 2 {
		body := " " + kv[i] + "=" + kv[i+1] + "\n"
		n := len(body) + 1
		for len(fmt.Sprint(n))+len(body) != n {
			n++
		}
		out = append(out, fmt.Sprint(n)+body...)
	}
	return out
}

func padded(b []byte) []byte { return append(bytes.Clone(b), make([]byte, -len(b)&(blockSize-1))...) }

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
