package slot

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"slices"
	"strings"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
)

// listAhead is how many folders of a level are listed before they are needed, and how many listings are on their way
// in all.
const listAhead = 16

// present is a name that is really there.
type present struct {
	path string // in the backup
	at   string // below the root of the walk
	info dest.Info
}

// lister walks a remote tree in manifest order.
type lister struct {
	ctx   context.Context
	store dest.Reader
	root  string
	long  longNames // nil: names are not unescaped
	slots chan struct{}
}

type listed struct {
	names []dest.Info // in the order of the names that they stand for
	means []string    // these; nil: they are the same
	err   error
	done  chan struct{}
}

// walkRemote yields what is below root, itself left out. A folder that vanishes meanwhile is empty.
func walkRemote(ctx context.Context, store dest.Reader, root string) iter.Seq2[present, error] {
	return walkStored(ctx, store, root, nil)
}

// walkStored is walkRemote by the names that escaped ones stand for.
func walkStored(ctx context.Context, store dest.Reader, root string, long longNames) iter.Seq2[present, error] {
	return func(yield func(present, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		l := &lister{ctx: ctx, store: store, root: root, long: long, slots: make(chan struct{}, listAhead)}
		l.walk("", "", l.start(""), yield)
	}
}

// start begins to list a folder.
func (l *lister) start(dir string) *listed {
	f := &listed{done: make(chan struct{})}
	go func() {
		defer close(f.done)
		select {
		case l.slots <- struct{}{}:
			defer func() { <-l.slots }()
		case <-l.ctx.Done():
			f.err = l.ctx.Err()
			return
		}
		f.names, f.err = l.store.List(l.ctx, join(l.root, dir))
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

func join(dir, name string) string {
	switch {
	case dir == "":
		return name
	case name == "":
		return dir
	}
	return dir + "/" + name
}

// mean is the name that a name of the listing stands for.
func (f *listed) mean(i int) string {
	if f.means == nil {
		return f.names[i].Name
	}
	return f.means[i]
}

func (l *lister) walk(dir, at string, f *listed, yield func(present, error) bool) bool {
	<-f.done
	if f.err != nil {
		yield(present{}, f.err)
		return false
	}
	var ahead []*listed
	next := 0 // of f.names that may be a folder to start
	for i := range f.names {
		for ; next < len(f.names) && len(ahead) < listAhead; next++ {
			if isDir(f.names[next].Mode) {
				ahead = append(ahead, l.start(join(at, f.names[next].Name)))
			}
		}
		p := present{path: join(dir, f.mean(i)), at: join(at, f.names[i].Name), info: f.names[i]}
		if !yield(p, nil) {
			return false
		}
		if !isDir(p.info.Mode) {
			continue
		}
		below := ahead[0]
		ahead = ahead[1:]
		if !l.walk(p.path, p.at, below, yield) {
			return false
		}
	}
	return true
}

func isDir(mode uint32) bool { return mode&backup.ModeType == backup.ModeDir }
