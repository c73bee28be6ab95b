package slots

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestOrderedParallelRunsSideBySideAndKeepsTheOrder(t *testing.T) {
	items := []int{}
	for i := range 20 {
		items = append(items, 20-i) // the first ones take longest
	}
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var got []int
		for item, twice := range orderedParallel(t.Context(), items, func(n int) int {
			time.Sleep(time.Duration(n) * time.Second)
			return 2 * n
		}) {
			if twice != 2*item {
				t.Errorf("%d: %d", item, twice)
			}
			got = append(got, item)
		}
		if !slices.Equal(got, items) {
			t.Errorf("order %v", got)
		}
		if took := time.Since(begun); took > 40*time.Second { // one after the other 210 s
			t.Errorf("took %v", took)
		}
	})
}

func TestOrderedParallelEndsWithItsContextAndItsReader(t *testing.T) {
	items := make([]int, 1000)
	for _, canceled := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		var running, ran atomic.Int64
		n := 0
		for range orderedParallel(ctx, items, func(int) int {
			running.Add(1)
			defer running.Add(-1)
			return int(ran.Add(1))
		}) {
			if n++; n == 3 && canceled {
				cancel()
			} else if n == 3 {
				break
			}
		}
		cancel()
		if n != 3 || running.Load() != 0 {
			t.Errorf("canceled %v: %d were read, %d are still running", canceled, n, running.Load())
		}
	}
}
