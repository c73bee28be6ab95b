package slot

import (
	"context"
	"crypto/sha256"
	"hash"
	"os"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/errgroup"

	"slotfs/indexer/manifest"
)

const (
	// largePart is how small a part of a member a file may be that still starts one of its own.
	largePart = 8
	// membersAhead are compressed or on their way at once.
	membersAhead = 8
)

// archiver writes tar in gzip members, and lists what goes into it.
type archiver struct {
	j       *job
	resumed *resumedArchive // what a broken run has of it; nil: nothing
	out     *reconnectingWriter
	sum     hash.Hash        // of the archive as stored
	members manifest.Members // that are written
	list    *manifest.Writer // of entries
	kept    *metadataCopies
	member  int    // bytes of text that go into a gzip member: each can be read without the others
	text    []byte // of the member to come
	base    int64  // bytes of text before it
	left    map[string]bool
	anew    map[string]bool  // files with further names that are not as an earlier run has them
	around  []around         // the directories around the entry in hand
	jobs    chan chan packed // compressed members, in order
	g       *errgroup.Group

	pass    int      // over the source, counted from the first run's
	entered *entered // since the last checkpoint
	cutAt   int64    // text before that

	recent   manifest.Members // written since the last checkpoint
	unmarked atomic.Bool      // no more checkpoints: the server cannot say what is on its disk
	marking  chan struct{}    // holds one while a checkpoint is written
	point    checkpoint       // the last one
	unsure   bool             // writing it failed
}

// packed is a member as it is stored, or, instead, a checkpoint behind those before.
type packed struct {
	data []byte
	manifest.Member
	cut *pendingCheckpoint
}

// newArchiver begins an archive, or goes on with what j.resumed tells.
func (j *job) newArchiver(list *os.File) (a *archiver, err error) {
	a = &archiver{
		j: j, resumed: j.resumed, out: &reconnectingWriter{s: j.Store, name: j.Temp(j.slot)}, sum: sha256.New(), kept: newMetadataCopies(j.o.Keep),
		left: make(map[string]bool), anew: make(map[string]bool), marking: make(chan struct{}, 1), member: j.o.tune.member,
	}
	if a.list, err = manifest.NewWriter(list); err == nil {
		a.entered, err = newEntered()
	}
	if e := a.resumed; e != nil {
		e.open()
		a.out.name, a.out.off, a.base, a.cutAt = e.temp, e.at.Size, e.at.Content, e.at.Content
		a.sum, a.members, a.point = e.sum, e.members, e.point
		for _, s := range e.point.Segments {
			a.pass = max(a.pass, s.Pass+1)
		}
	} else {
		a.point.Temp = manifest.Base(a.out.name)
	}
	return a, err
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
			if member.cut != nil {
				if err := a.reach(inner, member.cut); err != nil {
					return err
				}
				continue
			}
			a.sum.Write(member.data)
			a.members.Add(member.Member)
			a.recent.Add(member.Member)
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
	if len(a.text) < a.member {
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
	a.text = make([]byte, 0, a.member+a.member/4)
	member := make(chan packed, 1)
	if err := a.hand(ctx, member); err != nil {
		return err
	}
	a.g.Go(func() error {
		member <- pack(text)
		return nil
	})
	return nil
}

// hand gives a member its place among the others.
func (a *archiver) hand(ctx context.Context, member chan packed) error {
	select {
	case a.jobs <- member:
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
