package slot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"syscall"
	"time"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/lease"
	"slotfs/sftpdest/slot/plan"
	"slotfs/sftpdest/slot/store"
)

// errLeft says that an entry is left out, because the server refuses it or a directory around it.
var errLeft = errors.New("the server refuses it")

// errServes says that the server took files before.
var errServes = errors.New("the server takes no more files")

const (
	// mostNamed is how many paths that are left out a summary names.
	mostNamed = 100
	// mostLeft is how many entries may be left out before most of all have to be there: a server that refuses nearly everything
	// has another trouble.
	mostLeft = 100
	// servingFor is how long the server is taken to be serving after it took a file.
	servingFor = time.Second
)

// Left is a path that a backup does not have as it is in the source, and the server's answer.
type Left struct{ Path, Why string }

// left is what the server refused. The job's mutex guards it, but for served.
type left struct {
	amends  map[string]amend // by path
	claimed map[string]bool  // where escaped names stand now
	named   []Left
	stuck   []string // on the server: names that cannot be deleted
	refused int
	taken   int

	serving sync.Mutex // guards what follows
	served  time.Time
}

// amend is what is different about an entry that may be in the manifest already.
type amend struct {
	stored  string          // its escaped name
	missing bool            // it is not on the server
	kept    *manifest.Entry // what the slot has instead; nil: nothing
}

// storedAt is the entry of a step with the name that it has where it was put.
func (s *step) storedAt(at string) *manifest.Entry {
	name := manifest.Base(at)
	if name == s.Entry.StoredName() {
		return &s.Entry
	}
	e := s.Entry
	e.Stored = name
	return &e
}

// offer makes the entry of a step in its directory, by its escaped name if the server refuses its own. It returns where it is. An
// entry that the server refuses under both is left out: errLeft.
func (j *job) offer(ctx context.Context, s *step, do func(at string) error) (string, error) {
	return j.offerIn(ctx, s, s.in.at, do)
}

// offerIn is offer for another directory on the server.
func (j *job) offerIn(ctx context.Context, s *step, dir string, do func(at string) error) (at string, err error) {
	at = dir + "/" + s.Entry.StoredName()
	err = do(at)
	if err == nil {
		j.took(s, at, false)
		return at, nil
	}
	if !refusal(ctx, err) || !errors.Is(err, store.ErrKillsSession) && j.occupied(ctx, s, at) {
		return "", err
	}
	if s.Entry.Stored == "" {
		other := dir + "/" + manifest.Escape(manifest.Base(s.Entry.Path))
		switch escapedErr := do(other); {
		case escapedErr == nil:
			j.o.Log.Info("escape a name that the server refuses", "path", s.Entry.Path, "error", err)
			j.took(s, other, true)
			return other, j.clear(ctx, at, err)
		case !refusal(ctx, escapedErr):
			return "", escapedErr
		}
	}
	if clearErr := j.clear(ctx, at, err); clearErr != nil {
		return "", clearErr
	}
	return "", j.refuse(ctx, s, err)
}

// clear removes what a request left that was given up, if a listing shows it: its name may not be used again.
func (j *job) clear(ctx context.Context, at string, err error) error {
	if !errors.Is(err, store.ErrKillsSession) {
		return nil
	}
	list, err := j.List(ctx, dest.Parent(at))
	if err != nil {
		return err
	}
	for _, info := range list {
		switch {
		case info.Name != manifest.Base(at):
		case store.IsDir(info.Mode):
			return j.RemoveTree(ctx, at)
		default:
			return j.Remove(ctx, at)
		}
	}
	return nil
}

// took notes that the server has an entry.
func (j *job) took(s *step, at string, amended bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.left.taken++
	if amended {
		j.amendLocked(s.Entry.Path, amend{stored: manifest.Base(at)})
	}
	if amended || s.Entry.Stored != "" {
		j.claimLocked(at)
	}
}

func (j *job) amendLocked(path string, a amend) {
	if j.left.amends == nil {
		j.left.amends = make(map[string]amend)
	}
	j.left.amends[path] = a
}

// claim keeps what stands at a place from being removed: a listing may have shown it as something that nobody knew.
func (j *job) claim(at string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.claimLocked(at)
}

func (j *job) claimLocked(at string) {
	if j.left.claimed == nil {
		j.left.claimed = make(map[string]bool)
	}
	j.left.claimed[at] = true
}

// claims reports whether something that a listing showed is, or lies in, what was made there since: nobody knew then what it is.
func (l *left) claims(at string) bool {
	for len(l.claimed) > 0 && at != "" {
		if l.claimed[at] {
			return true
		}
		at = dest.Parent(at)
	}
	return false
}

// refusal reports whether an error may be the server's answer to one entry alone.
func refusal(ctx context.Context, err error) bool {
	if err == nil || ctx.Err() != nil {
		return false
	}
	for _, other := range []error{
		context.Canceled, context.DeadlineExceeded, dest.ErrUnreachable, dest.ErrAuth, dest.ErrClosed, dest.ErrTooManyOpenFiles,
		syscall.ENOSPC, syscall.EDQUOT, store.ErrFull, lease.ErrBusy, errSource, errLeft,
	} {
		if errors.Is(err, other) {
			return false
		}
	}
	return true
}

// occupied reports whether something of another kind stands where an entry belongs, or the directory around it is gone: the next
// run, which lists the slot, knows what to do about it.
func (j *job) occupied(ctx context.Context, s *step, at string) bool {
	if info, err := j.Stat(ctx, at); err == nil {
		return store.IsDir(info.Mode) != s.Entry.IsDir()
	}
	info, err := j.Stat(ctx, dest.Parent(at))
	return errors.Is(err, fs.ErrNotExist) || err == nil && !store.IsDir(info.Mode)
}

// refuse leaves an entry out, if the server takes others. It returns errLeft then, else cause.
func (j *job) refuse(ctx context.Context, s *step, cause error) error {
	if !refusal(ctx, cause) {
		return cause
	}
	if err := j.serves(ctx, s.Entry.Size, cause); err != nil {
		return err
	}
	keeps := s.Have == plan.File && s.Old != nil && s.Old.IsRegular() && !j.plan.Listed && !errors.Is(cause, store.ErrKillsSession)
	if keeps {
		info, err := j.Stat(ctx, s.at)
		keeps = err == nil && info.Size == s.Old.Size // what replaces it may have taken it away first
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.left.refused++
	if j.left.refused > mostLeft && j.left.refused > j.left.taken {
		return fmt.Errorf("the server refuses most of what it is sent: %w", cause)
	}
	a := amend{missing: true}
	switch {
	case keeps:
		kept := *s.Old
		kept.Flags |= manifest.Stale
		kept.Link, kept.Stored = "", s.Entry.Stored
		a.kept = &kept
	case s.Have != plan.None:
		j.deletions = append(j.deletions, deletion{s.at, s.Have == plan.Dir})
	}
	j.amendLocked(s.Entry.Path, a)
	if len(j.left.named) < mostNamed {
		j.left.named = append(j.left.named, Left{s.Entry.Path, cause.Error()})
	}
	j.o.Log.Warn("leave out what the server refuses", "path", s.Entry.Path, "error", cause)
	return errLeft
}

// mostTried bounds the file that the server is tried with, in bytes.
const mostTried = 1 << 20

// serves makes sure that the server takes files of about that size, and has a place for them in data/.
func (j *job) serves(ctx context.Context, size int64, cause error) error {
	if err := j.waitUpdating(ctx); err != nil {
		return err
	}
	j.left.serving.Lock()
	defer j.left.serving.Unlock()
	began := time.Now()
	if began.Sub(j.left.served) < servingFor {
		return nil
	}
	if full := full(ctx, j.Store, j.o.Directory, cause); errors.Is(full, store.ErrFull) {
		return full
	}
	temp, _, err := j.PutTemp(ctx, j.slot, make([]byte, min(max(size, 64<<10), mostTried)), dest.Attributes{})
	if err == nil {
		name := j.slot + "/data/" + manifest.Escape(manifest.Base(temp))
		if err = j.Rename(ctx, temp, name); err == nil {
			err = j.Remove(ctx, name)
		}
	}
	if err != nil {
		return cause
	}
	j.left.served = began
	return nil
}
