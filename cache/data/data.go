// Package data keeps blocks of backups on the local disk, so that what was read once is read again without the
// network, also after a restart. It must not know what the blocks are, nor where they came from.
//
// A cache may lose any block at any time and must never give out a wrong one. So nothing is synced, every block is
// checked when it is read, and what does not look right is not there. Storing never makes anybody wait: what
// comes faster than the disk takes it is dropped. All bytes of the directory stay below the limit: before a record would
// go beyond it, the oldest segment goes, and those of its blocks that were read since they were stored are stored anew.
//
// # Directory
//
// Directory and files belong to one user alone (0700, 0600): what is in backups is secret.
//
//	lock                  held with flock(2) by the one process that uses the directory
//	0000000000000001.seg  segments, numbered in the order in which they were begun, in hexadecimal
//
// Other names are left alone. A segment is a header and records without gaps; it only grows. All numbers are
// little-endian, all checksums CRC-32C (Castagnoli).
//
//	segment  8  magic "slotfsD1"
//	         8  number of the segment, as in its name
//	         n  records
//	record   4  magic "blk1"
//	         4  length of the block in bytes, 1 to 4 MiB
//	        16  key
//	         8  number of the segment
//	         4  checksum of the block
//	         4  checksum of the 36 bytes before
//	         n  the block
//
// When the cache is opened the headers of the records are read, newest segment first. A segment ends at the
// first header that is none: a writer was killed there, or the disk lost it. The last segment is cut off there and
// written on; in the others the rest is lost.
package data

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ErrBusy says that another process uses the directory.
var ErrBusy = errors.New("cache in use by another process")

// Key names a block. Blocks with the same key are the same.
type Key = [16]byte

// Options of a Cache.
type Options struct {
	Limit   int64         // bytes of all files; less than 4 MiB is 4 MiB
	Segment int64         // bytes of a segment; default 64 MiB, more where there would be over 256 of them, at most Limit/8
	Records int           // blocks at most, each takes about 70 bytes of memory; default 524288
	Queue   int64         // bytes that may wait for being written; default 32 MiB
	MinFree int64         // free bytes of the file system below which nothing is stored; default 512 MiB, -1: none
	Retry   time.Duration // how long nothing is stored after the disk refused; default 1 minute
	Log     *slog.Logger
}

const (
	leastLimit     = 4 << 20
	segmentSize    = 64 << 20
	mostSegments   = 256
	defaultRecords = 512 << 10
)

func (o *Options) fill() {
	o.Limit = max(o.Limit, leastLimit)
	if o.Segment <= 0 {
		o.Segment = max(segmentSize, o.Limit/mostSegments)
	}
	o.Segment = min(o.Segment, o.Limit/8, 1<<31)
	if o.Records <= 0 {
		o.Records = defaultRecords
	}
	if o.Queue <= 0 {
		o.Queue = 32 << 20
	}
	if o.MinFree == 0 {
		o.MinFree = 512 << 20
	}
	if o.Retry <= 0 {
		o.Retry = time.Minute
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// Stats tell what a Cache did since it was opened.
type Stats struct {
	Blocks  int   // stored
	Bytes   int64 // on disk
	Limit   int64
	Hits    int64
	Misses  int64
	Dropped int64 // not stored, because the disk was slow, full or broken
	Damaged int64 // found with a wrong checksum
	Off     bool  // the disk failed: nothing is stored at the moment
}

// Cache keeps blocks on disk. It is safe for concurrent use.
type Cache struct {
	dir   string
	o     Options
	lock  *os.File
	queue chan item
	done  chan struct{} // closed by Close
	ready chan struct{} // closed when old segments are scanned
	work  sync.WaitGroup

	waiting                       atomic.Int64 // bytes in the queue
	off                           atomic.Bool  // nothing is stored
	broken                        atomic.Bool  // nothing is read either
	hits, misses, dropped, damage atomic.Int64

	mu sync.RWMutex
	// mu guards what follows.
	closed   bool
	index    map[Key]position
	segments []*segment // by number; the last one is being written
	bytes    int64      // of all segments
	records  int        // in all segments, those that another one replaced included
}

// item is a block that waits for being written.
type item struct {
	key   Key
	block []byte
	flush chan struct{} // closed by the writer when it gets here; then there is no block
}

// Open opens the cache in dir, which is made unless it is there. ErrBusy if another process uses it.
func Open(dir string, o Options) (*Cache, error) {
	o.fill()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open cache: %w", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open cache: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open cache %s: %w", dir, err)
	}
	c := &Cache{dir: dir, o: o, lock: lock, index: map[Key]position{}, queue: make(chan item, 4096), done: make(chan struct{}),
		ready: make(chan struct{})}
	old, err := c.openSegments()
	if err != nil {
		c.closeFiles()
		return nil, fmt.Errorf("open cache %s: %w", dir, err)
	}
	c.work.Go(c.write)
	c.work.Go(func() {
		defer close(c.ready)
		c.scanOld(old)
	})
	return c, nil
}

// Used reports whether dir has been the directory of a cache.
func Used(dir string) bool {
	info, err := os.Lstat(lockPath(dir))
	return err == nil && info.Mode().IsRegular()
}

func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(lockPath(dir), os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = ErrBusy
	}
	return nil, err
}

// Get returns the block of a key, or nil. It belongs to the caller.
func (c *Cache) Get(key Key) []byte {
	if c.broken.Load() {
		c.misses.Add(1)
		return nil
	}
	c.mu.RLock()
	at, ok := c.index[key]
	c.mu.RUnlock()
	if !ok {
		c.misses.Add(1)
		return nil
	}
	block, err := at.segment.read(at.record, key)
	if err == nil {
		c.hits.Add(1)
		at.segment.note(at.record)
		return block
	}
	c.misses.Add(1)
	c.mistrust(key, at, err)
	return nil
}

// mistrust deals with a block that cannot be read.
func (c *Cache) mistrust(key Key, at position, err error) {
	if errors.Is(err, os.ErrClosed) {
		return // its segment had to go meanwhile
	}
	c.mu.Lock()
	if c.index[key] == at {
		delete(c.index, key)
	}
	c.mu.Unlock()
	if errors.Is(err, errDamaged) {
		if c.damage.Add(1) == 1 {
			c.o.Log.Warn("cache: a block is damaged and will be read from its destination again", "dir", c.dir, "error", err)
		}
		return
	}
	if !c.broken.Swap(true) {
		c.off.Store(true)
		c.o.Log.Warn("cache: its disk fails; everything is read from the destinations until the next start", "dir", c.dir, "error", err)
	}
}

// Has reports whether Get would probably find something. It touches no disk.
func (c *Cache) Has(key Key) bool {
	if c.broken.Load() {
		return false
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	_, ok := c.index[key]
	return ok
}

// Put stores a block soon, or not at all. The caller must not change it any more.
func (c *Cache) Put(key Key, block []byte) {
	n := int64(len(block))
	if n == 0 || n > maxBlock || n+recordHead+segmentHead > c.o.Segment || c.Has(key) {
		return
	}
	if c.off.Load() || !c.enqueue(item{key: key, block: block}) {
		c.dropped.Add(1)
	}
}

// enqueue hands a block to the writer, unless too much waits for it already.
func (c *Cache) enqueue(it item) bool {
	n := int64(len(it.block))
	if c.waiting.Add(n) <= c.o.Queue {
		// Close waits for those who hold mu, and then for the writer.
		c.mu.RLock()
		defer c.mu.RUnlock()
		if !c.closed {
			select {
			case c.queue <- it:
				return true
			default:
			}
		}
	}
	c.waiting.Add(-n)
	return false
}

// Flush waits until everything that was put before is stored or dropped.
func (c *Cache) Flush() {
	flushed := make(chan struct{})
	select {
	case c.queue <- item{flush: flushed}:
	case <-c.done:
		return
	}
	select {
	case <-flushed:
	case <-c.done:
	}
}

// Stats tells what the cache did.
func (c *Cache) Stats() Stats {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return Stats{Blocks: len(c.index), Bytes: c.bytes, Limit: c.o.Limit, Hits: c.hits.Load(), Misses: c.misses.Load(),
		Dropped: c.dropped.Load(), Damaged: c.damage.Load(), Off: c.off.Load()}
}

// Close lets the directory go. What waits for being written is written.
func (c *Cache) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return fmt.Errorf("close cache: %w", os.ErrClosed)
	}
	c.closed = true
	c.mu.Unlock()
	close(c.done)
	c.work.Wait()
	c.closeFiles()
	return nil
}

func (c *Cache) closeFiles() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.index)
	for _, s := range c.segments {
		s.file.Close() // nothing that anybody counts on
	}
	c.lock.Close()
}
