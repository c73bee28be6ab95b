package data

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// writer is the one goroutine that changes files.
type writer struct {
	c       *Cache
	head    []byte
	until   time.Time // nothing is stored before
	warned  bool
	checked int64 // bytes that may be written before the free space is asked for again
	asked   time.Time
}

// write stores what comes until Close, and then what is still in the queue.
func (c *Cache) write() {
	w := &writer{c: c}
	w.shrink()
	for {
		select {
		case it := <-c.queue:
			w.handle(it)
		case <-c.done:
			// Close holds off those who would put more.
			for {
				select {
				case it := <-c.queue:
					w.handle(it)
				default:
					return
				}
			}
		}
	}
}

func (w *writer) handle(it item) {
	if it.flush != nil {
		close(it.flush)
		return
	}
	defer w.c.waiting.Add(-int64(len(it.block)))
	if w.c.broken.Load() || time.Now().Before(w.until) || w.c.Has(it.key) {
		return
	}
	if err := w.store(it.key, it.block); err != nil {
		w.c.dropped.Add(1)
		w.refused(err)
		return
	}
	if w.warned {
		w.warned = false
		w.c.o.Log.Info("cache: stores again", "dir", w.c.dir)
	}
}

// refused stops storing for a while.
func (w *writer) refused(err error) {
	w.until, w.checked = time.Now().Add(w.c.o.Retry), 0
	w.c.off.Store(true)
	time.AfterFunc(w.c.o.Retry, func() { w.c.off.Store(w.c.broken.Load()) })
	if !w.warned {
		w.warned = true
		w.c.o.Log.Warn("cache: nothing is stored until its disk takes it again", "dir", w.c.dir, "error", err)
	}
}

// shrink brings a directory that was filled with a higher limit below this one.
func (w *writer) shrink() {
	for w.c.over(0) && w.evict(false) {
	}
}

// over reports whether n more bytes go beyond a limit.
func (c *Cache) over(n int64) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.bytes+n > c.o.Limit || n > 0 && c.records >= c.o.Records
}

// store appends a record.
func (w *writer) store(key Key, block []byte) error {
	n := recordHead + int64(len(block))
	if err := w.room(n); err != nil {
		return err
	}
	again := true
	for w.c.over(n + segmentHead) {
		if !w.evict(again) {
			return fmt.Errorf("no room for %d bytes", n)
		}
		again = false // what is kept of one segment must not push out the next
	}
	return w.append(key, block)
}

// append writes a record to the last segment, which must have room below the limit.
func (w *writer) append(key Key, block []byte) error {
	s, err := w.segment(recordHead + int64(len(block)))
	if err != nil {
		return err
	}
	w.head = appendHead(w.head[:0], key, s.number, block)
	off, length := s.size, recordHead+int64(len(block)) // only this goroutine changes the size
	if err := writeBoth(s.file, off, w.head, block); err != nil {
		// What is there of it would take space, and look like a torn end.
		if cut := s.file.Truncate(off); cut != nil {
			w.c.mu.Lock()
			w.c.forget(s)
			w.c.mu.Unlock()
		}
		return err
	}
	w.c.mu.Lock()
	defer w.c.mu.Unlock()
	s.size += length
	w.c.bytes += length
	w.c.add(s, &record{key: key, off: uint32(off), length: uint32(len(block))})
	return nil
}

// writeBoth writes two pieces one behind the other, without putting them together first.
func writeBoth(f *os.File, off int64, one, two []byte) error {
	n, err := unix.Pwritev(int(f.Fd()), [][]byte{one, two}, off)
	for err == unix.EINTR {
		n, err = unix.Pwritev(int(f.Fd()), [][]byte{one, two}, off)
	}
	if err != nil || n == len(one)+len(two) {
		return err
	}
	// The disk is filling up: what is missing meets the reason.
	if n < len(one) {
		if _, err := f.WriteAt(one[n:], off+int64(n)); err != nil {
			return err
		}
		n = len(one)
	}
	_, err = f.WriteAt(two[n-len(one):], off+int64(n))
	return err
}

// segment returns the last one, or a new one if n bytes have no room in it.
func (w *writer) segment(n int64) (*segment, error) {
	w.c.mu.RLock()
	number := uint64(1)
	if len(w.c.segments) > 0 {
		last := w.c.segments[len(w.c.segments)-1]
		if last.size+n <= w.c.o.Segment {
			w.c.mu.RUnlock()
			return last, nil
		}
		number = last.number + 1
	}
	w.c.mu.RUnlock()
	s, err := createSegment(w.c.dir, number)
	for tries := 0; errors.Is(err, fs.ErrExist) && tries < mostSegments; tries++ {
		number++ // there is one that could not be opened
		s, err = createSegment(w.c.dir, number)
	}
	if err != nil {
		return nil, err
	}
	w.c.mu.Lock()
	defer w.c.mu.Unlock()
	w.c.segments = append(w.c.segments, s)
	w.c.bytes += s.size
	return s, nil
}

// keepShare is which part of a segment may survive it, and keepMost how many bytes.
const (
	keepShare = 4
	keepMost  = 16 << 20
)

// evict removes the oldest segment; false if there is none but the last. keep says that the blocks of it that were read since
// they were stored get a second chance.
func (w *writer) evict(keep bool) bool {
	c := w.c
	c.mu.Lock()
	if len(c.segments) == 0 {
		c.mu.Unlock()
		return false
	}
	oldest := c.segments[0]
	var used []*record
	room := min(oldest.size/keepShare, keepMost)
	for i := len(oldest.keys) - 1; i >= 0 && keep; i-- {
		r := oldest.keys[i]
		if size := int64(r.length) + recordHead; r.used.Load() && c.index[r.key].record == r && size <= room {
			used = append(used, r)
			room -= size
		}
	}
	c.mu.Unlock()
	blocks := make([][]byte, len(used))
	for i, r := range used {
		blocks[i], _ = oldest.read(r, r.key) // who wants a damaged one will be told that there is none
	}
	c.mu.Lock()
	c.forget(oldest)
	c.mu.Unlock()
	for i, r := range used {
		if blocks[i] == nil || c.over(recordHead+int64(len(blocks[i]))+segmentHead) {
			continue
		}
		if err := w.append(r.key, blocks[i]); err != nil {
			break // the block that all this was done for will meet the same disk
		}
	}
	return true
}

// room finds out whether the file system has n bytes to give.
func (w *writer) room(n int64) error {
	if w.c.o.MinFree < 0 {
		return nil
	}
	if w.checked >= n && time.Since(w.asked) < time.Second {
		w.checked -= n
		return nil
	}
	var st unix.Statfs_t
	if err := unix.Statfs(w.c.dir, &st); err != nil {
		return err
	}
	free := int64(st.Bavail) * st.Bsize
	if free-n < w.c.o.MinFree {
		return fmt.Errorf("%d bytes are free of the file system, %d are left to others: %w", free, w.c.o.MinFree, unix.ENOSPC)
	}
	w.asked, w.checked = time.Now(), min((free-n-w.c.o.MinFree)/2, 16<<20)
	return nil
}
