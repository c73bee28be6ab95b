package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"
)

// Cache is the [cache] table: what is kept on the local disk of what was read through the mount.
//
//	[cache]
//	size = "10GiB"                   "64MiB" at least, or "0": nothing is kept; absent: by the free space
//	directory = "/path"              a directory for the cache alone; default: STATE-DIR/cache
type Cache struct {
	Size      int64 // bytes; AutomaticCache: by the free space
	Directory string
}

// AutomaticCache is a size that is chosen when the cache is opened.
const AutomaticCache = -1

// LeastCache is the smallest cache that is of any use.
const LeastCache = 64 << 20

// cacheTable is the cache as it stands in the file.
type cacheTable struct {
	Size      *string `toml:"size"`
	Directory string  `toml:"directory"`
}

// cache fills defaults in and checks. With an error comes the key that it is about.
func (t *cacheTable) cache() (c Cache, key string, err error) {
	c.Size = AutomaticCache
	if t == nil {
		return c, "", nil
	}
	if t.Size != nil {
		if c.Size, err = ParseCacheSize(*t.Size); err != nil {
			return c, "size", err
		}
	}
	c.Directory = t.Directory
	if c.Directory == "" {
		return c, "", nil
	}
	if len(c.Directory) > maxText || strings.ContainsFunc(c.Directory, unicode.IsControl) {
		return c, "directory", errors.New("directory: too long, or with control characters")
	}
	if !filepath.IsAbs(c.Directory) {
		return c, "directory", fmt.Errorf("directory %q: want an absolute path", c.Directory)
	}
	c.Directory = filepath.Clean(c.Directory)
	return c, "", nil
}

// sizes are the units of sizes, longest name first.
var sizes = []struct {
	name  string
	bytes float64
}{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3},
	{"T", 1 << 40}, {"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}, {"B", 1}, {"", 1},
}

// ParseCacheSize reads the size of a cache: 0, or from 64 MiB to 1 PiB.
func ParseCacheSize(text string) (int64, error) {
	for _, u := range sizes {
		number, ok := strings.CutSuffix(strings.ToUpper(text), strings.ToUpper(u.name))
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err == nil && v == 0 {
			return 0, nil
		}
		if err == nil && v*u.bytes >= LeastCache && v*u.bytes < 1<<50 {
			return int64(v * u.bytes), nil
		}
		break
	}
	return 0, fmt.Errorf("cache size %q: want a size such as 10GiB, at least 64MiB, or 0 for none", text)
}
