package indexer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"slotfs/indexer/backup"
	"slotfs/indexer/contain"
	"slotfs/indexer/dest"
	"slotfs/indexer/engine"
)

// walked is what a walk over the destination's directories found.
type walked struct {
	sources      []*backup.Source // sorted by key
	unlisted     []string         // directories that could not be listed
	unlistedMore bool             // there are more of them
}

// mayHide reports whether the backup with that key may lie in a directory that could not be listed.
func (w *walked) mayHide(key string) bool {
	return w.unlistedMore || slices.ContainsFunc(w.unlisted, func(dir string) bool {
		return key == dir || strings.HasPrefix(key, dir+"/")
	})
}

// walk lists the directories that the engine wants to see, many side by side.
func (p *pass) walk(ctx context.Context) (*walked, error) {
	group, groupCtx := errgroup.WithContext(ctx)
	w := &walker{pass: p, group: group, sem: make(chan struct{}, listConcurrency), spawn: make(chan struct{}, queued*listConcurrency)}
	group.Go(func() error { return w.visit(groupCtx, engine.Dir{}, false) })
	if err := group.Wait(); err != nil {
		return nil, err
	}
	p.summary.Directories = w.directories
	slices.SortFunc(w.sources, func(a, b *backup.Source) int { return strings.Compare(a.Key(), b.Key()) })
	return &w.walked, nil
}

// walker is a walk under way.
type walker struct {
	pass  *pass
	group *errgroup.Group
	sem   chan struct{}
	spawn chan struct{} // holds a token for every goroutine; without one a directory is walked in line

	mu sync.Mutex
	// mu guards what follows.
	walked
	directories int
}

// visit lists dir and walks on below it. alone says that nothing else is walked meanwhile, for want of memory.
func (w *walker) visit(ctx context.Context, dir engine.Dir, alone bool) error {
	if !alone {
		var err error
		if alone, err = w.pass.room.enter(ctx); err != nil {
			return err
		}
		defer w.pass.room.leave(alone)
	}
	var found engine.Detected
	taken := 0
	defer func() { w.pass.room.give(taken) }()
	err := contain.Do(func() (err error) {
		if dir.Entries, err = w.list(ctx, dir.Path); err != nil {
			return err
		}
		if err := w.pass.room.take(len(dir.Entries)); err != nil {
			return err
		}
		taken = len(dir.Entries)
		found = w.pass.engine.Detect(dir)
		return nil
	})
	if err != nil {
		return w.goOnWithout(ctx, dir.Path, err)
	}
	if err := w.keep(found.Sources); err != nil {
		return err
	}
	if found.Warning != "" {
		w.pass.warn(errors.New(found.Warning))
	}
	return w.descend(ctx, dir, found.Descend, alone)
}

// descend walks the directories in dir that have these names.
func (w *walker) descend(ctx context.Context, dir engine.Dir, names []string, alone bool) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, name := range names {
		child := engine.Dir{Path: path.Join(dir.Path, name), Siblings: dir.Entries}
		if i, ok := slices.BinarySearchFunc(dir.Entries, name, compareName); ok {
			child.Info = dir.Entries[i]
		}
		if err := w.run(ctx, group, child, alone); err != nil {
			return errors.Join(err, group.Wait())
		}
	}
	return group.Wait()
}

func compareName(i dest.Info, name string) int { return strings.Compare(i.Name, name) }

// run visits dir on a goroutine of its own if there may be one more, and else at once.
func (w *walker) run(ctx context.Context, group *errgroup.Group, dir engine.Dir, alone bool) error {
	if !alone {
		select {
		case w.spawn <- struct{}{}:
			group.Go(func() error {
				defer func() { <-w.spawn }()
				return contain.Do(func() error { return w.visit(ctx, dir, false) })
			})
			return nil
		default:
		}
	}
	return w.visit(ctx, dir, alone)
}

// list lists one directory in byte order, holding one of the slots.
func (w *walker) list(ctx context.Context, dir string) ([]dest.Info, error) {
	select {
	case w.sem <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-w.sem }()
	entries, err := w.pass.dest.List(ctx, dir)
	slices.SortFunc(entries, func(a, b dest.Info) int { return strings.Compare(a.Name, b.Name) })
	return entries, err
}

// goOnWithout goes on without a directory that cannot be listed, unless nothing else could be.
func (w *walker) goOnWithout(ctx context.Context, dir string, err error) error {
	if dir == "" || endsPass(ctx, err) {
		return err
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil // deleted since its parent was listed
	}
	w.mu.Lock()
	if len(w.unlisted) < mostUnlisted {
		w.unlisted = append(w.unlisted, dir)
	} else {
		w.unlistedMore = true
	}
	w.mu.Unlock()
	if stack := contain.Stack(err); stack != "" {
		w.pass.Log.Error("listing a directory panicked", "destination", w.pass.Destination, "path", dir, "error", err, "stack", stack)
	}
	w.pass.warn(fmt.Errorf("list %s: %w", dir, err))
	return nil
}

func (w *walker) keep(sources []backup.Source) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range sources {
		w.sources = append(w.sources, &sources[i])
	}
	w.directories++
	w.pass.Progress.Walked(w.directories, len(w.sources))
	if len(w.sources) > mostSources {
		return fmt.Errorf("more than %d backups", mostSources)
	}
	return nil
}
