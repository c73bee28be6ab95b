package index

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// lockDir takes the lock that makes a process the owner of the index in dir. It lies on the directory itself,
// so that it leaves no file and cannot be stale.
func lockDir(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, errBusy
	}
	return nil, fmt.Errorf("lock %s: %w", dir, err)
}

// eachFile calls fn with the path of each file in dir.
func eachFile(dir string, fn func(path string) error) error {
	names, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, n := range names {
		if !n.Type().IsRegular() {
			continue
		}
		// Badger deletes files whenever it likes.
		if err := fn(filepath.Join(dir, n.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// restrict takes from the files what the umask left to others. The directory keeps them out already.
func (x *Index) restrict() error {
	return eachFile(x.dir, func(path string) error { return os.Chmod(path, 0o600) })
}

// sync makes everything durable that badger was given. Its own Sync leaves out the logs of memtables that are
// full but not yet tables: after a power cut a record could be there without the nodes that it refers to.
func (x *Index) sync() error {
	if err := x.db.Sync(); err != nil {
		return fmt.Errorf("sync: %w", fault(err))
	}
	return eachFile(x.dir, func(path string) error {
		if filepath.Ext(path) != memExt {
			return nil
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		return f.Sync()
	})
}

// syncBatch is sync, if nodes or points were written since the last time.
func (x *Index) syncBatch() error {
	if !x.batch.dirty.Swap(false) {
		return nil
	}
	err := x.sync()
	if err != nil {
		x.batch.dirty.Store(true)
	}
	return err
}

// diskBytes is the room that the files in dir take: badger's logs are mostly holes.
func diskBytes(dir string) (total int64, err error) {
	err = eachFile(dir, func(path string) error {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if s, ok := info.Sys().(*syscall.Stat_t); ok {
			total += s.Blocks * 512
		}
		return nil
	})
	return total, err
}

// removeFiles deletes all files in dir.
func removeFiles(dir string) error { return eachFile(dir, os.Remove) }
