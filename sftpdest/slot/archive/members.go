package archive

import (
	"context"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/errgroup"

	"slotfs/indexer/manifest"
)

// membersAhead are compressed or on their way at once.
const membersAhead = 8

// members cuts text into gzip members, which are compressed side by side and handed over in order.
type members struct {
	size  int              // bytes of text that go into one: each can be read without the others
	text  []byte           // of the one to come
	base  int64            // bytes of text before it
	ready chan chan packed // compressed, in order
	g     *errgroup.Group
}

// packed is a member as it is stored, or, instead, a checkpoint behind those before.
type packed struct {
	data []byte
	manifest.Member
	cut *pendingCheckpoint
}

// at is where the next byte goes, uncompressed.
func (m *members) at() int64 { return m.base + int64(len(m.text)) }

// full ends the member if it has enough.
func (m *members) full(ctx context.Context) error {
	if len(m.text) < m.size {
		return nil
	}
	return m.flush(ctx)
}

// flush hands the member over to be compressed.
func (m *members) flush(ctx context.Context) error {
	if len(m.text) == 0 {
		return nil
	}
	text := m.text
	m.base += int64(len(text))
	m.text = make([]byte, 0, m.size+m.size/4)
	member := make(chan packed, 1)
	if err := m.hand(ctx, member); err != nil {
		return err
	}
	m.g.Go(func() error {
		member <- pack(text)
		return nil
	})
	return nil
}

// cut hands over a checkpoint behind all members so far.
func (m *members) cut(ctx context.Context, c *pendingCheckpoint) error {
	behind := make(chan packed, 1)
	behind <- packed{cut: c}
	return m.hand(ctx, behind)
}

// hand gives a member its turn among the others.
func (m *members) hand(ctx context.Context, member chan packed) error {
	select {
	case m.ready <- member:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pack makes a gzip member. Writing to memory does not fail.
func pack(text []byte) packed {
	var out sink
	w := gzip.NewWriter(&out)
	_, _ = w.Write(text)
	_ = w.Close()
	return packed{data: out, Member: manifest.Member{Size: int64(len(out)), Length: int64(len(text)), Sums: manifest.Sums(text)}}
}

type sink []byte

func (s *sink) Write(p []byte) (int, error) {
	*s = append(*s, p...)
	return len(p), nil
}
