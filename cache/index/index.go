// Package index keeps what passes found: nodes, seek points, snapshots and the state of unfinished passes, in
// badger. It is derived data: another format version is refused with the advice to rebuild. It knows no destination.
//
// Everything lies in the tree of badger's tables; its value log holds only values above 1 MiB. The keys are in
// keys.go, the encoding of records in record.go, and values begin with a tag:
//
//	nodes, blobs   tag (1 byte), data; the key is the hash of the unpacked data, which is checked at every Get
//	the rest       tag (1 byte), CRC-32C of the unpacked data (4 bytes, little endian), data
//
// Tag 0 is data as it is, tag 1 one zstd frame.
package index

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// Index is an open index. It is safe for concurrent use.
type Index struct {
	dir          string
	db           *badger.DB
	log          *slog.Logger
	now          func() time.Time
	lock         *os.File // of the directory, flocked
	packer       packer
	batch        batch
	unreferenced unreferencedNodes
	recent       recent

	// closeMu is held for reading by every call and for writing by Close.
	closeMu sync.RWMutex
	closed  bool
	ctx     context.Context // ends when Close begins
	cancel  context.CancelFunc
	wake    chan struct{}  // tells the purge that there is work
	purges  sync.WaitGroup // the goroutine of the purge

	commits  sync.Mutex // serialises changes of the catalog and of states
	sweeping sync.Mutex // one sweep at a time
	// gcMu is held for reading while a node is looked for and put, or a record that refers to nodes is
	// committed; and for writing while a sweep deletes.
	gcMu    sync.RWMutex
	catalog catalog
	serials serials
}

// Options of Open.
type Options struct {
	Log *slog.Logger
	Now func() time.Time // default time.Now
}

// Sizes that keep badger small: a mount has this beside everything else in memory.
const (
	memTableSize   = 8 << 20
	valueThreshold = 1 << 20
	valueLogSize   = 64 << 20
)

// Open opens or creates the index in dir.
func Open(dir string, o Options) (*Index, error) {
	x := &Index{dir: dir, log: o.Log, now: o.Now, wake: make(chan struct{}, 1)}
	if x.log == nil {
		x.log = slog.New(slog.DiscardHandler)
	}
	if x.now == nil {
		x.now = time.Now
	}
	if err := x.open(); err != nil {
		return nil, fmt.Errorf("open index %s: %w", dir, err)
	}
	x.ctx, x.cancel = context.WithCancel(context.Background())
	x.purges.Add(1)
	go x.purge()
	return x, nil
}

func (x *Index) open() (err error) {
	if err := os.MkdirAll(x.dir, 0o700); err != nil {
		return fault(err)
	}
	if err := os.Chmod(x.dir, 0o700); err != nil {
		return fault(err)
	}
	if x.lock, err = lockDir(x.dir); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			x.abandon()
		}
	}()
	if err := x.room(roomToOpen); err != nil {
		return err
	}
	if err := checkFiles(x.dir); err != nil {
		return err
	}
	if x.packer, err = newPacker(); err != nil {
		return err
	}
	if x.db, err = openBadger(x.dir, x.log); err != nil {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	x.batch.init(x)
	if err := x.checkVersion(); err != nil {
		return err
	}
	if err := x.loadCatalog(); err != nil {
		return err
	}
	if x.serials.first, err = x.unleased(); err != nil {
		return err
	}
	return x.restrict()
}

// abandon gives up an index that could not be opened.
func (x *Index) abandon() {
	if x.db != nil {
		if err := x.db.Close(); err != nil {
			x.log.Warn("close index", "dir", x.dir, "err", err)
		}
	}
	x.packer.close()
	x.lock.Close()
}

// openBadger turns panics of badger, which it answers damaged files with, into errors.
func openBadger(dir string, log *slog.Logger) (db *badger.DB, err error) {
	defer func() {
		if r := recover(); r != nil {
			db, err = nil, fmt.Errorf("open tables: %v", r)
		}
	}()
	o := badger.DefaultOptions(dir).
		WithLogger(logger{log}).
		WithBypassLockGuard(true). // lockDir has the lock, also for Remove
		WithMemTableSize(memTableSize).
		WithNumMemtables(2).
		WithValueThreshold(valueThreshold).
		WithValueLogFileSize(valueLogSize).
		WithCompression(options.None). // values are compressed before they come here
		WithBlockCacheSize(0).         // blocks that are not compressed are read from the page cache
		WithIndexCacheSize(0).         // likewise
		WithChecksumVerificationMode(options.OnBlockRead).
		WithNumCompactors(2).
		WithNumLevelZeroTables(4).
		WithNumLevelZeroTablesStall(10).
		WithDetectConflicts(false). // commits are serialised here
		WithMetricsEnabled(false)
	if db, err = badger.Open(o); err != nil {
		return nil, err // what comes with an error is not to be closed
	}
	return db, nil
}

// use begins a call; the caller must call x.life.RUnlock unless there is an error. Calls do not nest.
func (x *Index) use(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	x.closeMu.RLock()
	if x.closed {
		x.closeMu.RUnlock()
		return fmt.Errorf("index %s: %w", x.dir, fs.ErrClosed)
	}
	return nil
}

// Close writes everything out.
func (x *Index) Close() error {
	x.cancel()
	x.closeMu.Lock()
	defer x.closeMu.Unlock()
	if x.closed {
		return nil
	}
	x.closed = true
	x.purges.Wait()
	errs := []error{x.batch.flush(), fault(x.db.Close()), x.restrict(), x.lock.Close()}
	x.packer.close()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close index %s: %w", x.dir, err)
	}
	return nil
}

// Remove deletes the index in dir, for a rebuild. It refuses with ErrBusy while a process owns it. The
// directory itself stays, because the lock lies on it.
func Remove(dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	lock, err := lockDir(dir)
	if err != nil {
		return fmt.Errorf("remove index %s: %w", dir, err)
	}
	defer lock.Close()
	if err := removeFiles(dir); err != nil {
		return fmt.Errorf("remove index %s: %w", dir, err)
	}
	return nil
}

// checkVersion compares the format's version with the one in the index, and records it in a new one.
func (x *Index) checkVersion() error {
	stored, err := x.read(versionKey())
	switch {
	case errors.Is(err, errNoKey):
		fresh, err := x.fresh()
		if err != nil {
			return err
		}
		if !fresh {
			return damaged("no format version")
		}
		return x.putVersion()
	case err != nil:
		return err
	case string(stored) == firstFormat:
		return x.putVersion() // before the first record that an earlier program cannot read
	case string(stored) != formatVersion:
		return errVersion
	}
	return nil
}

func (x *Index) putVersion() error {
	return x.commit(roomToPut, func(tx *badger.Txn) error {
		return tx.Set(versionKey(), sealPlain([]byte(formatVersion)))
	})
}

// fresh reports whether the index was never written to. Badger takes keys in a damaged block for absent, so
// a table is proof enough that it was.
func (x *Index) fresh() (fresh bool, err error) {
	fresh = len(x.db.Tables()) == 0
	err = x.view(func(tx *badger.Txn) error {
		it := tx.NewIterator(badger.IteratorOptions{})
		defer it.Close()
		it.Rewind()
		fresh = fresh && !it.Valid()
		return nil
	})
	return fresh, err
}
