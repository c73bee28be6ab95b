package slot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"slotfs/indexer/backup"
	"slotfs/indexer/manifest"
)

// Verify compares a slot with its manifest: names, types and sizes of all, and the content of a share of the
// files. With Repair it needs the account's lease.
func Verify(ctx context.Context, store Store, folder string, slot int, o VerifyOptions) ([]Difference, error) {
	r := newRemote(store, NewBudget(0))
	s, err := r.one(ctx, folder, slot)
	if err != nil {
		return nil, fmt.Errorf("verify %s: %w", s.Path, err)
	}
	r.untimed.Store(s.State.Times == manifest.NoTimes)
	v := &verifier{remote: r, slot: s.Path, o: o, room: semaphore.NewWeighted(comparedBytes)}
	if s.State.Mode == manifest.Compressed {
		v.root = s.Path + "/archive"
	} else {
		v.root = s.Path + "/data"
	}
	switch {
	case s.Err != nil:
		v.differ(stateName, s.Err.Error())
	case s.State.Phase != manifest.Complete && s.State.Phase != manifest.Damaged:
		return nil, fmt.Errorf("verify %s: it is %s, not complete: %w", s.Path, s.State.Phase, ErrBusy)
	case s.State.Archive != nil:
		err = v.archive(ctx, s.State.Archive)
	default:
		err = v.run(ctx, s.State.Manifest)
	}
	if err == nil && o.Repair && s.State.Phase != "" {
		err = v.mark(ctx, folder, slot)
	}
	slices.SortFunc(v.found, func(a, b Difference) int { return manifest.Compare(a.Path, b.Path) })
	if err != nil {
		return v.found, fmt.Errorf("verify %s: %w", s.Path, err)
	}
	return v.found, nil
}

// one reads one slot.
func (r *remote) one(ctx context.Context, folder string, slot int) (Slot, error) {
	s := Slot{Path: slotPath(folder, slot), State: manifest.State{Slot: slot}}
	if _, err := r.Stat(ctx, s.Path); err != nil {
		return s, err
	}
	return s, s.read(ctx, r.Store)
}

const (
	// compared is how many files are read side by side, and comparedBytes how much of them is in memory at most.
	compared      = 128
	comparedBytes = 64 << 20
)

type verifier struct {
	*remote
	slot, root string
	o          VerifyOptions
	room       *semaphore.Weighted

	mu     sync.Mutex // guards what follows
	found  []Difference
	damage bool
}

func (v *verifier) differ(path, what string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.found = append(v.found, Difference{path, what})
	v.damage = true
}

func (v *verifier) run(ctx context.Context, want *manifest.File) error {
	spool, err := fetchManifest(ctx, v.Store, v.slot, want)
	if errors.Is(err, errManifest) {
		v.differ("meta/"+want.Name, err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	defer spool.Close()
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(compared)
	if err := v.walk(inner, g, spool); err != nil {
		return errors.Join(err, g.Wait())
	}
	return g.Wait()
}

// walk merges the listing with the manifest.
func (v *verifier) walk(ctx context.Context, g *errgroup.Group, spool *os.File) error {
	known, err := openEntries(spool)
	if err != nil {
		return err
	}
	defer known.close()
	long := make(longNames)
	if err := long.addAll(spool); err != nil {
		return err
	}
	here := pull(walkStored(ctx, v.Store, v.root, long))
	defer here.close()
	for known.head != nil || here.some {
		switch {
		case known.head != nil && (!here.some || manifest.Compare(known.head.Path, here.head.path) < 0):
			if e := known.head; e.Path != "" && (e.IsRegular() || e.IsDir()) && e.Flags&manifest.Missing == 0 {
				v.differ(e.Path, "missing")
			}
			known.advance()
		case known.head == nil || manifest.Compare(here.head.path, known.head.Path) < 0:
			v.differ(here.head.path, "not in the manifest")
			here.advance()
		default:
			v.compare(ctx, g, known.head, &here.head)
			known.advance()
			here.advance()
		}
		if err := errors.Join(known.err, here.err); err != nil {
			return err
		}
	}
	return errors.Join(known.err, here.err)
}

func (v *verifier) compare(ctx context.Context, g *errgroup.Group, e *manifest.Entry, here *present) {
	info := &here.info
	switch {
	case info.Name != e.StoredName():
		v.differ(e.Path, "has another name in data/")
	case e.Mode&backup.ModeType != info.Mode&backup.ModeType:
		v.differ(e.Path, "is of another type")
	case !e.IsRegular():
	case e.Size != info.Size:
		v.differ(e.Path, fmt.Sprintf("has %d bytes, not %d", info.Size, e.Size))
	case e.Hash == "" && !v.untimed.Load() && info.MTime != clampTime(e.MTime):
		v.differ(e.Path, "has another time, and no checksum tells whether it is what was backed up")
	case e.Hash != "" && (v.o.Sample >= 1 || rand.Float64() < v.o.Sample):
		path, at, want, size := e.Path, here.at, e.Hash, e.Size
		g.Go(func() error { return v.content(ctx, path, at, want, size) })
	}
}

func (v *verifier) content(ctx context.Context, path, at, want string, size int64) error {
	weight := min(size, readBackAhead<<20)
	if err := v.room.Acquire(ctx, weight); err != nil {
		return err
	}
	defer v.room.Release(weight)
	hash, err := v.remoteHash(ctx, join(v.root, at), size)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, fs.ErrPermission):
		v.differ(path, err.Error())
	case err != nil:
		return err
	case hash != want:
		v.differ(path, "has other content")
	}
	return nil
}

// mark notes in the state what was found.
func (v *verifier) mark(ctx context.Context, folder string, slot int) error {
	return v.change(ctx, folder, slot, func(s *manifest.State) {
		switch {
		case v.damage:
			s.Phase = manifest.Damaged
		case v.o.Sample >= 1:
			s.Verified, s.Phase = time.Now(), manifest.Complete
		default:
			s.Verified = time.Now()
		}
	})
}

// Pin sets or clears the pin of a slot: a pinned one is never overwritten.
func Pin(ctx context.Context, store Store, folder string, slot int, pinned bool) error {
	r := newRemote(store, NewBudget(0))
	err := r.change(ctx, folder, slot, func(s *manifest.State) { s.Pinned = pinned })
	if err != nil {
		return fmt.Errorf("pin %s: %w", slotPath(folder, slot), err)
	}
	return nil
}

// change changes the state of a slot under the account's lease.
func (r *remote) change(ctx context.Context, folder string, slot int, f func(*manifest.State)) error {
	host, _ := os.Hostname()
	o, err := Options{Retention: 1, Mode: manifest.Incremental, Host: host}.withDefaults()
	if err != nil {
		return err
	}
	l, err := r.acquire(ctx, folder, &o)
	if err != nil {
		return err
	}
	defer l.release(ctx)
	s, err := r.one(ctx, folder, slot)
	if err == nil && s.Err != nil && !errors.Is(s.Err, errNotComplete) {
		err = s.Err
	}
	if err != nil {
		return err
	}
	state := s.State
	f(&state)
	state.Epoch++
	text, err := state.Encode()
	if err != nil {
		return err
	}
	if err := r.ensureDir(ctx, s.Path+"/tmp", 0o700); err != nil {
		return err
	}
	if err := r.replace(ctx, s.Path, stateName, text); err != nil {
		return err
	}
	return r.sweepOwn(ctx, s.Path, func(string) bool { return false })
}
