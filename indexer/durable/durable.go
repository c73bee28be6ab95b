// Package durable makes changes of local files outlive a power cut. It must not know what is in them.
package durable

import (
	"errors"
	"os"
)

// SyncDir waits until the names in a directory are on the disk.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
