package service

import (
	"context"
	"errors"
	"sync"

	"slotfs/cmd/internal/service/api"
	"slotfs/cmd/internal/service/browse"
	"slotfs/fs"
	"slotfs/indexer/sqldump"
)

// access is a way to the index: over the socket of the process that has it, which may be this one.
type access struct {
	client     *api.Client
	mountpoint string
	release    func() error
}

// access finds out who has the index, or opens it.
func (e *Environment) access(ctx context.Context) (a *access, err error) {
	err = retryWhileEnding(ctx, func() (again bool, err error) {
		owner := e.Owner()
		r, err := owner.Report(ctx, true)
		if err == nil {
			a = &access{client: owner, mountpoint: r.Mountpoint, release: owner.Close}
			return false, nil
		}
		if !errors.Is(err, api.ErrNoOwner) {
			return false, err
		}
		release, err := e.own(ctx)
		if err != nil {
			return busy(err), err
		}
		a = &access{client: owner, release: func() error { return errors.Join(owner.Close(), release()) }}
		return false, nil
	})
	return a, err
}

// lastingTree is what is shown by whoever has the index. Where that process ends another one takes its place, or this one:
// node ids stay the same.
type lastingTree struct {
	*Environment

	mu sync.Mutex
	// mu guards what follows.
	now *access // nil: not looked for
}

var (
	_ browse.Tree   = (*lastingTree)(nil)
	_ browse.Tabled = (*lastingTree)(nil)
)

// get is the present way to the index.
func (t *lastingTree) get(ctx context.Context) (*access, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.now == nil {
		a, err := t.access(ctx)
		if err != nil {
			return nil, err
		}
		t.now = a
	}
	return t.now, nil
}

// lost gives up a way to the index whose other end is gone.
func (t *lastingTree) lost(a *access) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.now == a {
		t.now = nil
		_ = a.release() // of connections that are gone
	}
}

func (t *lastingTree) close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.now == nil {
		return nil
	}
	a := t.now
	t.now = nil
	return a.release()
}

func (t *lastingTree) mountpoint() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.now == nil {
		return ""
	}
	return t.now.mountpoint
}

// handovers is how often another process may take the place of the one that has the index during one request.
const handovers = 5

// do repeats a request with whoever has the index then.
func (t *lastingTree) do(ctx context.Context, request func(a *access) error) error {
	for attempt := 1; ; attempt++ {
		a, err := t.get(ctx)
		if err != nil {
			return err
		}
		if err = request(a); !errors.Is(err, api.ErrLost) && !errors.Is(err, api.ErrNoOwner) {
			return err
		}
		t.lost(a)
		if attempt == handovers || ctx.Err() != nil {
			return err
		}
	}
}

// resume is do for an answer of many parts. skip reports of each of them, in turn, whether it was handed on before.
func (t *lastingTree) resume(ctx context.Context, request func(a *access, skip func() bool) error) error {
	handed := 0
	return t.do(ctx, func(a *access) error {
		n, before := 0, handed
		return request(a, func() bool {
			n++
			handed = max(handed, n)
			return n <= before
		})
	})
}

// Node implements browse.Looker.
func (t *lastingTree) Node(ctx context.Context, id uint64) (n browse.Node, err error) {
	err = t.do(ctx, func(a *access) (err error) {
		n, err = a.client.Tree().Node(ctx, id)
		return err
	})
	return n, err
}

// Lookup implements browse.Looker.
func (t *lastingTree) Lookup(ctx context.Context, dir uint64, name string) (n browse.Node, err error) {
	err = t.do(ctx, func(a *access) (err error) {
		n, err = a.client.Tree().Lookup(ctx, dir, name)
		return err
	})
	return n, err
}

// List implements browse.Tree.
func (t *lastingTree) List(ctx context.Context, dir uint64, yield func(*browse.Node) error) error {
	return t.resume(ctx, func(a *access, skip func() bool) error {
		return a.client.Tree().List(ctx, dir, func(n *browse.Node) error {
			if skip() {
				return nil
			}
			return yield(n)
		})
	})
}

// Open implements browse.Tree.
func (t *lastingTree) Open(ctx context.Context, n *browse.Node) (fs.File, error) {
	f := &lastingFile{tree: t, node: *n}
	if err := t.do(ctx, func(a *access) error { return f.open(ctx, a) }); err != nil {
		return nil, err
	}
	return f, nil
}

// Tables implements browse.Tabled.
func (t *lastingTree) Tables(ctx context.Context, n *browse.Node) (found *sqldump.Contents, err error) {
	err = t.do(ctx, func(a *access) (err error) {
		found, err = browse.KnownTables(ctx, a.client.Tree(), n)
		return err
	})
	return found, err
}

// lastingFile is a file that is opened anew where the process it is read through ends.
type lastingFile struct {
	tree *lastingTree
	node browse.Node

	mu sync.Mutex
	// mu guards what follows.
	file fs.File
	by   *access
}

// open opens the file through a, unless it is.
func (f *lastingFile) open(ctx context.Context, a *access) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.by == a {
		return nil
	}
	file, err := a.client.Tree().Open(ctx, &f.node)
	if err != nil {
		return err
	}
	if f.file != nil {
		f.file.Close()
	}
	f.file, f.by = file, a
	return nil
}

// ReadAt implements fs.File.
func (f *lastingFile) ReadAt(ctx context.Context, p []byte, off int64) (n int, err error) {
	err = f.tree.do(ctx, func(a *access) (err error) {
		if err := f.open(ctx, a); err != nil {
			return err
		}
		n, err = f.now().ReadAt(ctx, p, off)
		return err
	})
	return n, err
}

func (f *lastingFile) now() fs.File {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.file
}

// Close implements fs.File.
func (f *lastingFile) Close() error { return f.now().Close() }
