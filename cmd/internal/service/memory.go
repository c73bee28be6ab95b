package service

import (
	"os"
	"runtime/debug"

	"slotfs/cmd/internal/config"
)

const (
	// MemoryLimit is what the garbage collector keeps the program below where it can, in bytes. With the program itself and the
	// pages of the index that are mapped, 400 MiB of memory are enough for any destination.
	MemoryLimit = 288 << 20
	// readMemory is for what was read of all destinations, and minReadMemory what each of them has at least.
	readMemory    = 128 << 20
	minReadMemory = 32 << 20
)

// LimitMemory makes the garbage collector work harder near the limit, unless the user chose one (GOMEMLIMIT).
func LimitMemory(bytes int64) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(bytes)
	}
}

// memoryToRead is how many bytes the reader of each destination keeps.
func memoryToRead(c *config.Config) int64 {
	return max(minReadMemory, readMemory/int64(max(1, len(c.Destinations))))
}

// memoryToMount is the limit of a mount: its readers may need more than is planned for.
func memoryToMount(c *config.Config) int64 {
	return MemoryLimit + max(0, int64(len(c.Destinations))*memoryToRead(c)-readMemory)
}
