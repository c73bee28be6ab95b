package slot

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
)

// attempts is how often a request is asked whose connection was lost: where a server went away, each of the connections to it
// may be found dead by asking. The destination itself waits for a new one.
const attempts = 8

// remote is the destination with what slots need: requests that are safe to repeat are, and what the server cannot do
// is remembered.
type remote struct {
	Store
	*Budget
	run   string // id, in the names of all temporary files
	seq   atomic.Int64
	lease *lease // nil: none is held yet
	asked asked

	unsynced atomic.Bool  // the server cannot say what is on its disk
	plain    atomic.Int32 // attributes that the server refuses: 1 permissions, 2 times too
	untimed  atomic.Bool  // times of files on the server mean nothing
	uncopied atomic.Bool
	unlinked atomic.Bool
	noLinks  atomic.Bool // symbolic ones

	linking sync.Mutex // guards what follows
	linked  bool       // symbolic links become what they should
}

func newRemote(store Store, b *Budget) *remote {
	var id [6]byte
	_, _ = rand.Read(id[:]) // it never fails
	return &remote{Store: store, run: hex.EncodeToString(id[:]), Budget: b}
}

// temp is a new name in the slot's tmp folder.
func (r *remote) temp(slot string) string {
	return slot + "/tmp/" + r.run + "-" + strconv.FormatInt(r.seq.Add(1), 10)
}

// again repeats f while connections are lost under it.
func again(ctx context.Context, f func() error) error {
	watched := watchOf(ctx)
	for try := 1; ; try++ {
		if watched != nil {
			if err := watched.prove(ctx); err != nil {
				return err
			}
		}
		err := f()
		if !errors.Is(err, dest.ErrUnreachable) || try == attempts || ctx.Err() != nil {
			return err
		}
		if watched == nil {
			continue
		}
		watched.lost.Store(time.Now().UnixNano())
		if try == suspicious {
			return watched.alone(ctx, f)
		}
	}
}

// fenced runs f if the account still is ours, and again while connections are lost.
func (r *remote) fenced(ctx context.Context, f func() error) error {
	return again(ctx, func() error {
		if r.lease != nil {
			if err := r.lease.current(ctx); err != nil {
				return err
			}
		}
		return f()
	})
}

// ensureDir makes a folder unless it is there.
func (r *remote) ensureDir(ctx context.Context, p string, permissions uint32) error {
	err := again(ctx, func() error { return r.Mkdir(ctx, p, permissions) })
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// ensureThere is ensureDir for a folder that most likely is there: looking takes one round trip, being refused two.
func (r *remote) ensureThere(ctx context.Context, p string) error {
	if info, err := r.Stat(ctx, p); err == nil && isDir(info.Mode) {
		return nil
	}
	return r.ensureDir(ctx, p, 0o700)
}

// ensureDirs makes a folder that most likely is not there, and those above it. Their names are not durable yet.
func (r *remote) ensureDirs(ctx context.Context, p string) error {
	err := r.ensureDir(ctx, p, 0o700)
	if errors.Is(err, fs.ErrNotExist) && dest.Parent(p) != "" {
		if err := r.ensureDirs(ctx, dest.Parent(p)); err != nil {
			return err
		}
		err = r.ensureDir(ctx, p, 0o700)
	}
	return err
}

// drop removes what is no folder; that it is gone already is fine.
func (r *remote) drop(ctx context.Context, p string) error {
	return missing(r.fenced(ctx, func() error { return r.Remove(ctx, p) }))
}

// dropDir removes an empty folder; that it is gone already is fine.
func (r *remote) dropDir(ctx context.Context, p string) error {
	return missing(r.fenced(ctx, func() error { return r.RemoveDir(ctx, p) }))
}

func missing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// move renames. Where the connection was lost, the names tell what became of it.
func (r *remote) move(ctx context.Context, from, to string) error {
	return r.moveBy(ctx, from, to, func() error { return r.rename(ctx, from, to) })
}

func (r *remote) moveBy(ctx context.Context, from, to string, rename func() error) error {
	lost := false
	return r.fenced(ctx, func() error {
		err := rename()
		if lost && errors.Is(err, fs.ErrNotExist) {
			_, err = r.Stat(ctx, to)
		}
		lost = lost || errors.Is(err, dest.ErrUnreachable)
		return err
	})
}

// syncDir makes the names in a folder durable as far as the server can.
func (r *remote) syncDir(ctx context.Context, p string) error {
	s, ok := r.Store.(dest.DirSyncer)
	if !ok || r.unsynced.Load() {
		r.unsynced.Store(true)
		return nil
	}
	return r.synced(again(ctx, func() error { return s.SyncDir(ctx, p) }))
}

// synced notes that the server cannot sync.
func (r *remote) synced(err error) error {
	if errors.Is(err, errors.ErrUnsupported) {
		r.unsynced.Store(true)
		return nil
	}
	return err
}

// durability is what states say.
func (r *remote) durability() string {
	if r.unsynced.Load() {
		return "none"
	}
	return "fsync"
}

// attributes are those that a server takes from anybody for his own files: no set-id, and never less than what the
// next run needs.
func attributes(mode uint32, least uint32, mtime int64) dest.Attributes {
	permissions, seconds := mode&0o777|least, clampTime(mtime)
	return dest.Attributes{Permissions: &permissions, MTime: &seconds}
}

// clampTime is what SFTP can carry of a time in nanoseconds.
func clampTime(ns int64) int64 {
	return min(max(time.Unix(0, ns).Unix(), 0), math.MaxUint32)
}

// without leaves out what the server refused.
func without(a dest.Attributes, plain int32) dest.Attributes {
	if plain >= 1 {
		a.Permissions = nil
	}
	if plain >= 2 {
		a.MTime = nil
	}
	return a
}

// refused reports whether the server may have meant the attributes.
func refused(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, errors.ErrUnsupported)
}

// lenient runs f with as many attributes as the server takes.
func (r *remote) lenient(a dest.Attributes, f func(a dest.Attributes) error) error {
	level := r.plain.Load()
	first := f(without(a, level))
	if !refused(first) {
		return first
	}
	for level++; level <= 2; level++ {
		if err := f(without(a, level)); err == nil {
			r.plain.Store(level)
			if level >= 2 && a.MTime != nil {
				r.untimed.Store(true)
			}
			return nil
		}
	}
	return first
}

// times is what states say.
func (r *remote) times() string {
	if r.untimed.Load() {
		return manifest.NoTimes
	}
	return ""
}

// tryTimes looks whether the server keeps a time that it is told: some refuse it, and some say yes and do not. The file that
// tells goes with all temporary ones.
func (r *remote) tryTimes(ctx context.Context, slot string) error {
	const long = 1_000_000_000 // ago
	temp, _, err := r.put(ctx, slot, nil, attributes(0, 0o600, long*1e9))
	if err != nil {
		return err
	}
	info, err := r.Stat(ctx, temp)
	if err != nil {
		return err
	}
	if info.MTime != long {
		r.untimed.Store(true)
	}
	return nil
}

// put makes a temporary file with content, durable where the server can, and returns its name.
func (r *remote) put(ctx context.Context, slot string, content []byte, a dest.Attributes) (name string, durable bool, err error) {
	return r.putAs(ctx, slot, "", content, a)
}

// putAs is put for a name in tmp/ that is tried first, "" for none. What a first try left there may still change, so that the next
// one takes another; so does one that was refused, to tell names from attributes.
func (r *remote) putAs(ctx context.Context, slot, first string, content []byte, a dest.Attributes) (name string, durable bool, err error) {
	if first != "" {
		name = first
		durable, err = r.putNew(ctx, name, content, without(a, r.plain.Load()))
		if !refused(err) && !errors.Is(err, dest.ErrUnreachable) {
			if err == nil && !durable {
				r.unsynced.Store(true)
			}
			return name, durable, err
		}
	}
	err = r.lenient(a, func(a dest.Attributes) error {
		return again(ctx, func() (err error) {
			name = r.temp(slot)
			durable, err = r.putNew(ctx, name, content, a)
			return err
		})
	})
	if err == nil && !durable {
		r.unsynced.Store(true)
	}
	return name, durable, err
}

func (r *remote) putNew(ctx context.Context, name string, content []byte, a dest.Attributes) (bool, error) {
	if p, ok := r.Store.(dest.FileWriter); ok && len(content) <= small {
		return p.Put(ctx, name, content, a, true)
	}
	out, err := r.Create(ctx, name, dest.Create{})
	if err != nil {
		return false, err
	}
	_, err = out.WriteAt(ctx, content, 0)
	return r.finish(ctx, out, name, a, err)
}

// finish sets the attributes of name, and syncs and closes out, whose writing ended with err.
func (r *remote) finish(ctx context.Context, out dest.WriteFile, name string, a dest.Attributes, err error) (durable bool, _ error) {
	if err == nil && a != (dest.Attributes{}) {
		err = r.SetAttributes(ctx, name, a)
	}
	if err == nil {
		err = out.Sync(ctx)
		durable = err == nil
		err = r.synced(err)
	}
	if closeErr := out.Close(ctx); err == nil {
		err = closeErr
	}
	return durable, err
}

// replace puts content under name in the slot at once and makes it durable.
func (r *remote) replace(ctx context.Context, slot, name string, content []byte) error {
	temp, _, err := r.put(ctx, slot, content, dest.Attributes{})
	if err != nil {
		return err
	}
	return r.install(ctx, temp, slot+"/"+name)
}

// install moves a temporary file to its name and makes that durable.
func (r *remote) install(ctx context.Context, temp, target string) error {
	in, ok := r.Store.(dest.DurableRenamer)
	synced := false
	err := r.moveBy(ctx, temp, target, func() (err error) {
		if !ok || r.unsynced.Load() {
			return r.rename(ctx, temp, target)
		}
		if synced, err = in.Install(ctx, temp, target); errors.Is(err, errors.ErrUnsupported) {
			err = r.swap(ctx, temp, target)
		}
		return err
	})
	if err != nil || synced {
		return err
	}
	return r.syncDir(ctx, dest.Parent(target))
}

// settleDir sets the attributes of a folder, as far as the server takes them, and makes them and the names in it durable.
func (r *remote) settleDir(ctx context.Context, p string, a dest.Attributes) error {
	in, ok := r.Store.(dest.DurableRenamer)
	synced := false
	err := r.lenient(a, func(a dest.Attributes) (err error) {
		switch {
		case a == (dest.Attributes{}):
			return nil
		case !ok || r.unsynced.Load():
			return r.SetAttributes(ctx, p, a)
		}
		synced, err = in.SyncDirAttributes(ctx, p, a)
		return err
	})
	if err != nil || synced {
		return err
	}
	return r.syncDir(ctx, p)
}

// small is how large a file is at most that is sent at once.
const small = 1 << 20

// errTooLong says that a file is longer than it can be.
var errTooLong = errors.New("file is too long")

// load reads a small file.
func (r *remote) load(ctx context.Context, p string, most int64) ([]byte, error) {
	return load(ctx, r.Store, p, most)
}

func load(ctx context.Context, store dest.Reader, p string, most int64) ([]byte, error) {
	f, err := store.Open(ctx, p)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	buf := make([]byte, most+1)
	n, err := f.ReadAt(ctx, buf, 0)
	if int64(n) > most {
		return nil, fmt.Errorf("read %s: %w", p, errTooLong)
	}
	if err != nil && err != io.EOF {
		return nil, err
	}
	return buf[:n], nil
}
