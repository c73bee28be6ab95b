package slots

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
)

// atOnce is how many accounts are worked on side by side: small ones are mostly waited for.
const atOnce = 8

// orderedParallel runs f for all items, some side by side, and yields what it returned in the order of the items. It ends early with
// ctx, and returns when none of them runs any more.
func orderedParallel[T, R any](ctx context.Context, items []T, f func(item T) R) iter.Seq2[T, R] {
	return func(yield func(T, R) bool) {
		ctx, cancel := context.WithCancel(ctx)
		results := make([]chan R, len(items))
		for i := range results {
			results[i] = make(chan R, 1)
		}
		var next atomic.Int64
		var workers sync.WaitGroup
		defer workers.Wait()
		defer cancel()
		for range min(atOnce, len(items)) {
			workers.Go(func() {
				for ctx.Err() == nil {
					i := int(next.Add(1)) - 1
					if i >= len(items) {
						return
					}
					results[i] <- f(items[i])
				}
			})
		}
		for i, item := range items {
			select {
			case got := <-results[i]:
				if ctx.Err() != nil || !yield(item, got) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}
