package slot

import (
	"context"
	"hash"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/errgroup"

	"slotfs/indexer/manifest"
)

const (
	// memberText is how much of the archive goes into a gzip member: each can be read without the others.
	memberText = 2 << 20
	// memberLarge is how large a file is that starts a member.
	memberLarge = 256 << 10
	// membersAhead are compressed or on their way at once.
	membersAhead = 8
)

// archiver writes tar in gzip members, and lists what goes into it.
type archiver struct {
	j       *job
	out     *patient
	sum     hash.Hash        // of the archive as stored
	members manifest.Members // that are written
	list    *manifest.Writer // of entries
	kept    *keeper
	text    []byte // of the member to come
	base    int64  // bytes of text before it
	left    map[string]bool
	jobs    chan chan packed // compressed members, in order
	g       *errgroup.Group
}

// packed is a member as it is stored.
type packed struct {
	data []byte
	manifest.Member
}

func (a *archiver) run(ctx context.Context) error {
	g, inner := errgroup.WithContext(ctx)
	a.g, a.jobs = g, make(chan chan packed, membersAhead)
	g.Go(func() error {
		defer close(a.jobs)
		return a.walk(inner)
	})
	g.Go(func() error {
		for next := range a.jobs {
			member := <-next
			a.sum.Write(member.data)
			a.members.Add(member.Member)
			if err := a.out.write(inner, member.data); err != nil {
				return err
			}
			a.j.sum.uploadedBytes.Add(int64(len(member.data)))
		}
		return nil
	})
	return g.Wait()
}

// at is where the next byte goes, uncompressed.
func (a *archiver) at() int64 { return a.base + int64(len(a.text)) }

// full ends the member if it has enough.
func (a *archiver) full(ctx context.Context) error {
	if len(a.text) < memberText {
		return nil
	}
	return a.flush(ctx)
}

// flush hands the member over to be compressed.
func (a *archiver) flush(ctx context.Context) error {
	if len(a.text) == 0 {
		return nil
	}
	text := a.text
	a.base += int64(len(text))
	a.text = make([]byte, 0, memberText+memberText/4)
	member := make(chan packed, 1)
	select {
	case a.jobs <- member:
	case <-ctx.Done():
		return ctx.Err()
	}
	a.g.Go(func() error {
		member <- pack(text)
		return nil
	})
	return nil
}

// pack makes a gzip member. Writing to memory does not fail.
func pack(text []byte) packed {
	var out sink
	w := gzip.NewWriter(&out)
	_, _ = w.Write(text)
	_ = w.Close()
	return packed{out, manifest.Member{Size: int64(len(out)), Length: int64(len(text)), Sums: manifest.Sums(text)}}
}

type sink []byte

func (s *sink) Write(p []byte) (int, error) {
	*s = append(*s, p...)
	return len(p), nil
}
