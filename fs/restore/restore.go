// Package restore knows how to write a piece of a backup into a local directory as `cp -a` would: names, content, holes,
// modes, owners, times, extended attributes and links. It must not know where the piece comes from, nor print.
//
// What is written to may belong to a customer who is at work in it. So everything is done below directory handles, one
// name at a time, and no symbolic link is followed, nor one on the way there that somebody else can change. Attributes
// are set through handles of what was just made. Files are written under names of their own, beginning with
// ".slotfs-restore-", and renamed when they are whole: a file under its final name is complete, and whoever was
// interrupted goes on by beginning again. Set-id bits, device nodes and file capabilities are never made.
package restore

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"

	"slotfs/indexer/backup"
)

// Entry is one thing that a Source shows.
type Entry struct {
	Name     string
	Mode     uint32 // st_mode
	UID, GID uint32
	Size     int64
	MTime    backup.Time
	Link     uint64 // equal for all names of one file; 0: it has one name only
	Target   string // of a symbolic link
	Xattrs   []backup.Xattr
	Extents  []backup.Extent // data of a sparse file, ascending; nil: everything is data
	Handle   any             // the Source's own
	Fault    error           // why nothing more is known of it than its name; nil as a rule
}

// Source shows what is to be restored. Its methods may be called side by side.
type Source interface {
	// List hands what is in a directory to yield, in the order in which it is best read. The Entry is valid until yield
	// returns, whose error ends it.
	List(ctx context.Context, dir *Entry, yield func(*Entry) error) error
	// Open opens a regular file that List is at, and fills in Xattrs and Extents if List left them out. It does not
	// wait for the network.
	Open(ctx context.Context, e *Entry) (File, error)
}

// File is an open file.
type File interface {
	// ReadAt reads len(p) bytes at off; fewer only with an error.
	ReadAt(ctx context.Context, p []byte, off int64) (int, error)
	Close() error
}

// Progress hears how a restore gets on.
type Progress interface {
	Planned(files, bytes int64)
	Sent(files, bytes int64) // restored, or there already
}

// Root is a piece to restore.
type Root struct {
	Source Source
	Entry  Entry
	Name   string // in the directory; "": what is in the directory goes right into the directory
	Path   string // for messages
}

// Options of a Run.
type Options struct {
	Place     *Place // where to, closed by Run; if it was made, it gets the attributes of a Root without a name
	Overwrite bool   // replace files that differ
	Rehearse  bool   // change nothing
	// Partial says to keep the beginning of a file that cannot be read to its end, under its name and PartialSuffix. It
	// counts as failed all the same.
	Partial bool
	// Maildir merges mailboxes: a message that is there with other flags is there, and a mailbox keeps the files of its mail
	// server. Directories that are there keep their attributes: mail servers go by their times.
	Maildir bool
	// Keep keeps what is replaced; nil: it is lost.
	Keep *Keep
	// Security names the attributes security.* that are set. Others are not: they are for the machine that they came from.
	Security []string
	// Workers is how many files are written side by side, and Window how many bytes of what is being read may be
	// outstanding before the next file is begun.
	Workers  int
	Window   int64
	Progress Progress // may be nil
	// Failed hears of everything that was not restored, or not with all that belongs to it, and why. One at a time.
	Failed func(path string, err error)
}

// Summary is what a Run did.
type Summary struct {
	Files       int64 `json:"files"` // written, with their bytes
	Bytes       int64 `json:"bytes"`
	Directories int64 `json:"folders"`  // made
	Links       int64 `json:"links"`    // symbolic and hard
	Special     int64 `json:"special"`  // pipes and sockets
	Same        int64 `json:"same"`     // there already, of the same size and time
	Replace     int64 `json:"replaced"` // of those written: something else was there
	Failed      int64 `json:"failed"`
	Partial     int64 `json:"partial"`         // of those failed: their beginning was kept
	Lines       int64 `json:"lines,omitempty"` // added to files
}

// Any reports whether anything is where it should be.
func (s *Summary) Any() bool { return s.Files+s.Directories+s.Links+s.Special+s.Same+s.Partial > 0 }

// Add adds what another Run did.
func (s *Summary) Add(o *Summary) {
	for _, sum := range []struct {
		to *int64
		n  int64
	}{{&s.Files, o.Files}, {&s.Bytes, o.Bytes}, {&s.Directories, o.Directories}, {&s.Links, o.Links}, {&s.Special, o.Special}, {&s.Same, o.Same},
		{&s.Replace, o.Replace}, {&s.Failed, o.Failed}, {&s.Partial, o.Partial}, {&s.Lines, o.Lines}} {
		*sum.to += sum.n
	}
}

// ErrExists says that something else is there already.
var ErrExists = errors.New("something else is there already")

// run is a restore on its way.
type run struct {
	o      Options
	root   *directory
	keeper *keeper
	euid   int
	window *window
	jobs   chan *job
	cancel context.CancelCauseFunc

	// links has the first names of files with several. It belongs to the walk.
	links map[uint64]*first

	files, bytes, directories, linked, special, same, replaced, partial atomic.Int64

	mu sync.Mutex
	// mu guards what follows.
	failed int64
}

// Run restores all of roots. An error says that it ended early; what failed alone is told to Options.Failed and counted.
func Run(ctx context.Context, roots []Root, o Options) (Summary, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := &run{o: o, euid: os.Geteuid(), cancel: cancel, links: map[uint64]*first{}, jobs: make(chan *job), window: newWindow(o.Window)}
	if o.Keep != nil && !o.Rehearse {
		keep, err := newKeeper(o.Keep)
		if err != nil {
			o.Place.Close()
			return Summary{}, err
		}
		defer keep.close()
		r.keeper = keep
	}
	r.root = r.top()
	if o.Place.Name != "" {
		roots[0].Name = o.Place.Name
	}
	var err error
	var workers sync.WaitGroup
	for range max(o.Workers, 1) {
		workers.Go(func() {
			for j := range r.jobs {
				j.do(ctx)
			}
		})
	}
	for i := range roots {
		if err = r.piece(ctx, &roots[i]); err != nil {
			break
		}
	}
	close(r.jobs)
	workers.Wait()
	r.root.leave(ctx)
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return r.summary(), err
}

func (r *run) summary() Summary {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Summary{Files: r.files.Load(), Bytes: r.bytes.Load(), Directories: r.directories.Load(), Links: r.linked.Load(), Special: r.special.Load(),
		Same: r.same.Load(), Replace: r.replaced.Load(), Failed: r.failed, Partial: r.partial.Load()}
}

// top is the directory that everything goes into.
func (r *run) top() *directory {
	f := &directory{r: r, fd: r.o.Place.fd, refs: counted(1), fresh: r.o.Place.fd == absent}
	if f.fd != absent {
		f.inherits = inheritsACL(f.fd)
		if !r.o.Rehearse {
			f.clean()
		}
	}
	return f
}

// piece restores one root.
func (r *run) piece(ctx context.Context, root *Root) error {
	if root.Name != "" {
		return r.entry(ctx, root.Source, r.root, &root.Entry, root.Name, root.Path)
	}
	if r.o.Place.Made || r.o.Overwrite {
		e := root.Entry
		r.root.entry = &e
	}
	if r.o.Place.Made && !r.o.Rehearse && r.euid == 0 {
		// Who goes on after an interruption finds a directory that nobody made for him.
		if err := r.dress(r.root.fd, &root.Entry); err != nil {
			r.fail(root.Path, err)
		}
	}
	return r.list(ctx, root.Source, r.root, &root.Entry, root.Path)
}

// fail notes that something was not restored. What would befall everything else too ends the run.
func (r *run) fail(path string, err error) {
	if Fatal(err) {
		if !errors.As(err, new(*TargetError)) && !errors.As(err, new(*SourceError)) && !errors.Is(err, context.Canceled) {
			err = &SourceError{path, err}
		}
		r.cancel(err)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed++
	if r.o.Failed != nil {
		r.o.Failed(path, err)
	}
}

func (r *run) sent(files, bytes int64) {
	if r.o.Progress != nil {
		r.o.Progress.Sent(files, bytes)
	}
}
