// Package view knows what the mount shows where: names, order, node numbers, ownership, the parts of a
// snapshot and the generated files. It must not know the kernel's protocol, the network or the store: it
// sees the catalog's records and the trees of the index, and answers from them alone.
//
// Layout:
//
//	/DESTINATION/[ORIGIN/...]accounts/ACCOUNT/SNAPSHOT/{files,databases,...,full,archive,snapshot.json}
//	/DESTINATION/[ORIGIN/...]accounts/ACCOUNT/latest -> SNAPSHOT
//	/DESTINATION/[ORIGIN/...]system/SNAPSHOT/...
//	/.slotfs/{status.json,errors.log}
//
// Everything has a node id that follows from what it is, so that ids survive a restart and nothing has to
// be remembered about what the kernel holds; see id.go.
package view

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"slotfs/indexer/backup"
	"slotfs/indexer/tree"
)

// ErrGone says that a node belongs to a snapshot or directory that is no longer shown.
var ErrGone = errors.New("no longer there")

// Options of a View.
type Options struct {
	Nodes tree.Getter // where nodes and Parts blobs come from
	Cache int64       // bytes of decoded nodes kept; 0: 32 MiB
	// Owner finds the local user that a snapshot belongs to. The answer may depend on its destination, origin, account and
	// machine alone. Nil: root owns all snapshots.
	Owner func(s *backup.Snapshot) Local
	// Accounts are those of this machine, the same ones as long as they are as they were. Nil: numbers of users who are not
	// the account's own are shown as in the backup.
	Accounts func() *Accounts
	// Status tells what else status.json says of a destination (its last pass); nil or a nil result:
	// nothing. The result must be marshallable.
	Status func(destination string) any
	// Withheld tells, at each moment, what is not for the owners of accounts; nil: nothing is withheld. What a mount shows to root has it not.
	Withheld func() map[backup.PartKind]Withheld
	Now      func() time.Time // nil: time.Now
}

// View is what one mount shows. It is safe for concurrent use.
type View struct {
	o      Options
	cache  *tree.Cache
	built  *viewCache
	table  atomic.Pointer[table]
	errors *errorLog

	updating  sync.Mutex // held by Update
	successor successors
}

// New makes a View that shows nothing until Update.
func New(o Options) *View {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Cache <= 0 {
		o.Cache = 32 << 20
	}
	if o.Owner == nil {
		o.Owner = func(*backup.Snapshot) Local { return Local{} }
	}
	v := &View{o: o, cache: tree.NewCache(o.Cache), built: &viewCache{limit: cacheBytes}, errors: newErrorLog(ringLines)}
	v.table.Store(newTable(nil, nil, &o))
	return v
}

// Update shows these destinations (also those without snapshots) and these snapshots from here on, and
// tells what is different from before.
func (v *View) Update(destinations []string, snapshots []*backup.Snapshot) Changes {
	v.updating.Lock()
	defer v.updating.Unlock()
	next := newTable(destinations, snapshots, &v.o)
	old := v.table.Swap(next)
	for _, r := range next.refused {
		v.Report(r.where, r.err)
	}
	changes := compare(old, next)
	v.successor.note(old, next)
	for serial, before := range old.snapshots {
		if after := next.snapshots[serial]; after == nil || !before.same(after) {
			v.built.drop(serial)
		}
	}
	return changes
}

// Node tells about a node by its id. ErrGone if there is none, or none any more.
func (v *View) Node(ctx context.Context, id uint64) (Node, error) {
	t := v.table.Load()
	if isTop(id) {
		e, ok := t.nodes[id]
		if !ok {
			return Node{}, ErrGone
		}
		return v.topNode(e), nil
	}
	b, err := v.open(ctx, t, id)
	if err != nil {
		return Node{}, err
	}
	return b.node(ctx, id)
}

// Lookup finds name in the directory dir. fs.ErrNotExist if it has none, ErrGone if dir is gone.
func (v *View) Lookup(ctx context.Context, dir uint64, name string) (Node, error) {
	t := v.table.Load()
	if isTop(dir) {
		e, ok := t.nodes[dir]
		if !ok {
			return Node{}, ErrGone
		}
		child, ok := e.child(name)
		if !ok {
			return Node{}, iofs.ErrNotExist
		}
		return v.topNode(child), nil
	}
	b, err := v.open(ctx, t, dir)
	if err != nil {
		return Node{}, err
	}
	return b.lookup(ctx, dir, name)
}

// List yields what is in the directory dir in listing order, from position from on: 0 or what Node.Next told.
// The Node is valid until the next one is yielded. After an error it stops.
func (v *View) List(ctx context.Context, dir *Node, from int) iter.Seq2[*Node, error] {
	t := v.table.Load()
	if isTop(dir.ID) {
		return v.listTop(t, dir.ID, from)
	}
	b, err := v.open(ctx, t, dir.ID)
	if err != nil {
		return func(yield func(*Node, error) bool) { yield(nil, err) }
	}
	return b.list(ctx, dir, from)
}

func (v *View) listTop(t *table, id uint64, from int) iter.Seq2[*Node, error] {
	return func(yield func(*Node, error) bool) {
		e, ok := t.nodes[id]
		if !ok {
			yield(nil, ErrGone)
			return
		}
		for i := max(from, 0); i < len(e.children); i++ {
			n := v.topNode(e.children[i])
			n.Next = i + 1
			if !yield(&n, nil) {
				return
			}
		}
	}
}

// Path tells where a node is shown, from the mountpoint, for messages. It does its best.
func (v *View) Path(ctx context.Context, id uint64) string {
	t := v.table.Load()
	if isTop(id) {
		if e, ok := t.nodes[id]; ok {
			return e.path()
		}
		return fmt.Sprintf("node %#x", id)
	}
	serial, _, _ := split(id)
	r, ok := t.snapshots[serial]
	if !ok {
		return fmt.Sprintf("node %#x", id)
	}
	b, err := v.open(ctx, t, id)
	if err != nil {
		return r.entry.path()
	}
	return r.entry.path() + b.path(ctx, id)
}

// Report puts an error into errors.log and reports whether it was not the last thing said about path.
func (v *View) Report(path string, err error) bool { return v.errors.add(v.o.Now(), path, err) }

// Totals tells how many bytes and entries all snapshots have.
func (v *View) Totals() (bytes, entries uint64) {
	t := v.table.Load()
	return t.bytes, t.entries
}

// open finds the directory of the snapshot that id belongs to, cutting it into parts on first use.
func (v *View) open(ctx context.Context, t *table, id uint64) (*snapshotView, error) {
	serial, _, _ := split(id)
	r, ok := t.snapshots[serial]
	if !ok {
		return nil, ErrGone
	}
	return v.built.get(r, func() (*snapshotView, error) {
		// What others wait for too must not end with the request of the first of them.
		return build(context.WithoutCancel(ctx), v, r)
	})
}
