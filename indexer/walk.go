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

// walked is what a walk over the destination's folders found.
type walked struct {
	sources []*backup.Source // sorted by key
	blind   []string         // folders that could not be listed
}

// hides reports whether the backup with that key may lie in a folder that could not be listed.
func (w *walked) hides(key string) bool {
	return slices.ContainsFunc(w.blind, func(dir string) bool {
		return key == dir || strings.HasPrefix(key, dir+"/")
	})
}

// walk lists the folders that the engine wants to see, many side by side.
func (p *pass) walk(ctx context.Context) (*walked, error) {
	group, groupCtx := errgroup.WithContext(ctx)
	w := &walker{pass: p, group: group, slots: make(chan struct{}, listers)}
	group.Go(func() error { return w.visit(groupCtx, engine.Dir{}) })
	if err := group.Wait(); err != nil {
		return nil, err
	}
	p.summary.Folders = w.folders
	slices.SortFunc(w.sources, func(a, b *backup.Source) int { return strings.Compare(a.Key(), b.Key()) })
	return &w.walked, nil
}

// walker is a walk under way.
type walker struct {
	pass  *pass
	group *errgroup.Group
	slots chan struct{}

	mu sync.Mutex
	// mu guards what follows.
	walked
	folders int
}

func (w *walker) visit(ctx context.Context, dir engine.Dir) error {
	var found engine.Found
	err := contain.Do(func() (err error) {
		dir.Entries, err = w.list(ctx, dir.Path)
		if err == nil {
			found = w.pass.engine.Look(dir)
		}
		return err
	})
	if err != nil {
		return w.unlisted(ctx, dir.Path, err)
	}
	entries := dir.Entries
	w.keep(found.Sources)
	if found.Odd != "" {
		w.pass.complain(errors.New(found.Odd))
	}
	infos := make(map[string]dest.Info, len(entries))
	for _, info := range entries {
		infos[info.Name] = info
	}
	for _, name := range found.Descend {
		child := engine.Dir{Path: path.Join(dir.Path, name), Info: infos[name], Beside: entries}
		w.group.Go(func() error { return w.visit(ctx, child) })
	}
	return nil
}

// list lists one folder in byte order, holding one of the slots.
func (w *walker) list(ctx context.Context, dir string) ([]dest.Info, error) {
	select {
	case w.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-w.slots }()
	entries, err := w.pass.dest.List(ctx, dir)
	slices.SortFunc(entries, func(a, b dest.Info) int { return strings.Compare(a.Name, b.Name) })
	return entries, err
}

// unlisted goes on without a folder that cannot be listed, unless nothing else could be.
func (w *walker) unlisted(ctx context.Context, dir string, err error) error {
	if dir == "" || endsPass(ctx, err) {
		return err
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil // deleted since its parent was listed
	}
	w.mu.Lock()
	w.blind = append(w.blind, dir)
	w.mu.Unlock()
	if stack := contain.Stack(err); stack != "" {
		w.pass.Log.Error("listing a directory panicked", "destination", w.pass.Destination, "path", dir, "error", err, "stack", stack)
	}
	w.pass.complain(fmt.Errorf("list %s: %w", dir, err))
	return nil
}

func (w *walker) keep(sources []backup.Source) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range sources {
		w.sources = append(w.sources, &sources[i])
	}
	w.folders++
	w.pass.Progress.Walked(w.folders, len(w.sources))
}
