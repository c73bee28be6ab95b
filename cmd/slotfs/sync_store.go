package main

import (
	"slotfs/cmd/internal/config"
	"slotfs/indexer/dest"
	"slotfs/sftpdest"
)

// store is a destination that slots are written to.
type store struct{ *sftpdest.Destination }

var (
	_ dest.ReadWriter  = store{}
	_ dest.DirSyncer   = store{}
	_ dest.RangeCopier = store{}
)

// storeOf makes a destination that slots are written to. It connects with its first use.
func (s *settings) storeOf(c *config.Destination) (store, error) {
	d, err := s.Connect(c, false)
	return store{d}, err
}
