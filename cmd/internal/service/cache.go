package service

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"slotfs/cache/data"
	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
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
// there is none. A directory that holds something else is refused: the cache takes a directory for itself.
func (v *Serving) openCache(ctx context.Context, c config.Cache) (*data.Cache, error) {
	size := v.CacheSize
	if size < 0 {
		size = c.Size
	}
	dir := v.State.Cache()
	if c.Directory != "" {
		dir = c.Directory
		if err := v.checkCacheDirectory(dir); err != nil {
			return nil, err
		}
	}
	if size < 0 {
		size = v.defaultCacheSize(dir)
	}
	if size == 0 {
		return nil, nil
	}
	var cache *data.Cache
	err := retryWhileEnding(ctx, func() (again bool, err error) {
		cache, err = data.Open(dir, data.Options{Limit: size, Log: v.Log})
		return errors.Is(err, data.ErrBusy), err
	})
	if err != nil {
		v.Log.Warn("reading without a cache", "error", err)
		return nil, nil
	}
	return cache, nil
}

// checkCacheDirectory refuses a directory of others for the cache, and one that the mount would hide.
func (v *Serving) checkCacheDirectory(dir string) error {
	if at := resolved(dir); v.mountpoint != "" && (within(at, resolved(v.mountpoint)) || within(resolved(v.mountpoint), at)) {
		return exit.With(fmt.Errorf("cache %s: not apart from the mountpoint %s", dir, v.mountpoint), exit.Usage, "")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		return nil // what else may be wrong with it costs the cache, not the mount
	}
	if !data.Used(dir) {
		return exit.With(fmt.Errorf("cache %s: holds files of others", dir), exit.Usage, "give an empty directory, or one that is not there yet")
	}
	return nil
}

// defaultCacheSize leaves most of the free space to others. What the cache takes already is its own.
func (v *Serving) defaultCacheSize(dir string) int64 {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		v.Log.Warn("reading without a cache", "error", err)
		return 0
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		v.Log.Warn("reading without a cache", "error", fmt.Errorf("statfs %s: %w", dir, err))
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
