package browse

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"slotfs/cmd/internal/exit"
	"slotfs/indexer/backup"
)

// PathHint tells what paths look like.
const PathHint = "paths are as in the mount: DESTINATION/[ORIGIN/]accounts/ACCOUNT/SNAPSHOT/...; `slotfs ls` shows the first level"

// Explain adds what people need to know to an error about a path.
func Explain(op, p string, err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	if errors.Is(err, fs.ErrNotExist) && err.Error() == fs.ErrNotExist.Error() { // in the words of the kernel, whoever says it
		err = syscall.ENOENT
	}
	err = fmt.Errorf("%s %s: %w", op, cmp.Or(p, "/"), err)
	if errors.Is(err, fs.ErrNotExist) {
		return exit.Hinted(err, PathHint)
	}
	return err
}

// TypeName is the type of a file in a word.
func TypeName(mode uint32) string {
	switch mode & backup.ModeType {
	case backup.ModeDir:
		return "directory"
	case backup.ModeRegular:
		return "file"
	case backup.ModeSymlink:
		return "link"
	case backup.ModeFIFO:
		return "fifo"
	case backup.ModeSocket:
		return "socket"
	}
	return "other"
}

// Missing reports whether err says that there is no such path.
func Missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ENAMETOOLONG)
}
