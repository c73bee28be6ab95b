// Package treetest has a store of nodes in memory for the tests of everything that reads or builds
// trees. It does not know what nodes mean.
package treetest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"

	"slotfs/indexer/backup"
)

// Store keeps nodes and blobs in memory. It is safe for concurrent use.
type Store struct {
	mu sync.Mutex
	// mu guards what follows.
	nodes map[backup.Hash][]byte
	puts  int
	gets  int
}

// NewStore makes an empty store.
func NewStore() *Store { return &Store{nodes: map[backup.Hash][]byte{}} }

// Get returns a copy of what was put under h. What is missing, or no longer has the hash h, is an
// error that is not fs.ErrNotExist.
func (s *Store) Get(ctx context.Context, h backup.Hash) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gets++
	data, ok := s.nodes[h]
	if !ok {
		return nil, fmt.Errorf("get node %s: not in the store", h)
	}
	if sum(data) != h {
		return nil, fmt.Errorf("get node %s: hash does not match", h)
	}
	return slices.Clone(data), nil
}

// Put keeps a copy of data under h, which must be its hash.
func (s *Store) Put(ctx context.Context, h backup.Hash, data []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if sum(data) != h {
		return fmt.Errorf("put node %s: hash does not match", h)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.puts++
	if _, ok := s.nodes[h]; !ok {
		s.nodes[h] = slices.Clone(data)
	}
	return nil
}

// Len tells how many nodes and blobs there are, equal ones counted once.
func (s *Store) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.nodes)
}

// Calls tells how often Get and Put were called.
func (s *Store) Calls() (gets, puts int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gets, s.puts
}

// Hashes lists what there is, in no order.
func (s *Store) Hashes() []backup.Hash {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]backup.Hash, 0, len(s.nodes))
	for h := range s.nodes {
		all = append(all, h)
	}
	return all
}

// Damage replaces what is kept under h without checking anything, so that Get refuses it.
func (s *Store) Damage(h backup.Hash, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nodes[h] = slices.Clone(data)
}

// Drop forgets what is kept under h.
func (s *Store) Drop(h backup.Hash) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.nodes, h)
}

func sum(data []byte) (h backup.Hash) {
	full := sha256.Sum256(data)
	copy(h[:], full[:])
	return h
}
