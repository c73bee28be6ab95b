package indexer_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"slotfs/indexer"
	"slotfs/indexer/backup"
	"slotfs/indexer/engine/cpanel"
)

// crowd counts the backups under way. Small ones wait until as many are there as should be.
type crowd struct {
	full chan struct{} // closed by then

	mu sync.Mutex
	// mu guards what follows.
	large, small         int
	mostLarge, mostSmall int
	once                 sync.Once
}

var _ indexer.Progress = (*crowd)(nil)

func (c *crowd) Walked(int, int)            {}
func (c *crowd) Planned(int, int64)         {}
func (c *crowd) Read(*backup.Source, int64) {}

func (c *crowd) Began(s *backup.Source, size, _ int64) {
	c.add(s, 1)
	if strings.HasPrefix(s.Account, "small") {
		select {
		case <-c.full:
		case <-time.After(time.Minute):
		}
	}
}

func (c *crowd) Ended(s *backup.Source, _ *backup.Snapshot, _ error) { c.add(s, -1) }

func (c *crowd) add(s *backup.Source, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if strings.HasPrefix(s.Account, "large") {
		c.large += n
	} else {
		c.small += n
	}
	c.mostLarge, c.mostSmall = max(c.mostLarge, c.large), max(c.mostSmall, c.small)
	if c.small == 8 {
		c.once.Do(func() { close(c.full) })
	}
}

//check:without it takes seconds
func TestFewLargeAndMoreSmallArchivesAreReadSideBySide(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 4 {
		user := fmt.Sprintf("large%d", i)
		parent := w.account(user, nil)
		w.incompressible(filepath.Join(parent, user, "homedir/big"), 5<<20)
		w.archive(parent, user, "2026-01-02")
	}
	parent := w.account("small", nil)
	first := w.archive(parent, "small", "2026-01-01")
	for i := range 60 {
		w.sh(`cp "$1" "${1%.tar.gz}$2.tar.gz"`, first, fmt.Sprint(i))
	}
	c := crowd{full: make(chan struct{})}
	o := w.options()
	o.Progress = &c
	sum, err := indexer.Pass(context.Background(), w.dest, cpanel.New(), w.index, o)
	if err != nil || sum.Read != 65 {
		t.Fatalf("%+v, %v", sum, err)
	}
	if c.mostLarge > 2 || c.mostSmall != 8 {
		t.Errorf("at most %d large and %d small ones at once", c.mostLarge, c.mostSmall)
	}
}
