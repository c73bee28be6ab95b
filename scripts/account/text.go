package main

import (
	"encoding/binary"
	"maps"
	"os"
	"slices"
)

// text cuts n bytes of somebody's source code out of a file picked at random.
func (a *account) text(n int) []byte {
	var out []byte
	for len(out) < n {
		source, err := os.ReadFile(a.sources[a.random.IntN(len(a.sources))])
		if err != nil || len(source) == 0 {
			continue
		}
		start := a.random.IntN(len(source))
		out = append(out, source[start:min(len(source), start+n-len(out))]...)
	}
	return out
}

// fill fills p with bytes that do not compress.
func (a *account) fill(p []byte) {
	var word [8]byte
	for len(p) > 0 {
		binary.LittleEndian.PutUint64(word[:], a.random.Uint64())
		p = p[copy(p, word[:]):]
	}
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
