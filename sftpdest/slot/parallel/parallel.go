// Package parallel runs functions side by side. It knows nothing of what they do.
package parallel

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Each runs f for all items, at most limit at a time. After an error no further one is begun; the first error is returned.
func Each[T any](ctx context.Context, limit int, items []T, f func(ctx context.Context, item T) error) error {
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(limit)
	for _, item := range items {
		if inner.Err() != nil {
			break
		}
		g.Go(func() error { return f(inner, item) })
	}
	return g.Wait()
}

// Do runs all functions at the same time and returns the first error. Their context ends with it.
func Do(ctx context.Context, all ...func(ctx context.Context) error) error {
	return Each(ctx, max(1, len(all)), all, func(ctx context.Context, f func(ctx context.Context) error) error { return f(ctx) })
}

// All runs all functions at the same time to their end and returns what each returned.
func All(all ...func() error) []error {
	var wg sync.WaitGroup
	errs := make([]error, len(all))
	for i, f := range all {
		wg.Go(func() { errs[i] = f() })
	}
	wg.Wait()
	return errs
}
