package archive

import "bytes"

// Limits of what Linux can name.
const (
	maxElement = 255
	maxPath    = 4096
)

// clean appends name to dst, which is empty or a path to stand below, without empty and "." elements. It
// reports false for a name that leads outside or cannot exist.
func clean(dst, name []byte) ([]byte, bool) {
	for len(name) > 0 {
		element := name
		if i := bytes.IndexByte(name, '/'); i >= 0 {
			element, name = name[:i], name[i+1:]
		} else {
			name = nil
		}
		switch {
		case len(element) == 0, len(element) == 1 && element[0] == '.':
			continue
		case len(element) == 2 && element[0] == '.' && element[1] == '.', len(element) > maxElement:
			return dst, false
		}
		if len(dst) > 0 {
			dst = append(dst, '/')
		}
		dst = append(dst, element...)
		if len(dst) > maxPath {
			return dst, false
		}
	}
	return dst, true
}

// inside is the target of a hard link as GNU tar takes it: without all up to the last element that is "..".
func inside(link []byte) []byte {
	for i := len(link) - 2; i >= 0; i-- {
		if link[i] == '.' && link[i+1] == '.' && (i == 0 || link[i-1] == '/') && (i+2 == len(link) || link[i+2] == '/') {
			return link[i+2:]
		}
	}
	return link
}
