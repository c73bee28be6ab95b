package indexer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"slotfs/indexer/archive"
	"slotfs/indexer/backup"
	"slotfs/indexer/contain"
	"slotfs/indexer/dest"
	"slotfs/indexer/engine"
)

// Pass indexes a destination once. Its error is what ended the pass as a whole: the network, the index or
// ctx; what is wrong with single backups is in the Summary. A snapshot is forgotten only if the directories that
// it could lie in were listed without an error.
func Pass(ctx context.Context, d dest.Destination, e engine.Engine, x Index, o Options) (Summary, error) {
	p := newPass(d, e, x, o)
	if err := p.run(ctx); err != nil {
		return p.summary, fmt.Errorf("index %s: %w", o.Destination, err)
	}
	return p.summary, nil
}

// pass is one pass under way.
type pass struct {
	Options
	dest   dest.Destination
	engine engine.Engine
	index  Index
	room   *room                       // of Memory
	known  map[string]*backup.Snapshot // by key; not written while sources are read

	mu sync.Mutex
	// mu guards what follows.
	summary   Summary
	committed map[string]*backup.Snapshot // by this pass, by key
}

func newPass(d dest.Destination, e engine.Engine, x Index, o Options) *pass {
	if o.Parallel <= 0 {
		o.Parallel = 2
	}
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if o.Progress == nil {
		o.Progress = silent{}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Memory == nil {
		o.Memory = new(Memory)
	}
	return &pass{Options: o, dest: d, engine: e, index: x, room: &o.Memory.entries, committed: make(map[string]*backup.Snapshot)}
}

func (p *pass) run(ctx context.Context) error {
	if err := p.load(ctx); err != nil {
		return err
	}
	walked, err := p.walk(ctx)
	if err != nil {
		return err
	}
	due := p.plan(walked.sources)
	gone, err := p.forget(ctx, walked)
	if err != nil {
		return err
	}
	if err := p.readAll(ctx, due); err != nil {
		return err
	}
	if err := p.compare(ctx); err != nil {
		return err
	}
	if gone+len(due) == 0 {
		return nil
	}
	swept, err := p.index.Sweep(ctx)
	p.Log.Debug("index swept", "destination", p.Destination, "deleted", swept)
	return err
}

// load reads the catalog as it stands before the pass.
func (p *pass) load(ctx context.Context) error {
	snapshots, err := p.index.Snapshots(ctx, p.Destination)
	if err != nil {
		return err
	}
	p.known = make(map[string]*backup.Snapshot, len(snapshots))
	for _, s := range snapshots {
		p.known[s.Key()] = s
	}
	return nil
}

// plan picks the sources that have to be read, newest first: that is what people ask for.
func (p *pass) plan(sources []*backup.Source) []*backup.Source {
	var due []*backup.Source
	var bytes int64
	for _, s := range sources {
		if p.Account != "" && s.Account != p.Account {
			continue
		}
		p.summary.Found++
		if p.unchanged(s) {
			p.summary.Unchanged++
			continue
		}
		due = append(due, s)
		bytes += storedSize(s)
	}
	slices.SortStableFunc(due, func(a, b *backup.Source) int {
		return cmp.Or(b.Time.Compare(a.Time), strings.Compare(a.Key(), b.Key()))
	})
	p.Progress.Planned(len(due), bytes)
	return due
}

// readerRevision is raised when archives are read right that were taken for damaged before, or differently.
const readerRevision = 3

// endRevision is the first reader that stops where a tar archive ends. Readers before took what an earlier, longer archive had
// left behind the end for part of it.
const endRevision = 2

// unchanged reports whether what the catalog says of s still holds.
func (p *pass) unchanged(s *backup.Source) bool {
	known := p.known[s.Key()]
	return known != nil && !p.Full && known.Stable && known.Fingerprint == s.Fingerprint && !outdated(known) && !misplaced(known, s)
}

// outdated reports whether a later reader may make more of the archive that s was read from, or has the checksums of a slot.
func outdated(s *backup.Snapshot) bool {
	if s.Kind == backup.Slot {
		return s.Reader == 0
	}
	switch {
	case s.Kind != backup.TarGzip && s.Kind != backup.Tar, s.Fault != "" && !cutShort(&s.Source), s.Reader >= readerRevision:
		return false
	case s.Kind == backup.Tar && s.Reader < endRevision: // of an archive that is not compressed headers are read only
		return true
	}
	return s.Status != backup.Complete || s.Notes.Of(archive.NoteTime) > 0
}

// misplaced reports whether a record of a loose backup has it under the account that it names inside, as earlier readers did.
func misplaced(known *backup.Snapshot, s *backup.Source) bool {
	return s.Loose && known.Account != s.Account && !known.Unclaimed
}

// forget removes the snapshots whose backups are gone. An empty destination is more likely a disk that is
// not there than a decision, so it makes nothing forgotten.
func (p *pass) forget(ctx context.Context, w *walked) (int, error) {
	if len(w.sources) == 0 && len(p.known) > 0 {
		p.warn(fmt.Errorf("no backup found where %d were known: nothing is forgotten", len(p.known)))
		return 0, nil
	}
	found := make(map[string]bool, len(w.sources))
	for _, s := range w.sources {
		found[s.Key()] = true
	}
	for key, s := range p.known {
		if found[key] || w.mayHide(key) || p.Account != "" && s.Account != p.Account {
			continue
		}
		if err := p.index.DeleteSnapshot(ctx, p.Destination, key); err != nil {
			return p.summary.Gone, err
		}
		p.Log.Info("snapshot gone", "destination", p.Destination, "path", key)
		delete(p.known, key)
		p.summary.Gone++
	}
	return p.summary.Gone, nil
}

// smallArchive is how many bytes an archive has, as stored, whose reading is a matter of round trips and
// not of the processor. As many as smallShare of them are read side by side in place of a larger one.
const (
	smallArchive = 4 << 20
	smallShare   = 4
)

// share is how much of what may be under way at once the reading of s is. Slots say themselves what they hold, which
// takes little more than round trips.
func share(s *backup.Source) int64 {
	if s.Kind == backup.Slot || s.Kind != backup.Tree && storedSize(s) <= smallArchive {
		return 1
	}
	return smallShare
}

// readAll reads the sources that are due, some side by side.
func (p *pass) readAll(ctx context.Context, due []*backup.Source) error {
	group, groupCtx := errgroup.WithContext(ctx)
	room := semaphore.NewWeighted(int64(p.Parallel) * smallShare)
	for _, s := range due {
		if room.Acquire(groupCtx, share(s)) != nil {
			break
		}
		group.Go(func() (err error) {
			defer contain.Recover(&err)
			defer room.Release(share(s))
			return p.readOne(groupCtx, s)
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// readOne reads and commits one source. What is wrong with the source alone goes to the summary.
func (p *pass) readOne(ctx context.Context, s *backup.Source) error {
	serial, err := p.index.NextSerial()
	if err != nil {
		return err
	}
	defer p.index.ReleaseSerial(serial)
	snapshot, err := p.readContained(ctx, s, serial)
	if err == nil {
		err = p.commit(ctx, snapshot)
	}
	p.Progress.Ended(s, snapshot, err)
	if err != nil && endsPass(ctx, err) {
		return fmt.Errorf("%s: %w", s.Key(), err)
	}
	p.count(s, snapshot, err)
	return nil
}

// readContained is read that a panic ends like an error. What no reader of ours gets through is unreadable, and is tried
// again by every pass: a later version may be better.
func (p *pass) readContained(ctx context.Context, s *backup.Source, serial uint64) (snapshot *backup.Snapshot, err error) {
	err = contain.Do(func() (err error) {
		snapshot, err = p.read(ctx, s, serial)
		return err
	})
	stack := contain.Stack(err)
	if stack == "" || endsPass(ctx, err) {
		return snapshot, err
	}
	p.Log.Error("reading a backup panicked", "destination", p.Destination, "path", s.Key(), "error", err, "stack", stack)
	if err := p.index.DropState(ctx, p.Destination, s.Key()); err != nil {
		return nil, storeError{err}
	}
	var fault *contain.Error
	errors.As(err, &fault)
	snapshot = p.reading(s, serial).record(backup.Unreadable, fault.Error())
	snapshot.Stable = false
	return snapshot, nil
}

// read makes the snapshot of one source, ready to be committed: what a reader read, cut into parts by the engine.
func (p *pass) read(ctx context.Context, s *backup.Source, serial uint64) (*backup.Snapshot, error) {
	b := p.reading(s, serial)
	if s.Fault != "" && !cutShort(s) {
		p.Progress.Began(s, 0, 0)
		return b.record(s.Fault, s.Detail), nil
	}
	if describer, ok := p.engine.(engine.SelfDescriber); ok {
		return p.readSelfDescribed(ctx, describer, b)
	}
	var r reader = archiveReader{}
	if s.Kind == backup.Tree {
		r = treeReader{}
	}
	return p.readWith(ctx, r, b)
}

// readWith has r read a backup, and describes what it read.
func (p *pass) readWith(ctx context.Context, r reader, b *reading) (*backup.Snapshot, error) {
	read, err := r.read(ctx, b)
	if err == nil && read.contents != nil {
		err = p.describe(ctx, read.snapshot, read.contents)
	}
	return read.snapshot, err
}

// reading is what a reader of s gets to see.
func (p *pass) reading(s *backup.Source, serial uint64) *reading {
	return &reading{Options: &p.Options, dest: p.dest, index: p.index, wants: p.engine.Wants, source: s, serial: serial, known: p.known[s.Key()]}
}

// cutShort reports whether the last pieces of an archive are missing. What is there is read like any archive that was cut.
func cutShort(s *backup.Source) bool {
	return s.Fault == backup.Truncated && (s.Kind == backup.Tar || s.Kind == backup.TarGzip)
}

func (p *pass) commit(ctx context.Context, s *backup.Snapshot) error {
	if err := p.index.PutSnapshot(ctx, s); err != nil {
		return storeError{err}
	}
	p.mu.Lock()
	p.committed[s.Key()] = s
	p.mu.Unlock()
	if known := p.known[s.Key()]; known == nil || known.Root.Child != s.Root.Child {
		p.concerned(&backup.Snapshot{Source: s.Source}, s.Concerns) // those that reading it raised
	}
	p.Log.Info("snapshot indexed", "destination", p.Destination, "path", s.Key(), "status", s.Status,
		"entries", s.Root.Count)
	return nil
}

// count enters what became of one source into the summary.
func (p *pass) count(s *backup.Source, snapshot *backup.Snapshot, err error) {
	p.mu.Lock()
	if err == nil {
		p.summary.Read++
	}
	if err != nil || snapshot.Status != backup.Complete {
		p.summary.Failed++
	}
	p.mu.Unlock()
	switch {
	case err != nil:
		p.warn(fmt.Errorf("%s: %w", s.Key(), err))
	case snapshot.Status != backup.Complete:
		p.warn(fmt.Errorf("%s: %s: %s", s.Key(), snapshot.Status, snapshot.Detail))
	}
}

// warn keeps an error that does not end the pass.
func (p *pass) warn(err error) {
	p.Log.Warn("backup not complete", "destination", p.Destination, "error", err)
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.summary.Errors) < maxErrors {
		p.summary.Errors = append(p.summary.Errors, err)
	}
}

// silent hears nothing.
type silent struct{}

var _ Progress = silent{}

func (silent) Walked(int, int)                               {}
func (silent) Planned(int, int64)                            {}
func (silent) Began(*backup.Source, int64, int64)            {}
func (silent) Read(*backup.Source, int64)                    {}
func (silent) Ended(*backup.Source, *backup.Snapshot, error) {}
