package store

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"slices"
	"strings"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
)

// ListAhead is how many directories of a level are listed before they are needed, and how many listings are on their way in all.
const ListAhead = 16

// Present is a name that is on the server.
type Present struct {
	Path string // in the backup
	At   string // below the root of the walk
	Info dest.Info
}

// lister lists directories.
type lister interface {
	List(ctx context.Context, dir string) ([]dest.Info, error)
}

// walker walks a remote tree in manifest order.
type walker struct {
	ctx    context.Context
	reader lister
	root   string
	long   Names // nil: names are not unescaped
	sem    chan struct{}
}

// level is the listing of a directory in a walk.
type level struct {
	names []dest.Info // in the order of the names that they stand for
	means []string    // these; nil: they are the same
	err   error
	done  chan struct{}
}

// Walk yields what is below root, itself left out, in manifest order. A directory that vanishes meanwhile is empty. If long is
// not nil, Path has the names that escaped ones stand for.
func Walk(ctx context.Context, d lister, root string, long Names) iter.Seq2[Present, error] {
	return func(yield func(Present, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		l := &walker{ctx: ctx, reader: d, root: root, long: long, sem: make(chan struct{}, ListAhead)}
		l.walk("", "", l.start(""), yield)
	}
}

// start begins to list a directory.
func (l *walker) start(dir string) *level {
	f := &level{done: make(chan struct{})}
	go func() {
		defer close(f.done)
		select {
		case l.sem <- struct{}{}:
			defer func() { <-l.sem }()
		case <-l.ctx.Done():
			f.err = l.ctx.Err()
			return
		}
		f.names, f.err = l.reader.List(l.ctx, manifest.Join(l.root, dir))
		if errors.Is(f.err, fs.ErrNotExist) {
			f.names, f.err = nil, nil
		}
		slices.SortFunc(f.names, func(a, b dest.Info) int { return strings.Compare(a.Name, b.Name) })
		if l.long != nil {
			f.unescape(l.long)
		}
	}()
	return f
}

// mean is the name that a name of the listing stands for.
func (l *level) mean(i int) string {
	if l.means == nil {
		return l.names[i].Name
	}
	return l.means[i]
}

func (l *walker) walk(dir, at string, f *level, yield func(Present, error) bool) bool {
	<-f.done
	if f.err != nil {
		yield(Present{}, f.err)
		return false
	}
	var ahead []*level
	next := 0 // of f.names that may be a directory to start
	for i := range f.names {
		for ; next < len(f.names) && len(ahead) < ListAhead; next++ {
			if IsDir(f.names[next].Mode) {
				ahead = append(ahead, l.start(manifest.Join(at, f.names[next].Name)))
			}
		}
		p := Present{Path: manifest.Join(dir, f.mean(i)), At: manifest.Join(at, f.names[i].Name), Info: f.names[i]}
		if !yield(p, nil) {
			return false
		}
		if !IsDir(p.Info.Mode) {
			continue
		}
		below := ahead[0]
		ahead = ahead[1:]
		if !l.walk(p.Path, p.At, below, yield) {
			return false
		}
	}
	return true
}
