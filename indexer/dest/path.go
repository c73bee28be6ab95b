package dest

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// ErrNotRegular says that what Open was asked for is no regular file: a directory, a symbolic link, a device.
var ErrNotRegular = errors.New("not a regular file")

// CheckPath refuses, with fs.ErrInvalid, paths that no listing leads to: absolute ones, and ones with an empty
// element, "." or "..", or a NUL. Implementations call it before a path leaves the machine.
func CheckPath(path string) error {
	if path == "" {
		return nil
	}
	if strings.IndexByte(path, 0) >= 0 {
		return fmt.Errorf("path %q: %w", path, fs.ErrInvalid)
	}
	for element := range strings.SplitSeq(path, "/") {
		if element == "" || element == "." || element == ".." {
			return fmt.Errorf("path %q: %w", path, fs.ErrInvalid)
		}
	}
	return nil
}
