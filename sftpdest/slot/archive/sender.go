package archive

import (
	"context"
	"crypto/sha256"
	"encoding"
	"errors"
	"hash"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/progress"
	"slotfs/sftpdest/slot/store"
)

// sender brings members to the server, and leaves checkpoints behind them.
type sender struct {
	to      *target
	counts  *progress.Counts
	log     *slog.Logger
	file    *output
	sum     hash.Hash        // of the archive as stored
	members manifest.Members // that are written
	recent  manifest.Members // since the last checkpoint
	g       *errgroup.Group

	unmarked atomic.Bool   // no more checkpoints: the server cannot say what is on its disk
	marking  chan struct{} // holds one while a checkpoint is written
	point    Checkpoint    // the last one
	unsure   bool          // writing it failed
}

func newSender(to *target, counts *progress.Counts, log *slog.Logger) *sender {
	temp := to.temp()
	return &sender{
		to: to, counts: counts, log: log, file: &output{s: to.s, name: temp}, sum: sha256.New(),
		marking: make(chan struct{}, 1), point: Checkpoint{Temp: manifest.Base(temp)},
	}
}

// resume goes on behind what an earlier run has sent.
func (o *sender) resume(e *resumedArchive) {
	o.file.name, o.file.off = e.temp, e.at.Size
	o.sum, o.members, o.point = e.sum, e.members, e.point
}

// takeAll sends what is ready until there is no more.
func (o *sender) takeAll(ctx context.Context, ready <-chan chan packed) error {
	for next := range ready {
		member := <-next
		if member.cut != nil {
			if err := o.reach(ctx, member.cut); err != nil {
				return err
			}
			continue
		}
		o.sum.Write(member.data)
		o.members.Add(member.Member)
		o.recent.Add(member.Member)
		if err := o.file.write(ctx, member.data); err != nil {
			return err
		}
		o.counts.UploadedBytes.Add(int64(len(member.data)))
	}
	return nil
}

// reach makes what is written durable, and notes beside the work how to go on from there.
func (o *sender) reach(ctx context.Context, c *pendingCheckpoint) error {
	if o.unmarked.Load() {
		return nil
	}
	durable, err := o.file.sync(ctx)
	if err != nil {
		return err
	}
	if !durable {
		o.unmarked.Store(true) // nobody knows what would be there
		return nil
	}
	at := ResumePoint{Size: o.file.off, Content: c.content, Inside: c.inside}
	if at.Sum, err = o.sum.(encoding.BinaryMarshaler).MarshalBinary(); err != nil {
		return err
	}
	members, err := o.recent.Encode()
	if err != nil {
		return err
	}
	o.recent = manifest.Members{}
	select {
	case o.marking <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	o.g.Go(func() error {
		defer func() { <-o.marking }()
		return o.mark(ctx, c, &at, members)
	})
	return nil
}

// mark writes a checkpoint unless there are to be no more.
func (o *sender) mark(ctx context.Context, c *pendingCheckpoint, at *ResumePoint, members []byte) error {
	outlast, cancel := grace(ctx)
	defer cancel()
	if o.unmarked.Load() {
		return nil
	}
	err := o.save(dest.NoWait(outlast), c, at, members)
	o.unsure = o.unsure || unreached(outlast, err) != nil
	if errors.Is(err, dest.ErrTooManyOpenFiles) { // the archive has the only handle
		o.unmarked.Store(true)
		return nil
	}
	return err
}

// grace is a context that outlasts another one a little: what is cut off half-way is of no use.
func grace(ctx context.Context) (context.Context, func()) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(store.Grace, cancel) })
	return longer, func() { stop(); cancel() }
}

// save writes a checkpoint.
func (o *sender) save(ctx context.Context, c *pendingCheckpoint, at *ResumePoint, members []byte) error {
	name := manifest.SegmentName(o.to.gen, manifest.Base(o.to.temp()))
	file, err := o.to.putAbout(ctx, name, slices.Concat(c.list, members))
	if err != nil {
		return err
	}
	p := &o.point
	p.Segments = append(p.Segments, Segment{File: file, List: int64(len(c.list)), Pass: c.pass})
	at.Segments = len(p.Segments)
	p.Stops = slices.DeleteFunc(p.Stops, func(s ResumePoint) bool { return at.Inside == nil || s.Inside != nil })
	p.Stops = append(p.Stops, *at)
	return o.to.putCheckpoint(ctx, p)
}

// settle says in the checkpoint, after a failure, that nothing is written any more. What is behind it gives its room back.
func (o *sender) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), store.Grace)
	defer cancel()
	quiet := o.file.close(ctx)
	n := len(o.point.Stops)
	if n == 0 || !quiet || o.unsure {
		return
	}
	err := o.to.s.Truncate(ctx, o.file.name, o.point.Stops[n-1].Size)
	if err == nil {
		o.point.Settled = true
		err = o.to.putCheckpoint(ctx, &o.point)
	}
	if err != nil {
		o.log.Debug("settle the archive", "slot", o.to.slot, "error", err)
	}
}
