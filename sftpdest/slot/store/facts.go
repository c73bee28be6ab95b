package store

import (
	"sync/atomic"

	"slotfs/indexer/manifest"
)

// Facts are what is known so far of a server.
type Facts struct {
	unsynced atomic.Bool // it cannot say what is on its disk
	uncopied atomic.Bool // it cannot copy files
	unlinked atomic.Bool // it cannot link files
	untimed  atomic.Bool // times of files on it mean nothing
}

// Durable reports whether the server can say what is on its disk.
func (f *Facts) Durable() bool { return !f.unsynced.Load() }

// NotDurable notes that something was written of which the server does not say that it is on its disk.
func (f *Facts) NotDurable() { f.unsynced.Store(true) }

// Durability is what the state of a slot says about that.
func (f *Facts) Durability() string {
	if !f.Durable() {
		return "none"
	}
	return "fsync"
}

// Copies reports whether the server may be able to copy files.
func (f *Facts) Copies() bool { return !f.uncopied.Load() }

// KeepsTimes reports whether times of files on the server are those that it was told.
func (f *Facts) KeepsTimes() bool { return !f.untimed.Load() }

// NoTimes notes whether they are known to mean nothing.
func (f *Facts) NoTimes(meaningless bool) { f.untimed.Store(meaningless) }

// Times is what the state of a slot says about that.
func (f *Facts) Times() string {
	if !f.KeepsTimes() {
		return manifest.NoTimes
	}
	return ""
}
