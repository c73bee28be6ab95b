package index

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/dgraph-io/badger/v4"
)

// leaseSize is how many serials are marked as used at once, so that few of them cost a sync.
const leaseSize = 256

// serials hands out serials from a lease.
type serials struct {
	first uint64 // of this process; older ones belong to no pass that runs

	mu sync.Mutex
	// mu guards what follows.
	next, end uint64
}

// NextSerial hands out a serial that was never used in this index. Nodes put from then on are kept by sweeps
// until a snapshot has the serial, its state is dropped, it is released, or a day passed.
func (x *Index) NextSerial() (uint64, error) {
	if err := x.use(context.Background()); err != nil {
		return 0, err
	}
	defer x.closeMu.RUnlock()
	x.serials.mu.Lock()
	defer x.serials.mu.Unlock()
	s := &x.serials
	if s.next == s.end {
		if err := x.lease(s); err != nil {
			return 0, fmt.Errorf("next serial: %w", err)
		}
	}
	serial := s.next
	s.next++
	x.unreferenced.begin(serial, x.now())
	return serial, nil
}

// ReleaseSerial says that the pass which got serial is over: what it put is kept only if a record refers to it.
func (x *Index) ReleaseSerial(serial uint64) { x.unreferenced.end(serial) }

// lease takes the next serials; they are recorded as used before the first one is.
func (x *Index) lease(s *serials) error {
	next, err := x.unleased()
	if err != nil {
		return err
	}
	end := next + leaseSize
	err = x.commit(roomToPut, func(tx *badger.Txn) error {
		return tx.Set(serialKey(), sealPlain(binary.BigEndian.AppendUint64(nil, end)))
	})
	if err != nil {
		return err
	}
	s.next, s.end = next, end
	return nil
}

// unleased is the first serial that was never leased.
func (x *Index) unleased() (uint64, error) {
	data, err := x.read(serialKey())
	switch {
	case errors.Is(err, errNoKey):
		return 1, nil
	case err != nil:
		return 0, err
	case len(data) != 8:
		return 0, damaged("serial of %d bytes", len(data))
	}
	return binary.BigEndian.Uint64(data), nil
}
