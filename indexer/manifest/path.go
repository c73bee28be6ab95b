package manifest

import (
	"math"
	"strings"
	"time"
)

// Below reports whether a path is anywhere below dir; "" is the account's directory.
func Below(path, dir string) bool {
	if dir == "" {
		return path != ""
	}
	return len(path) > len(dir) && path[len(dir)] == '/' && strings.HasPrefix(path, dir)
}

// Join joins two paths, either of which may be "".
func Join(dir, name string) string {
	switch {
	case dir == "":
		return name
	case name == "":
		return dir
	}
	return dir + "/" + name
}

// Base is the last element of a path.
func Base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// Seconds is what SFTP can carry of a time in nanoseconds: whole seconds that fit 32 bits.
func Seconds(ns int64) int64 {
	return min(max(time.Unix(0, ns).Unix(), 0), math.MaxUint32)
}
