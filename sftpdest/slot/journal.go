package slot

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"sync"
	"time"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/plan"
	"slotfs/sftpdest/slot/store"
)

const (
	// mostSegment bounds a segment of a journal that is read, in bytes.
	mostSegment = 256 << 20
	// mostNoted bounds the memory that all of a journal takes, in bytes: notes of some 800,000 files. The oldest segments beyond
	// are left out.
	mostNoted = 160 << 20
	// notedBytes is about what a note takes besides its texts.
	notedBytes = 160
)

// errNotes says that a journal is too large.
var errNotes = errors.New("a journal with more notes than fit in memory")

// journal notes what was put into place, in segments. They are written beside the work: nobody waits for them.
type journal struct {
	s    *store.Store
	slot string
	gen  uint64
	tune *tuning
	now  func() time.Time
	// ready waits for the state that names the generation: segments without it would be taken for those of the next run, which
	// gets the same one.
	ready func(ctx context.Context) error
	due   chan struct{} // has one when a segment is
	kept  sync.WaitGroup
	stop  func()             // no further segments
	abort context.CancelFunc // nor the one that is being written
	seq   uint64             // of the last segment; of who writes alone

	mu      sync.Mutex // guards what follows
	entries []manifest.Entry
	first   time.Time // when the oldest entry came
	err     error     // of writing one
}

func newJournal(s *store.Store, slot string, gen uint64, tune *tuning, ready func(ctx context.Context) error) *journal {
	return &journal{
		s: s, slot: slot, gen: gen, tune: tune, now: time.Now, ready: ready,
		due: make(chan struct{}, 1), stop: func() {}, abort: func() {},
	}
}

// add notes an entry. Its error is that of a segment that could not be written.
func (j *journal) add(e *manifest.Entry, durable bool) error {
	noted := *e
	noted.Flags &^= manifest.Durable | manifest.Removed
	if durable {
		noted.Flags |= manifest.Durable
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return j.err
	}
	if len(j.entries) == 0 {
		j.first = j.now()
	}
	j.entries = append(j.entries, noted)
	age := j.now().Sub(j.first)
	if len(j.entries) >= j.tune.segment || age > j.tune.age || age < 0 {
		select {
		case j.due <- struct{}{}:
		default:
		}
	}
	return nil
}

// keep writes segments when they are due, until end is called.
func (j *journal) keep(ctx context.Context) {
	ctx, j.abort = context.WithCancel(ctx)
	over := make(chan struct{})
	j.stop = sync.OnceFunc(func() { close(over) })
	j.kept.Go(func() {
		for {
			select {
			case <-over:
				return
			case <-j.due:
			}
			select {
			case <-over:
				return
			default:
			}
			if err := j.flush(ctx); err != nil {
				j.mu.Lock()
				j.err = err
				j.mu.Unlock()
				return
			}
		}
	})
}

// end waits until no segment is being written any more. Notes that are not in one stay with the journal.
func (j *journal) end() {
	j.stop()
	j.kept.Wait()
	j.abort()
}

// halt is end that does not wait for the server.
func (j *journal) halt() {
	j.abort()
	j.end()
}

// flush writes what there is.
func (j *journal) flush(ctx context.Context) error {
	if err := j.ready(ctx); err != nil {
		return err
	}
	j.mu.Lock()
	entries := j.entries
	j.entries = nil
	j.mu.Unlock()
	if len(entries) == 0 {
		return nil
	}
	if err := j.write(ctx, entries); err != nil {
		j.mu.Lock()
		j.entries = append(entries, j.entries...)
		j.mu.Unlock()
		return fmt.Errorf("write journal: %w", err)
	}
	return nil
}

// write writes a segment.
func (j *journal) write(ctx context.Context, entries []manifest.Entry) error {
	var segment bytes.Buffer
	w, err := manifest.NewJournalWriter(&segment)
	if err != nil {
		return err
	}
	for i := range entries {
		if err := w.Write(&entries[i]); err != nil {
			return err
		}
	}
	if _, err := w.Close(); err != nil {
		return err
	}
	j.seq++
	return j.s.Replace(ctx, j.slot, "meta/"+manifest.JournalName(j.gen, j.seq), segment.Bytes())
}

// readJournal reads the segments of a generation and tells the number of the last one. A damaged segment is left out:
// what it said is sent again.
func readJournal(ctx context.Context, d dest.Reader, slot string, gen uint64, damaged func(name string, err error)) (plan.Notes, uint64, error) {
	list, err := d.List(ctx, slot+"/meta")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	segments := make(map[uint64]dest.Info)
	var order []uint64
	for _, info := range list {
		if g, seq, ok := manifest.ParseJournalName(info.Name); ok && g == gen {
			segments[seq] = info
			order = append(order, seq)
		}
	}
	if len(order) == 0 {
		return nil, 0, nil
	}
	slices.SortFunc(order, func(a, b uint64) int { return cmp.Compare(b, a) })
	var all plan.Notes
	seq := int32(math.MaxInt32) // of the note read last: later ones come first
	room := int64(mostNoted)
	for _, number := range order {
		info := segments[number]
		part, err := readSegment(ctx, d, slot+"/meta/"+info.Name, info.Size, &room)
		if err != nil && (ctx.Err() != nil || errors.Is(err, dest.ErrUnreachable)) {
			return nil, 0, err
		}
		if err != nil {
			damaged(info.Name, err)
		}
		if errors.Is(err, errNotes) {
			break
		}
		seq -= int32(len(part))
		for i := range part {
			part[i].Seq = seq + int32(i)
		}
		all = append(all, part...)
	}
	return all.Sorted(), order[0], nil
}

// readSegment reads a segment whose notes take no more bytes than room, which it makes less.
func readSegment(ctx context.Context, d dest.Reader, p string, size int64, room *int64) (plan.Notes, error) {
	if size > mostSegment {
		return nil, store.ErrTooLong
	}
	f, err := d.Open(ctx, p)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	stream := dest.NewStream(ctx, f, 0, size, 0)
	defer stream.Close()
	r, err := manifest.NewReader(stream)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var part plan.Notes
	left := *room
	for {
		e, err := r.Next()
		if err == io.EOF {
			*room = left
			return part, nil
		}
		if err != nil {
			return nil, err
		}
		if !e.IsRegular() || e.Flags&manifest.Removed != 0 {
			continue
		}
		n := plan.Note{
			Path: e.Path, Size: e.Size, MTime: e.MTime, CTime: e.CTime, Inode: e.Inode, Blocks: e.Blocks,
			Durable: e.Flags&manifest.Durable != 0, Stored: e.Stored,
		}
		if _, err := hex.Decode(n.Sum[:], []byte(e.Hash)); err != nil {
			return nil, err
		}
		if left -= notedBytes + int64(len(n.Path)+len(n.Blocks)+len(n.Stored)); left < 0 {
			return nil, errNotes
		}
		part = append(part, n)
	}
}
