package slot

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/source"
)

// window is how many entries may be decided before the oldest of them is done: what one slow file can hold up, and
// what bounds the memory.
const window = 8192

// mostEarly is how many files are uploaded before the state of the slot is durable at most: what they take must not keep it
// waiting.
const mostEarly = 512

// mostSmall bounds the content of small files that is in memory, in bytes.
const mostSmall = 32 << 20

// job writes one backup into one slot.
type job struct {
	*remote
	o       *Options
	src     *source.Tree
	slots   []Slot // as they were
	due     Slot   // the one that is written
	slot    string // its folder
	state   manifest.State
	mark    string        // temporary file with the state that says so; "": not written yet
	aside   string        // folder in tmp/ for what stands in the way of another kind; "": none yet
	other   string        // folder of the other mode, which the slot may have; "": it has none
	made    bool          // the folders of the slot are there
	fresh   bool          // by this run: nothing else is in them
	clean   bool          // no earlier run has anything on its way
	unswept bool          // what earlier runs left may take the room that this one needs
	begun   chan struct{} // closed when the slot's new state is durable
	plan    planner
	base    *os.File     // manifest of the slot's last backup; nil: none
	donor   *os.File     // manifest of the newest backup elsewhere; nil: none
	donorAt string       // its slot
	sooner  atomic.Int64 // uploads begun, whether or not the state was durable
	listing string       // temporary file with the manifest of data/; "": none
	journal *journal
	parts   *parts
	earlier *earlier // what a broken run has of the archive; nil: nothing
	scrub   scrub
	holes   holeBudget
	early   *pulled[*source.Found] // the source, begun before the destination was asked for anything
	first   scan                   // what the survey found

	sum struct {
		files, bytes, uploaded, uploadedBytes, copied, linked, deleted, changed, frozen atomic.Int64
	}

	mu      sync.Mutex // guards what follows
	touched []*place
	gone    []goner
}

// goner is a name to be removed at the end.
type goner struct {
	path string
	dir  bool
}

// place is a folder of the slot.
type place struct {
	entry   *manifest.Entry
	ready   chan struct{} // closed when it is there, or err says why not
	err     error
	nest    *nest // what it is built as; nil: it is made under its name
	touched atomic.Bool
}

// wait returns when the folder is there.
func (p *place) wait(ctx context.Context) error {
	if p == nil {
		return nil
	}
	select {
	case <-p.ready:
		return p.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// touch notes that names in the folder changed, or its attributes.
func (j *job) touch(p *place) {
	if p == nil || p.touched.Swap(true) {
		return
	}
	j.mu.Lock()
	j.touched = append(j.touched, p)
	j.mu.Unlock()
}

func (j *job) lose(path string, dir bool) {
	j.mu.Lock()
	j.gone = append(j.gone, goner{path, dir})
	j.mu.Unlock()
}

// data is the path of an entry on the server.
func (j *job) data(path string) string { return join(j.slot+"/data", path) }

// fill brings the data of the slot up to date, but for deletions, and writes the manifest into spool and to the server.
func (j *job) fill(ctx context.Context, spool *os.File) (manifest.File, error) {
	g, inner := errgroup.WithContext(ctx)
	work := make(chan *step, j.o.Lanes)
	queue := make(chan *step, window)
	var file manifest.File
	g.Go(func() error {
		defer close(work)
		defer close(queue)
		return j.walk(inner, work, queue)
	})
	for range j.o.Lanes {
		g.Go(func() error {
			for s := range work {
				if err := j.perform(inner, s); err != nil {
					return err
				}
			}
			return nil
		})
	}
	g.Go(func() error { return j.begin(inner) })
	g.Go(func() (err error) {
		if file, err = j.note(inner, queue, spool); err == nil {
			err = j.putList(inner, spool, file.Size)
		}
		return err
	})
	return file, g.Wait()
}

// walk plans and hands out. It is the only one that moves folders aside.
func (j *job) walk(ctx context.Context, work, queue chan<- *step) error {
	if j.plan.listed {
		if err := j.may(ctx); err != nil { // until then, what earlier runs sent may still come
			return err
		}
	}
	var around []*place
	building := nests{small: j.o.tune.small}
	for r, err := range j.rows(ctx) {
		if err != nil {
			return err
		}
		s := j.plan.plan(r)
		if s == nil {
			continue
		}
		if s.act == remove {
			j.lose(s.entry.Path, s.have == folder)
			continue
		}
		for len(around) > 0 && !below(s.entry.Path, around[len(around)-1].entry.Path) {
			around = around[:len(around)-1]
		}
		if len(around) > 0 {
			s.in = around[len(around)-1]
		}
		if s.entry.IsDir() {
			s.self = &place{entry: &s.entry, ready: make(chan struct{})}
			around = append(around, s.self)
		}
		if err := j.prepare(ctx, s, r); err != nil {
			return err
		}
		if err := hand(ctx, building.next(s), work, queue); err != nil {
			return err
		}
	}
	return hand(ctx, building.next(nil), work, queue)
}

// hand passes steps on: first to those who note them in order, so that nobody can be in their way. What waits for a step is
// passed on after it, so that those who work come to it.
func hand(ctx context.Context, steps []*step, work, queue chan<- *step) error {
	for _, s := range steps {
		if s.act != seal {
			if err := pass(ctx, s, queue); err != nil {
				return err
			}
		}
		if s.act == seal || s.done != nil {
			if err := pass(ctx, s, work); err != nil {
				return err
			}
		}
	}
	return nil
}

func pass(ctx context.Context, s *step, to chan<- *step) error {
	select {
	case to <- s:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// prepare does what has to be done in order, and what costs nothing.
func (j *job) prepare(ctx context.Context, s *step, r *row) error {
	wrong := s.have == folder && !s.entry.IsDir() && s.act != nothing || s.have == file && s.entry.IsDir()
	if wrong {
		if err := j.setAside(ctx, j.data(s.entry.Path)); err != nil {
			return err
		}
		j.touch(s.in)
		s.have = none
	}
	if s.entry.Flags&manifest.Stale != 0 && (s.self != nil || s.act == keep) {
		j.sum.frozen.Add(1)
	}
	switch s.act {
	case keep:
		if s.self != nil {
			close(s.self.ready)
			if r.base == nil || r.base.MTime != s.entry.MTime || r.base.Mode != s.entry.Mode || j.plan.listed {
				j.touch(s.self)
			}
		}
	case nothing:
		if s.have != none {
			j.lose(s.entry.Path, s.have == folder)
			j.touch(s.in)
		}
	default:
		s.done = make(chan struct{})
	}
	return nil
}

// setAside moves what stands in the way of another kind into a folder of this run: the next run removes that before it changes
// anything, so that a request which comes late moves nothing of what it made. It is called by one goroutine.
func (j *job) setAside(ctx context.Context, name string) error {
	if err := j.may(ctx); err != nil {
		return err
	}
	if j.aside == "" {
		dir := j.temp(j.slot)
		if err := j.ensureDir(ctx, dir, 0o700); err != nil {
			return err
		}
		j.aside = dir
	}
	return j.move(ctx, name, j.aside+"/"+baseName(j.temp(j.slot)))
}

// note writes the manifest, in order, as its entries get done.
func (j *job) note(ctx context.Context, queue <-chan *step, spool *os.File) (manifest.File, error) {
	w, err := manifest.NewWriter(spool)
	if err != nil {
		return manifest.File{}, err
	}
	dropped := make(map[string]struct{})
	for s := range queue {
		if s.done != nil {
			select {
			case <-s.done:
			case <-ctx.Done():
				return manifest.File{}, ctx.Err()
			}
		}
		if s.left {
			if s.entry.Nlink > 1 {
				dropped[s.entry.Path] = struct{}{}
			}
			continue
		}
		e := s.entry
		if _, lost := dropped[e.Link]; lost && e.Link != "" {
			e.Link = ""
		}
		if err := w.Write(&e); err != nil {
			return manifest.File{}, err
		}
		if e.IsRegular() {
			j.sum.files.Add(1)
			addSize(&j.sum.bytes, e.Size)
		}
	}
	if err := ctx.Err(); err != nil {
		return manifest.File{}, err
	}
	return w.Close()
}

// perform does what a step says on the server.
func (j *job) perform(ctx context.Context, s *step) (err error) {
	if s.act == seal {
		return j.leaveNest(ctx, s.nest)
	}
	defer func() {
		if s.self != nil && s.self.nest == nil {
			s.self.err = err
			close(s.self.ready)
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", show(s.entry.Path), err)
			return // nobody may take the entry for done
		}
		s.settled()
	}()
	if err := j.turn(ctx, s); err != nil {
		return err
	}
	switch s.act {
	case mkdir:
		if s.self.nest != nil {
			return j.build(ctx, s.self.nest)
		}
		if err := j.ensureDir(ctx, j.data(s.entry.Path), s.entry.Mode&0o777|0o700); err != nil {
			return err
		}
		j.touch(s.self)
		j.touch(s.in)
		return nil
	case symlink:
		return j.symlink(ctx, s)
	case fill:
		if done, err := j.take(ctx, s); done || err != nil {
			return err
		}
	case reread:
		if done, err := j.rereads(ctx, s); done || err != nil {
			return err
		}
	}
	if err := j.send(ctx, s); err != nil || s.nest == nil {
		return err
	}
	return j.leaveNest(ctx, s.nest)
}

// turn waits until a step may begin.
func (j *job) turn(ctx context.Context, s *step) error {
	if s.self != nil && s.self.nest != nil || s.early(j.o.tune.small) { // tmp/ comes first
		if j.unswept || s.self == nil && j.sooner.Add(1) > mostEarly {
			return j.may(ctx)
		}
		return nil
	}
	return j.placeable(ctx, s)
}

// early reports whether a step begins with an upload to a temporary name, which may go ahead of all that it has to wait for
// before it is moved to its own.
func (s *step) early(small int64) bool {
	return (s.act == send || s.act == compare) && s.entry.Size <= small
}

// settled says that the entry is as it goes into the manifest.
func (s *step) settled() {
	if !s.known {
		s.known = true
		close(s.done)
	}
}

// placeable waits until the name of a step may be made.
func (j *job) placeable(ctx context.Context, s *step) error {
	if err := j.may(ctx); err != nil {
		return err
	}
	return s.in.wait(ctx)
}

// show makes a path fit for an error.
func show(path string) string {
	if path == "" {
		return "the account's folder"
	}
	return fmt.Sprintf("%q", path)
}
