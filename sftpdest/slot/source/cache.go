package source

import (
	"bytes"
	"slices"
	"strings"
)

// A directory with a file of this name that begins with the signature is a cache (bford.info/cachedir).
const (
	cacheTag       = "CACHEDIR.TAG"
	cacheSignature = "Signature: 8a477f597d28d172789f06886806bc55"
)

// isCache reports whether the directory fd with these names says that it is a cache.
func isCache(fd int, names []name) bool {
	_, found := slices.BinarySearchFunc(names, cacheTag, func(n name, tag string) int { return strings.Compare(n.name, tag) })
	if !found {
		return false
	}
	data, err := readHead(fd, cacheTag, len(cacheSignature))
	return err == nil && bytes.Equal(data, []byte(cacheSignature))
}
