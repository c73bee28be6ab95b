package tree

import (
	"context"
	"sync"
)

// sharedLimit is what each Builder with a Memory keeps open, in bytes, before it is the one that may have more.
const sharedLimit = 12 << 20

// Memory is shared by Builders that work side by side: one of them at a time goes beyond sharedLimit, and the others wait if
// they have to. The zero value is ready.
type Memory struct {
	once  sync.Once
	token chan struct{}
}

// enter waits for the token.
func (m *Memory) enter(ctx context.Context) error {
	m.once.Do(func() { m.token = make(chan struct{}, 1) })
	select {
	case m.token <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Share makes b one of the Builders that share m. Release is to be called behind its last use.
func (b *Builder) Share(m *Memory) { b.memory, b.limit = m, sharedLimit }

// Release lets another Builder have what b had of the Memory it shares.
func (b *Builder) Release() {
	if b.large {
		b.large = false
		<-b.memory.token
	}
}

// raise raises the limit, if need be as soon as no other Builder is beyond what all have.
func (b *Builder) raise(ctx context.Context) error {
	if b.memory != nil && !b.large {
		if err := b.memory.enter(ctx); err != nil {
			return err
		}
		b.large = true
	}
	b.limit, b.raised = max(2*b.limit, openLimit), b.churn()
	return nil
}
