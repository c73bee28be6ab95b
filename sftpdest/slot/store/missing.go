package store

import (
	"errors"
	"io/fs"
)

// Missing is nil for an error that says that something is not there.
func Missing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
