package dest

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// ErrNotRegular says that what Open was asked for is no regular file: a directory, a symbolic link, a device.
var ErrNotRegular = errors.New("not a regular file")

// CheckPath refuses, with fs.ErrInvalid, paths that no listing leads to: absolute ones, and ones with an empty
// element, "." or "..", or a NUL. Implementations call it before a path leaves the machine.
func CheckPath(p string) error {
	if p == "" {
		return nil
	}
	if strings.IndexByte(p, 0) >= 0 {
		return fmt.Errorf("path %q: %w", p, fs.ErrInvalid)
	}
	for element := range strings.SplitSeq(p, "/") {
		if element == "" || element == "." || element == ".." {
			return fmt.Errorf("path %q: %w", p, fs.ErrInvalid)
		}
	}
	return nil
}

// Parent is the directory that a path is in; "" is the destination's directory, which is in itself.
func Parent(p string) string {
	if dir := path.Dir(p); dir != "." {
		return dir
	}
	return ""
}
