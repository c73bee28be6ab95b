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

// What a nest takes at most: an interrupted run sends it again.
const (
	mostNested      = 1024
	mostNestedBytes = 16 << 20
	mostNestedPath  = 160 // bytes: in a directory that is moved, names may come to be too deep for the server
)

// nest is a new folder that is built in tmp/ with its first files in it and gets its name with them: each of them takes a
// request less than one that is moved by itself.
type nest struct {
	folder *step
	dir    string        // in tmp/
	made   chan struct{} // closed when it is there, or err says why not
	err    error
	left   atomic.Int64 // files that are not done, and one for the walk, which may bring more
	files  int          // so far; of the walk alone, as what follows
	bytes  int64

	mu     sync.Mutex // guards what follows
	inside []nested
}

// nested is a file in a nest.
type nested struct {
	entry   *manifest.Entry // with the name that it has there
	durable bool
}

// nests decides what is built in a nest, step by step in the order of the walk.
type nests struct {
	small int64 // bytes of a file that is read at once
	held  *step // a folder to be made: what comes next tells how
	open  *nest // takes files
}

// next takes a step, nil at the end, and returns what is to be handed out now, in order.
func (n *nests) next(s *step) (ready []*step) {
	if held := n.held; held != nil {
		n.held = nil
		if n.fits(s, held.self) {
			n.open = &nest{folder: held, made: make(chan struct{})}
			n.open.left.Store(1)
			held.self.nest = n.open
		}
		ready = append(ready, held)
	}
	if o := n.open; o != nil && (!n.fits(s, o.folder.self) || o.files == mostNested || o.bytes+s.Entry.Size > mostNestedBytes) {
		ready = append(ready, &step{Action: plan.Action{Entry: o.folder.Entry}, seal: true, nest: o})
		n.open = nil
	}
	switch {
	case s == nil:
	case s.Do == plan.Mkdir && s.in != nil:
		n.held = s
	default:
		if o := n.open; o != nil {
			s.nest = o
			o.left.Add(1)
			o.files++
			o.bytes += s.Entry.Size
		}
		ready = append(ready, s)
	}
	return ready
}

// fits reports whether a step brings a file that a nest for a folder takes.
func (n *nests) fits(s *step, folder *place) bool {
	return s != nil && s.in == folder && s.Do == plan.Send && s.early(n.small) && len(s.Entry.Path) <= mostNestedPath
}

// build makes the folder of a nest.
func (j *job) build(ctx context.Context, n *nest) error {
	defer close(n.made)
	n.dir = j.Temp(j.slot)
	n.err = j.MakeDir(ctx, n.dir, n.folder.Entry.Mode&0o777|0o700)
	return n.err
}

// nestle brings a file into its nest.
func (j *job) nestle(ctx context.Context, s *step, content []byte) error {
	n := s.nest
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
	n.inside = append(n.inside, nested{s.storedAt(at), durable})
	n.mu.Unlock()
	return nil
}

// leaveNest says that one who holds a nest has done with it. The last one gives it its name and notes the files in it.
func (j *job) leaveNest(ctx context.Context, n *nest) error {
	if n.left.Add(-1) > 0 {
		return nil
	}
	err := j.endNest(ctx, n)
	n.folder.self.err = err
	close(n.folder.self.ready)
	if errors.Is(err, errLeft) {
		return nil
	}
	return err
}

func (j *job) endNest(ctx context.Context, n *nest) error {
	s := n.folder
	if err := j.placeable(ctx, s); err != nil {
		return err
	}
	at, err := j.offer(ctx, s, func(at string) error { return j.settleNest(ctx, n, at) })
	if err != nil {
		return fmt.Errorf("%s: %w", show(s.Entry.Path), err)
	}
	s.self.at = at
	j.touch(s.self)
	j.touch(s.in)
	for _, f := range n.inside {
		if err := j.journal.add(f.entry, f.durable); err != nil {
			return err
		}
	}
	n.inside = nil // the folder is known to the end of the run
	return nil
}

// settleNest gives a nest its name.
func (j *job) settleNest(ctx context.Context, n *nest, at string) error {
	err := j.Rename(ctx, n.dir, at)
	if err == nil || ends(ctx, err) {
		return err
	}
	j.o.Log.Debug("move folder", "path", n.folder.Entry.Path, "error", err)
	return j.scatter(ctx, n, at)
}

// scatter moves the files of a nest one by one, where the folder cannot be moved: one may be there that nobody knew of.
func (j *job) scatter(ctx context.Context, n *nest, target string) error {
	if err := j.MakeDir(ctx, target, n.folder.Entry.Mode&0o777|0o700); err != nil {
		return err
	}
	err := parallel.Each(ctx, j.o.Lanes, n.inside, func(ctx context.Context, f nested) error {
		base := f.entry.StoredName()
		return j.Rename(ctx, manifest.Join(n.dir, base), manifest.Join(target, base))
	})
	if err != nil {
		return err
	}
	return j.RemoveDir(ctx, n.dir)
}
