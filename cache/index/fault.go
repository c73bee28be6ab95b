package index

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/dgraph-io/badger/v4"
	"golang.org/x/sys/unix"
)

var (
	// ErrBusy says that another process owns the index.
	ErrBusy = errors.New("index in use by another process")
	// ErrVersion says that the index has another format version.
	ErrVersion = errors.New("index of another format version")
	// ErrDamaged says that something in the index does not match its hash or cannot be decoded.
	ErrDamaged = errors.New("index damaged")
	// ErrFull says that the disk of the index has no room.
	ErrFull = errors.New("no space left for the index")
)

// hinted is an error whose cure is known. The terminal shows what Hint says below the error.
type hinted struct {
	error
	hint string
}

func (e *hinted) Hint() string { return e.hint }

func (e *hinted) Unwrap() error { return e.error }

// The sentinels with their cures.
var (
	errBusy = &hinted{ErrBusy, "a running `slotfs mount` or `slotfs index` owns the index; " +
		"wait for it to end, or ask it through its control socket"}
	errVersion = &hinted{ErrVersion, "run `slotfs index --rebuild` to build it anew; backups are not touched"}
	errDamaged = &hinted{ErrDamaged, "run `slotfs index --rebuild` to build it anew; backups are not touched"}
	errFull    = &hinted{ErrFull, "free space on the disk of the state directory, or move it with --state-dir"}
)

// errNoKey says that there is no such key. It does not leave the package: every caller knows what it means.
var errNoKey = errors.New("no such key")

// Badger writes through mapped files with holes in them: a disk that runs full kills the process where a
// write would have failed. So there must be room for everything that a write may set off.
const (
	// roomToPut is left for the logs of the memtables (2 x 8 MiB each), their tables and one compaction.
	roomToPut = 96 << 20
	// roomToDelete is less, because deleting is how room comes back.
	roomToDelete = 48 << 20
	// roomToOpen is what badger may write before anybody asks it to write.
	roomToOpen = 32 << 20
)

// room refuses with ErrFull if the disk has less than need bytes left for us.
func (x *Index) room(need int64) error {
	left, err := freeBytes(x.dir)
	if err != nil {
		return err
	}
	if left < need {
		return fmt.Errorf("%d MiB left, %d MiB needed: %w", left>>20, need>>20, errFull)
	}
	return nil
}

func freeBytes(dir string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("statfs %s: %w", dir, err)
	}
	return int64(s.Bavail) * s.Bsize, nil
}

// fault gives errors of the system and of badger the sentinels of this package. Badger drops the cause of most
// errors, so what matters is asked of the system beforehand (room, checkFiles).
func fault(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, badger.ErrKeyNotFound):
		return errNoKey
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: %w", errFull, err)
	}
	return err
}

// damaged is an error of something that is not as it was written.
func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %w", fmt.Errorf(format, args...), errDamaged)
}
