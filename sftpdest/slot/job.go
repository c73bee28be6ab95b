package slot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/archive"
	"slotfs/sftpdest/slot/journal"
	"slotfs/sftpdest/slot/plan"
	"slotfs/sftpdest/slot/prefetch"
	"slotfs/sftpdest/slot/progress"
	"slotfs/sftpdest/slot/source"
	"slotfs/sftpdest/slot/store"
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
	*rotation
	src          *source.Tree
	slots        []Slot // as they were
	due          Slot   // the one that is written
	reason       string // why that one
	slot         string // its directory
	state        manifest.State
	mark         string        // temporary file with the state that says so; "": not written yet
	asideDir     string        // directory in tmp/ for what stands in the way of another kind; "": none yet
	other        string        // directory of the other mode, which the slot may have; "": it has none
	dirsMade     bool          // the directories of the slot are there
	fresh        bool          // by this run: nothing else is in them
	clean        bool          // no earlier run has anything on its way
	needsRoom    bool          // what earlier runs left may take the room that this one needs
	updating     chan struct{} // closed when the slot's new state is durable
	plan         plan.Planner
	base         *os.File     // manifest of the slot's last backup; nil: none
	donor        *os.File     // manifest of the newest backup elsewhere; nil: none
	donorAt      string       // its slot
	earlyUploads atomic.Int64 // uploads begun, whether or not the state was durable
	manifestTemp string       // temporary file with the manifest of data/; "": none
	journal      *journal.Journal
	marks        *uploadMarks
	archive      *archive.Archive // nil in another mode
	copies       copyVerifier
	holes        holeBudget
	walked       *prefetch.Iter[*source.Found] // the source, begun before the destination was asked for anything
	only         bool                          // no other slot is there yet
	found        *plan.Survey                  // of the source; nil: not yet
	names        store.Names                   // in the slot, where it is listed
	suspects     store.Suspects
	left         left // what the server refuses

	count *progress.Counts

	mu        sync.Mutex // guards what follows
	touched   []*directory
	deletions []deletion
}

// deletion is a name to be removed at the end.
type deletion struct {
	at  string // on the server
	dir bool
}

// directory is a directory of the slot.
type directory struct {
	entry   *manifest.Entry
	at      string        // where it is on the server, once it is ready
	was     string        // where it was below data/
	ready   chan struct{} // closed when it is there, or err says why not
	err     error
	staged  *stagedDir // what it is built as; nil: it is made under its name
	touched atomic.Bool
}

// wait returns when the directory is there.
func (p *directory) wait(ctx context.Context) error {
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

// markChanged notes that names in the directory changed, or its attributes.
func (j *job) markChanged(p *directory) {
	if p == nil || p.touched.Swap(true) {
		return
	}
	j.mu.Lock()
	j.touched = append(j.touched, p)
	j.mu.Unlock()
}

func (j *job) deleteLater(at string, dir bool) {
	j.mu.Lock()
	j.deletions = append(j.deletions, deletion{at, dir})
	j.mu.Unlock()
}

// target is where the entry of a step belongs on the server, once the directory around it is ready.
func (s *step) target() string { return s.in.at + "/" + s.Entry.StoredName() }

// present is where on the server something is that was at a path below data/, p being the directory around it or above.
func (p *directory) present(at string) string {
	return p.at + "/" + strings.TrimPrefix(strings.TrimPrefix(at, p.was), "/")
}

// updateData brings the data of the slot up to date, but for deletions, and writes the manifest into list and to the server.
func (j *job) updateData(ctx context.Context, list *os.File) (manifest.File, error) {
	g, inner := errgroup.WithContext(ctx)
	tried := j.suspects.Watch(inner, j.Store)
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
				if err := j.perform(tried, s); err != nil {
					return err
				}
			}
			return nil
		})
	}
	g.Go(func() error { return j.begin(inner) })
	g.Go(func() (err error) {
		if file, err = j.writeManifest(inner, queue, list); err == nil {
			err = j.putManifestTemp(inner, list, file.Size)
		}
		return err
	})
	return file, g.Wait()
}

// writeManifest writes the manifest, in order, as its entries get done.
func (j *job) writeManifest(ctx context.Context, queue <-chan *step, list *os.File) (manifest.File, error) {
	w, err := manifest.NewWriter(list)
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
			if s.Entry.Nlink > 1 {
				dropped[s.Entry.Path] = struct{}{}
			}
			continue
		}
		e := s.Entry
		if e.Flags&manifest.Missing != 0 {
			j.count.Missing.Add(1)
		}
		if _, lost := dropped[e.Link]; lost && e.Link != "" {
			e.Link = ""
		}
		if err := w.Write(&e); err != nil {
			return manifest.File{}, err
		}
		if e.IsRegular() && e.Flags&manifest.Missing == 0 {
			j.count.Files.Add(1)
			j.count.Bytes.Add(e.Size)
		}
	}
	if err := ctx.Err(); err != nil {
		return manifest.File{}, err
	}
	return w.Close()
}

// perform does what a step says on the server. What the server refuses of an entry is left out.
func (j *job) perform(ctx context.Context, s *step) error {
	if s.seal {
		return j.releaseStagedDir(ctx, s.staged)
	}
	err := j.execute(ctx, s)
	if s.self != nil && s.self.staged == nil {
		s.self.err = err
		close(s.self.ready)
	}
	if err != nil && !errors.Is(err, errLeft) {
		return fmt.Errorf("%s: %w", show(s.Entry.Path), err) // nobody may take the entry for done
	}
	s.markFinal()
	return nil
}

func (j *job) execute(ctx context.Context, s *step) error {
	if err := j.suspects.Calm(ctx); err != nil {
		return err
	}
	if err := j.waitTurn(ctx, s); err != nil {
		return err
	}
	switch s.Do {
	case plan.Mkdir:
		if s.self.staged != nil {
			return j.makeStagedDir(ctx, s.self.staged)
		}
		return j.mkdir(ctx, s)
	case plan.Symlink:
		return j.symlink(ctx, s)
	case plan.Fill:
		if done, err := j.fillFromDonor(ctx, s); done || err != nil {
			return err
		}
	case plan.Reread:
		if done, err := j.verifyStored(ctx, s); done || err != nil {
			return err
		}
	}
	err := j.send(ctx, s)
	if s.staged == nil || err != nil && !errors.Is(err, errLeft) {
		return err
	}
	return errors.Join(err, j.releaseStagedDir(ctx, s.staged))
}

// mkdir makes the directory of a step under its name.
func (j *job) mkdir(ctx context.Context, s *step) error {
	at, err := j.offer(ctx, s, func(at string) error { return j.MakeDir(ctx, at, s.Entry.Mode&0o777|0o700) })
	if err != nil {
		return err
	}
	s.self.at = at
	j.markChanged(s.self)
	j.markChanged(s.in)
	return nil
}

// waitTurn waits until a step may begin.
func (j *job) waitTurn(ctx context.Context, s *step) error {
	if s.self != nil && s.self.staged != nil || s.early(j.o.tune.small) { // tmp/ comes first
		if j.needsRoom || s.self == nil && j.earlyUploads.Add(1) > mostEarly {
			return j.waitUpdating(ctx)
		}
		return nil
	}
	return j.waitPlaceable(ctx, s)
}

// early reports whether a step begins with an upload to a temporary name, which may go ahead of all that it has to wait for
// before it is moved to its own.
func (s *step) early(small int64) bool {
	return (s.Do == plan.Send || s.Do == plan.Compare) && s.Entry.Size <= small
}

// markFinal says that the entry is as it goes into the manifest.
func (s *step) markFinal() {
	if !s.known {
		s.known = true
		close(s.done)
	}
}

// waitPlaceable waits until the name of a step may be made.
func (j *job) waitPlaceable(ctx context.Context, s *step) error {
	if err := j.waitUpdating(ctx); err != nil {
		return err
	}
	return s.in.wait(ctx)
}

// show makes a path fit for an error.
func show(path string) string {
	if path == "" {
		return "the account's directory"
	}
	return fmt.Sprintf("%q", path)
}
