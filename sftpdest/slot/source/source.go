// Package source reads what is backed up: a local directory whose owner may race against us. It opens everything below a
// directory handle without following links. It knows no destination.
//
// Directories are opened one element at a time from the handle of their parent, files below the handle of the root with
// openat2(2) (or element by element where the kernel has none), both without following symlinks. A file is first
// pinned with O_PATH and opened for reading only when fstat(2) has shown that it is the regular file that was found:
// no FIFO and no device is ever opened. The root itself is reached in the same way: symlinks in directories that nobody
// but root may change are the administrator's and are followed, those below the first other directory are not.
//
// # Patterns
//
// Patterns are those of rsync(1) and mean the same. One that begins with '/' matches from the root on, another one
// the end of a path; one that ends with '/' matches directories only. '*' and '?' match anything but '/', '**' anything,
// [a-z] one of a set, and DIRECTORY/*** a directory with all that is in it. A pattern behind "+ " lets in what a later one
// would leave out, "- " stands for what patterns do without it, and "!" forgets all patterns before it. The first
// pattern that matches decides. What lies in a directory that is left out is not looked at.
//
// A file with patterns has one a line; empty lines and those that begin with '#' or ';' are comments. Its patterns
// come behind those of the job, and there is a bound to how many count. What is joined from elsewhere (Options.Also) heeds
// those of the job only, unless the file lies there (Options.ExcludeIn): the owner of one directory has no say about others.
// Matching takes time that grows with names and patterns, whatever the patterns are.
package source

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"slotfs/indexer/manifest"
)

// Options say what of a directory is backed up.
type Options struct {
	Exclude       []string // patterns as rsync has them: anchored with '/', '**', trailing '/' for directories
	ExcludeFile   string   // name of a file with more patterns, one a line; "" is none
	ExcludeIn     string   // path in the backup of the directory that has that file, and that its patterns count from
	CacheDirs     bool     // leave out what is below a CACHEDIR.TAG
	OneFileSystem bool
	// NetworkFS reads what is mounted in the directory from other machines or by FUSE. Without it such a mount is an empty
	// directory of the backup, and nothing is asked of it.
	NetworkFS bool
	// StallTimeout is how long the source may give no answer before it is given up with ErrStalled; 0: for ever.
	StallTimeout time.Duration
	// Also joins a second directory into the tree at a path of its own: what a command staged. It stands in place of what
	// the directory itself has there.
	Also map[string]string // path in the backup -> local directory
}

// Tree is a directory to be read. Its methods may be called from several goroutines at once, but for Close.
type Tree struct {
	root   *os.File
	name   string
	o      Options
	filter *filter // of the job
	joined *join   // nil: nothing is joined
	owners *owners
	watch  *watch // nil: nobody waits with an end

	mu      sync.Mutex // guards what follows
	skipped []string   // see Skipped
	ignored error      // see Ignored
}

// Found is one entry as the walk sees it. It is the caller's.
type Found struct {
	manifest.Entry // Hash empty
	// Frozen says that the directory's listing could not be read (EACCES, EIO): what is below is not gone. If it is no
	// directory, or one without permissions, then not even its attributes could be read: Mode has nothing but the type
	// (zero: unknown).
	Frozen bool
	// Warning tells why it is frozen, or what of its extended attributes could not be read. May be nil.
	Warning error
}

// Open takes hold of the directory at root.
func Open(root string, o Options) (*Tree, error) {
	t, err := answered(o.StallTimeout, func() (*Tree, error) { return openTree(root, o) }, func(t *Tree) { t.Close() })
	if err == ErrStalled {
		err = fmt.Errorf("open source %s: %w", root, err)
	}
	return t, err
}

func openTree(root string, o Options) (*Tree, error) {
	t := &Tree{name: root, o: o, owners: newOwners()}
	var err error
	if t.filter, err = parseFilter(o.Exclude); err != nil {
		return nil, fmt.Errorf("open source %s: %w", root, err)
	}
	if t.root, err = openRoot(root); err != nil {
		return nil, fmt.Errorf("open source: %w", err)
	}
	for path, directory := range o.Also {
		if err := t.join(path, directory); err != nil {
			return nil, errors.Join(fmt.Errorf("open source %s: join %s: %w", root, directory, err), t.Close())
		}
	}
	// Reading files and extended attributes goes by way of /proc.
	if err := unix.Access(procPath(int(t.root.Fd()), "."), unix.F_OK); err != nil {
		return nil, errors.Join(fmt.Errorf("open source %s: /proc is needed: %w", root, err), t.Close())
	}
	if o.StallTimeout > 0 {
		t.watch = newWatch(o.StallTimeout)
		_, self := t.remotes()
		t.watch.files.Store(self)
	}
	return t, nil
}

// Close lets go of the directory, unless calls that will not come back still use it.
func (t *Tree) Close() error {
	if t.watch != nil {
		if t.watch.given() && t.watch.pending.Load() > 0 {
			return nil
		}
		t.watch.end()
	}
	err := t.root.Close()
	if t.joined != nil {
		err = errors.Join(err, t.joined.close())
	}
	return err
}

// GiveUp lets everybody go who waits for the source, with ErrStalled, if there is a StallTimeout.
func (t *Tree) GiveUp() {
	if t.watch != nil {
		t.watch.giveUp()
	}
}

// maxSkipped bounds how many mounts are named.
const maxSkipped = 20

// skip notes a mount that was left out.
func (t *Tree) skip(path, kind string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if text := fmt.Sprintf("%s (%s)", path, kind); len(t.skipped) < maxSkipped && !slices.Contains(t.skipped, text) {
		t.skipped = append(t.skipped, text)
	}
}

// Ignored says which patterns of the source's own exclude file have no effect; nil: all have.
func (t *Tree) Ignored() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ignored
}

// Skipped names the file systems of other machines that walks left out, at most 20 of them.
func (t *Tree) Skipped() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.skipped)
}
