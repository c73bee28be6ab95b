package place

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"time"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/lease"
	"slotfs/sftpdest/slot/store"
)

// refusal reports whether an error may be the server's answer to one entry alone.
func refusal(ctx context.Context, err error) bool {
	if err == nil || ctx.Err() != nil {
		return false
	}
	for _, other := range []error{
		context.Canceled, context.DeadlineExceeded, dest.ErrUnreachable, dest.ErrAuth, dest.ErrClosed, dest.ErrTooManyOpenFiles,
		syscall.ENOSPC, syscall.EDQUOT, store.ErrFull, lease.ErrBusy, ErrLeft,
	} {
		if errors.Is(err, other) {
			return false
		}
	}
	return true
}

const (
	// servingFor is how long the server is taken to be serving after it took a file.
	servingFor = time.Second
	// maxTrial bounds the file that the server is tried with, in bytes.
	maxTrial = 1 << 20
)

// trials try whether the server still takes files.
type trials struct {
	s         *store.Store
	slot      string
	directory string // of the account

	mu     sync.Mutex // guards what follows
	served time.Time
}

// serves makes sure that the server takes files of about that size, and has room for them in data/; else it fails with cause.
func (t *trials) serves(ctx context.Context, size int64, cause error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	began := time.Now()
	if began.Sub(t.served) < servingFor {
		return nil
	}
	if full := t.s.ClassifyNoSpace(ctx, t.directory, cause); errors.Is(full, store.ErrFull) {
		return full
	}
	temp, _, err := t.s.Temps(t.slot).Put(ctx, make([]byte, min(max(size, 64<<10), maxTrial)), dest.Attributes{})
	if err == nil {
		name := t.slot + "/data/" + manifest.Escape(manifest.Base(temp))
		if err = t.s.Rename(ctx, temp, name); err == nil {
			err = t.s.Remove(ctx, name)
		}
	}
	if err != nil {
		return cause
	}
	t.served = began
	return nil
}

// again makes the next serves try the server in any case.
func (t *trials) again() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.served = t.served.Add(-servingFor)
}
