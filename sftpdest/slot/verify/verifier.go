package verify

import (
	"sync"

	"golang.org/x/sync/semaphore"

	"slotfs/indexer/dest"
)

// Store is where a slot is read.
type Store interface {
	dest.Reader
	KeepsTimes() bool
	NoTimes(meaningless bool)
}

type verifier struct {
	Store
	slot, root string
	sample     float64
	room       *semaphore.Weighted

	mu    sync.Mutex // guards what follows
	found []Difference
}

func (v *verifier) differ(path, what string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.found = append(v.found, Difference{Path: path, What: what})
}

func (v *verifier) extra(path string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.found = append(v.found, Difference{Path: path, What: "not in the manifest", Extra: true})
}
