package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"slotfs/cache/data"
	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/fs/content"
	"slotfs/indexer/backup"
)

const (
	// defaultCache is the most that the cache takes unless somebody says how much; freeShare is the part of the
	// free space that it takes at most.
	defaultCache = 4 << 30
	freeShare    = 10
	// admitMost and admitShare bound what one read from front to back puts into the cache.
	admitMost  = 256 << 20
	admitShare = 8
)

// openCache opens the cache of what was read from destinations. Without one everything works, only more slowly: nil if
// there is none. A folder that holds something else is refused: the cache takes a folder for itself.
func (m *mounting) openCache(ctx context.Context, c config.Cache) (*data.Cache, error) {
	size := m.options.cacheSize
	if size < 0 {
		size = c.Size
	}
	dir := m.state.Cache()
	if c.Directory != "" {
		dir = c.Directory
		if err := m.cacheAlone(dir); err != nil {
			return nil, err
		}
	}
	if size < 0 {
		size = m.defaultCacheSize(dir)
	}
	if size == 0 {
		return nil, nil
	}
	var cache *data.Cache
	err := patiently(ctx, func() (again bool, err error) {
		cache, err = data.Open(dir, data.Options{Limit: size, Log: m.log})
		return errors.Is(err, data.ErrBusy), err
	})
	if err != nil {
		m.log.Warn("reading without a cache", "error", err)
		return nil, nil
	}
	return cache, nil
}

// cacheAlone refuses a folder of others for the cache, and one that the mount would hide.
func (m *mounting) cacheAlone(dir string) error {
	if at := resolved(dir); within(at, resolved(m.mountpoint)) || within(resolved(m.mountpoint), at) {
		return exit.With(fmt.Errorf("cache %s: not apart from the mountpoint %s", dir, m.mountpoint), exit.Usage, "")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		return nil // what else may be wrong with it costs the cache, not the mount
	}
	if !data.Used(dir) {
		return exit.With(fmt.Errorf("cache %s: holds files of others", dir), exit.Usage, "give an empty folder, or one that is not there yet")
	}
	return nil
}

// defaultCacheSize leaves most of the free space to others. What the cache takes already is its own.
func (m *mounting) defaultCacheSize(dir string) int64 {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		m.log.Warn("reading without a cache", "error", err)
		return 0
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		m.log.Warn("reading without a cache", "error", fmt.Errorf("statfs %s: %w", dir, err))
		return 0
	}
	free := int64(st.Bavail) * st.Bsize
	entries, _ := os.ReadDir(dir) // none: nothing is taken
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			free += info.Size()
		}
	}
	size := min(defaultCache, free/freeShare)
	if size < config.LeastCache {
		return 0
	}
	return size
}

// contentOptions say how a destination is read.
func (r *remotes) contentOptions(c *config.Destination) content.Options {
	o := content.Options{Deadline: r.deadline, Memory: memoryToRead(r.config), Changed: r.readAgain}
	if r.cache != nil {
		o.Blocks = r.cache
		o.Origin = fmt.Sprintf("%s\x00%s\x00%d\x00%s", c.Username, c.Host, c.Port, c.Directory)
		o.Admit = min(admitMost, r.cache.Stats().Limit/admitShare)
	}
	return o
}

// cacheReport tells about the cache of a mount.
type cacheReport struct {
	Bytes   int64 `json:"bytes"`
	Limit   int64 `json:"limit"`
	Blocks  int   `json:"blocks"`
	Hits    int64 `json:"hits"` // since the mount
	Misses  int64 `json:"misses"`
	Dropped int64 `json:"dropped"`
	Damaged int64 `json:"damaged"`
	Off     bool  `json:"off"`
}

// cacheReport is nil if there is no cache.
func (r *remotes) cacheReport() *cacheReport {
	if r.cache == nil {
		return nil
	}
	s := r.cache.Stats()
	return &cacheReport{Bytes: s.Bytes, Limit: s.Limit, Blocks: s.Blocks, Hits: s.Hits, Misses: s.Misses, Dropped: s.Dropped,
		Damaged: s.Damaged, Off: s.Off}
}

// unsettler is an index that can have a pass read a snapshot again.
type unsettler interface {
	Unsettle(ctx context.Context, s *backup.Snapshot) (bool, error)
}

// readAgain has the next pass read a tree again that turned out to be another one.
func (r *remotes) readAgain(ctx context.Context, s *backup.Snapshot) {
	x, ok := r.points.(unsettler)
	if !ok {
		return
	}
	changed, err := x.Unsettle(ctx, s)
	if err != nil {
		r.log.Warn("mark for the next pass", "snapshot", s.Key(), "error", err)
	} else if changed {
		r.log.Warn("changed on the destination: the next pass reads it again", "destination", s.Destination, "snapshot", s.Key())
	}
}
