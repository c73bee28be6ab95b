package slot

import "golang.org/x/sync/semaphore"

// Budget is what runs share that go on side by side: the bandwidth, and the memory for content.
type Budget struct {
	limit   *limiter
	large   *semaphore.Weighted // large files on their way: more would only share the buffers
	room    *semaphore.Weighted // bytes of small files on their way
	buffers chan []byte         // what large files are read into: bounds the memory of all of them
}

// NewBudget lets so many bytes be sent in a second, any number if it is 0.
func NewBudget(bytesPerSecond int64) *Budget {
	b := &Budget{
		limit: newLimiter(bytesPerSecond), buffers: make(chan []byte, chunks),
		large: semaphore.NewWeighted(chunks), room: semaphore.NewWeighted(mostSmall),
	}
	for range chunks {
		b.buffers <- nil // made when it is needed
	}
	return b
}
