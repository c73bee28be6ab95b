package data

import (
	"os"
	"slices"
)

// openSegments opens what is in the directory. The last segment is scanned at once, for it is written on; the others,
// which it returns, may take a while.
func (c *Cache) openSegments() (old []*segment, err error) {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		number, ok := segmentNumber(e.Name())
		if !ok {
			continue
		}
		s, err := openSegment(c.dir, number)
		if err != nil {
			c.o.Log.Debug("cache: segment left alone", "dir", c.dir, "error", err)
			continue
		}
		c.segments = append(c.segments, s)
		c.bytes += s.size
	}
	slices.SortFunc(c.segments, func(a, b *segment) int {
		if a.number < b.number {
			return -1
		}
		return 1
	})
	if len(c.segments) == 0 {
		return nil, nil
	}
	old = slices.Clone(c.segments[:len(c.segments)-1])
	last := c.segments[len(c.segments)-1]
	end, err := c.scan(last)
	if err == nil && end > 0 {
		err = last.file.Truncate(end)
	}
	if err != nil {
		return nil, err
	}
	c.bytes -= last.size - end
	last.size = end
	if end == 0 {
		c.forget(last)
	}
	return old, nil
}

// scanOld scans segments, the newest first.
func (c *Cache) scanOld(segments []*segment) {
	for _, s := range slices.Backward(segments) {
		select {
		case <-c.done:
			return
		default:
		}
		if _, err := c.scan(s); err != nil {
			c.o.Log.Debug("cache: segment not read", "dir", c.dir, "error", err)
		}
	}
}

// scan adds the records of a segment to the index.
func (c *Cache) scan(s *segment) (end int64, err error) {
	const batch = 1024
	var found []*record
	add := func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.closed || !slices.Contains(c.segments, s) || c.records+len(found) > c.o.Records {
			return false
		}
		for _, r := range found {
			c.add(s, r)
		}
		found = found[:0]
		return true
	}
	c.mu.RLock()
	size := s.size
	c.mu.RUnlock()
	end, err = scanSegment(s.file, s.number, size, func(h head, off int64) bool {
		if off > 1<<32-1 {
			return false
		}
		found = append(found, &record{key: h.key, off: uint32(off), length: h.length})
		return len(found) < batch || add()
	})
	add()
	return end, err
}

// add adds a record to the index, unless a newer one with its key is there. mu is held.
func (c *Cache) add(s *segment, r *record) {
	s.keys = append(s.keys, r)
	c.records++
	if old, ok := c.index[r.key]; !ok || old.segment.number <= s.number {
		c.index[r.key] = position{s, r}
	}
}

// forget removes a segment and the records in it. mu is held, or nobody else knows the cache.
func (c *Cache) forget(s *segment) {
	for _, r := range s.keys {
		if c.index[r.key].record == r {
			delete(c.index, r.key)
		}
	}
	c.records -= len(s.keys)
	c.bytes -= s.size
	c.segments = slices.DeleteFunc(c.segments, func(other *segment) bool { return other == s })
	if err := os.Remove(s.file.Name()); err != nil {
		c.o.Log.Debug("cache: segment not removed", "dir", c.dir, "error", err)
	}
	s.file.Close()
}
