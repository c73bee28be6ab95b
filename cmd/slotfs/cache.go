package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"slotfs/cache/data"
	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/indexer/content"
)

const (
	// defaultCache is the most that the cache takes unless somebody says how much; freeShare is the part of the
	// free space that it takes at most.
	defaultCache = 4 << 30
	freeShare    = 10
	// admitMost and admitShare bound what one read from front to back puts into the cache.
	admitMost  = 256 << 20
	admitShare = 8
	// leastCache is the smallest cache that is of any use.
	leastCache = 64 << 20
)

// units of sizes, longest name first.
var units = []struct {
	name  string
	bytes float64
}{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3},
	{"T", 1 << 40}, {"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}, {"B", 1}, {"", 1},
}

// parseCacheSize reads the size of the cache: 0, or at least leastCache. Empty is -1.
func parseCacheSize(text string) (int64, error) {
	if text == "" {
		return -1, nil
	}
	for _, u := range units {
		number, ok := strings.CutSuffix(strings.ToUpper(text), strings.ToUpper(u.name))
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err == nil && v == 0 {
			return 0, nil
		}
		if err == nil && v*u.bytes >= leastCache && v*u.bytes < 1<<50 {
			return int64(v * u.bytes), nil
		}
		break
	}
	return 0, exit.Usagef("cache size %q: want a size such as 10GiB, at least 64MiB, or 0 for none", text)
}

// openCache opens the cache of what was read from destinations. Without one everything works, only more slowly: nil if
// there is none.
func (m *mounting) openCache() *data.Cache {
	size := m.options.cacheSize
	if size < 0 {
		size = m.defaultCacheSize()
	}
	if size == 0 {
		return nil
	}
	c, err := data.Open(m.state.cache(), data.Options{Limit: size, Log: m.log})
	if err != nil {
		m.log.Warn("reading without a cache", "error", err)
		return nil
	}
	return c
}

// defaultCacheSize leaves most of the free space to others. What the cache takes already is its own.
func (m *mounting) defaultCacheSize() int64 {
	var st unix.Statfs_t
	if err := unix.Statfs(string(m.state), &st); err != nil {
		m.log.Warn("reading without a cache", "error", fmt.Errorf("statfs %s: %w", m.state, err))
		return 0
	}
	free := int64(st.Bavail) * st.Bsize
	entries, _ := os.ReadDir(m.state.cache()) // none: nothing is taken
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			free += info.Size()
		}
	}
	size := min(defaultCache, free/freeShare)
	if size < leastCache {
		return 0
	}
	return size
}

// contentOptions say how a destination is read.
func (r *remotes) contentOptions(c *config.Destination) content.Options {
	o := content.Options{Deadline: r.deadline}
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
