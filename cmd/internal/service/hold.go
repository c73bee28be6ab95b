package service

import (
	"context"
	"errors"
	"sync"

	"slotfs/cmd/internal/config"
	"slotfs/fs/content"
	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/indexer/engine/slots"
	"slotfs/sftpdest/slot"
)

var (
	// errNoSlot says that a snapshot lies in no slot.
	errNoSlot = errors.New("not in a slot")
	// errOneHeld says that another slot of the account is held already.
	errOneHeld = errors.New("another slot of the account is held")
)

// slotHold keeps slots from being overwritten while they are read; nil for other layouts, to which nothing is written.
func slotHold(engineName string, d dest.Destination) content.Hold {
	store, ok := d.(slot.Store)
	if !ok || engineName != config.SlotsEngine {
		return nil
	}
	h := &heldSlots{store: store, held: map[string]heldSlot{}}
	return h.hold
}

// heldSlots are the slots that this process holds: one of each account at most. Customers read their own backups, and
// whoever reads all of them must not keep the next one from being made.
type heldSlots struct {
	store slot.Store

	mu sync.Mutex
	// mu guards what follows.
	held map[string]heldSlot // by the account's directory
}

type heldSlot struct{ number, holds int }

func (h *heldSlots) hold(ctx context.Context, s *backup.Snapshot) (func(context.Context) error, error) {
	dir, n, ok := slots.Place(&s.Source)
	if !ok {
		return nil, errNoSlot
	}
	if !h.take(dir, n) {
		return nil, errOneHeld
	}
	release, err := slot.Hold(ctx, h.store, dir, n)
	if err != nil {
		h.give(dir)
		return nil, err
	}
	return func(ctx context.Context) error {
		defer h.give(dir)
		return release(ctx)
	}, nil
}

func (h *heldSlots) take(dir string, n int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := h.held[dir]
	if at.holds > 0 && at.number != n {
		return false
	}
	h.held[dir] = heldSlot{n, at.holds + 1}
	return true
}

func (h *heldSlots) give(dir string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := h.held[dir]
	at.holds--
	if at.holds <= 0 {
		delete(h.held, dir)
		return
	}
	h.held[dir] = at
}
