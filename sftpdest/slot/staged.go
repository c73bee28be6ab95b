package slot

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/parallel"
	"slotfs/sftpdest/slot/plan"
	"slotfs/sftpdest/slot/store"
)

// What a staged directory takes at most: an interrupted run sends it again.
const (
	maxStagedFiles = 1024
	maxStagedBytes = 16 << 20
	maxStagedPath  = 160 // bytes: in a directory that is moved, names may come to be too deep for the server
)

// stagedDir is a new directory that is uploaded below tmp/ with its first files in it and renamed once, which saves one rename for
// each of these files.
type stagedDir struct {
	directory *step
	dir       string        // in tmp/
	made      chan struct{} // closed when it is there, or err says why not
	err       error
	left      atomic.Int64 // files that are not done, and one for the walk, which may bring more
	files     int          // so far; of the walk alone, as what follows
	bytes     int64

	mu     sync.Mutex // guards what follows
	inside []stagedFile
}

// stagedFile is a file in a staged directory.
type stagedFile struct {
	entry   *manifest.Entry // with the name that it has there
	durable bool
}

// stagedDirs decides what is built in a staged directory, step by step in the order of the walk.
type stagedDirs struct {
	small int64      // bytes of a file that is read at once
	held  *step      // a directory to be made: what comes next tells how
	open  *stagedDir // takes files
}

// next takes a step, nil at the end, and returns what is to be handed out now, in order.
func (n *stagedDirs) next(s *step) (ready []*step) {
	if held := n.held; held != nil {
		n.held = nil
		if n.fits(s, held.self) {
			n.open = &stagedDir{directory: held, made: make(chan struct{})}
			n.open.left.Store(1)
			held.self.staged = n.open
		}
		ready = append(ready, held)
	}
	if o := n.open; o != nil && (!n.fits(s, o.directory.self) || o.files == maxStagedFiles || o.bytes+s.Entry.Size > maxStagedBytes) {
		ready = append(ready, &step{Action: plan.Action{Entry: o.directory.Entry}, seal: true, staged: o})
		n.open = nil
	}
	switch {
	case s == nil:
	case s.Do == plan.Mkdir && s.in != nil:
		n.held = s
	default:
		if o := n.open; o != nil {
			s.staged = o
			o.left.Add(1)
			o.files++
			o.bytes += s.Entry.Size
		}
		ready = append(ready, s)
	}
	return ready
}

// fits reports whether a step brings a file that a staged directory for a directory takes.
func (n *stagedDirs) fits(s *step, directory *directory) bool {
	return s != nil && s.in == directory && s.Do == plan.Send && s.early(n.small) && len(s.Entry.Path) <= maxStagedPath
}

// makeStagedDir makes the directory of a staged directory.
func (j *job) makeStagedDir(ctx context.Context, n *stagedDir) error {
	defer close(n.made)
	n.dir = j.Temp(j.slot)
	n.err = j.MakeDir(ctx, n.dir, n.directory.Entry.Mode&0o777|0o700)
	return n.err
}

// putInStagedDir brings a file into its staged directory.
func (j *job) putInStagedDir(ctx context.Context, s *step, content []byte) error {
	n := s.staged
	select {
	case <-n.made:
	case <-ctx.Done():
		return ctx.Err()
	}
	if n.err != nil {
		return n.err
	}
	durable := false
	at, err := j.offerIn(ctx, s, n.dir, func(name string) error {
		temp, synced, err := j.PutTempAs(ctx, j.slot, name, content, store.Attributes(s.Entry.Mode, 0o600, s.Entry.MTime))
		if err == nil && temp != name {
			err = j.Rename(ctx, temp, name)
		}
		durable = synced
		return err
	})
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.inside = append(n.inside, stagedFile{s.storedAt(at), durable})
	n.mu.Unlock()
	return nil
}

// releaseStagedDir says that one who holds a staged directory has done with it. The last one gives it its name and notes the files in it.
func (j *job) releaseStagedDir(ctx context.Context, n *stagedDir) error {
	if n.left.Add(-1) > 0 {
		return nil
	}
	err := j.installStagedDir(ctx, n)
	n.directory.self.err = err
	close(n.directory.self.ready)
	if errors.Is(err, errLeft) {
		return nil
	}
	return err
}

func (j *job) installStagedDir(ctx context.Context, n *stagedDir) error {
	s := n.directory
	if err := j.waitPlaceable(ctx, s); err != nil {
		return err
	}
	at, err := j.offer(ctx, s, func(at string) error { return j.renameStagedDir(ctx, n, at) })
	if err != nil {
		return fmt.Errorf("%s: %w", show(s.Entry.Path), err)
	}
	s.self.at = at
	j.markChanged(s.self)
	j.markChanged(s.in)
	for _, f := range n.inside {
		if err := j.journal.Add(f.entry, f.durable); err != nil {
			return err
		}
	}
	n.inside = nil // the directory is known to the end of the run
	return nil
}

// renameStagedDir gives a staged directory its name.
func (j *job) renameStagedDir(ctx context.Context, n *stagedDir, at string) error {
	err := j.Rename(ctx, n.dir, at)
	if err == nil || ends(ctx, err) {
		return err
	}
	j.o.Log.Debug("move directory", "path", n.directory.Entry.Path, "error", err)
	return j.moveIndividually(ctx, n, at)
}

// moveIndividually moves the files of a staged directory one by one, where the directory cannot be moved: one may be there that nobody knew of.
func (j *job) moveIndividually(ctx context.Context, n *stagedDir, target string) error {
	if err := j.MakeDir(ctx, target, n.directory.Entry.Mode&0o777|0o700); err != nil {
		return err
	}
	err := parallel.Each(ctx, j.o.Lanes, n.inside, func(ctx context.Context, f stagedFile) error {
		base := f.entry.StoredName()
		return j.Rename(ctx, manifest.Join(n.dir, base), manifest.Join(target, base))
	})
	if err != nil {
		return err
	}
	return j.RemoveDir(ctx, n.dir)
}
