package slot

import (
	"context"
	"sync"
	"sync/atomic"

	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/place"
	"slotfs/sftpdest/slot/plan"
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
	behind []func(ctx context.Context) error // what waits for it to have its name
}

// follow has f called when the directory has its name.
func (n *stagedDir) follow(f func(ctx context.Context) error) {
	n.mu.Lock()
	n.behind = append(n.behind, f)
	n.mu.Unlock()
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
		if n.fits(s, held.Self) {
			n.open = &stagedDir{directory: held, made: make(chan struct{})}
			n.open.left.Store(1)
			held.build = n.open
		}
		ready = append(ready, held)
	}
	if o := n.open; o != nil && (!n.fits(s, o.directory.Self) || o.files == maxStagedFiles || o.bytes+s.Entry.Size > maxStagedBytes) {
		ready = append(ready, &step{Item: o.directory.Item, seal: true, staged: o})
		n.open = nil
	}
	switch {
	case s == nil:
	case s.Do == plan.Mkdir && s.In != nil:
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
func (n *stagedDirs) fits(s *step, directory *place.Directory) bool {
	return s != nil && s.In == directory && s.Do == plan.Send && s.early(n.small) && len(s.Entry.Path) <= maxStagedPath
}
