package store

import (
	"context"

	"golang.org/x/sync/semaphore"
)

const (
	// ChunkSize is the size of a buffer that large files are read into, in bytes.
	ChunkSize = 1 << 20
	chunks    = 64 // buffers of all large files together
	// mostSmall bounds the content of small files that is in memory, in bytes.
	mostSmall = 32 << 20
)

// Budget is what runs share that go on side by side: the bandwidth, and the memory for content.
type Budget struct {
	limiter
	large   *semaphore.Weighted // large files on their way: more would only share the buffers
	memory  *semaphore.Weighted // bytes of small files on their way
	buffers chan []byte         // what large files are read into: bounds the memory of all of them
}

// NewBudget lets so many bytes be sent in a second, any number if it is 0.
func NewBudget(bytesPerSecond int64) *Budget {
	b := &Budget{
		limiter: limiter{rate: bytesPerSecond}, buffers: make(chan []byte, chunks),
		large: semaphore.NewWeighted(chunks), memory: semaphore.NewWeighted(mostSmall),
	}
	for range chunks {
		b.buffers <- nil // made when it is needed
	}
	return b
}

// AcquireLarge waits for the turn of a large file.
func (b *Budget) AcquireLarge(ctx context.Context) (release func(), err error) {
	if err := b.large.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	return func() { b.large.Release(1) }, nil
}

// AcquireMemory waits until n bytes of content may be held in memory.
func (b *Budget) AcquireMemory(ctx context.Context, n int64) (release func(), err error) {
	if err := b.memory.Acquire(ctx, n); err != nil {
		return nil, err
	}
	return func() { b.memory.Release(n) }, nil
}

// Buffer waits for a buffer of ChunkSize, which ReturnBuffer gives back.
func (b *Budget) Buffer(ctx context.Context) ([]byte, error) {
	select {
	case buf := <-b.buffers:
		if buf == nil {
			buf = make([]byte, ChunkSize)
		}
		return buf, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// ReturnBuffer gives a buffer back; nil instead of one that may still be written to.
func (b *Budget) ReturnBuffer(buf []byte) { b.buffers <- buf }
