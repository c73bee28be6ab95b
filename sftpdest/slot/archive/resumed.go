package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"os"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/plan"
	"slotfs/sftpdest/slot/prefetch"
	"slotfs/sftpdest/slot/source"
	"slotfs/sftpdest/slot/spool"
	"slotfs/sftpdest/slot/store"
	"slotfs/sftpdest/slot/verify"
)

// errOutdated says that an archive is not gone on with, because the source is not what was read for it.
var errOutdated = errors.New("the source has changed")

// mostCheckpoint bounds a checkpoint that is read, in bytes.
const mostCheckpoint = 1 << 20

// resumedArchive is the partial archive of an interrupted run, valid up to a resume point. Files in it that did not change are
// reused; those that changed are appended again, and their old copy is left unlisted.
type resumedArchive struct {
	to      *target
	temp    string
	point   Checkpoint // cut down to the stop
	at      ResumePoint
	sum     hash.Hash
	members manifest.Members
	last    manifest.Member // the one before the stop
	spool   *os.File        // lists of entries
	lists   []section
	passes  []*prefetch.Iter[*manifest.Entry]
	broken  *copying // the file that the stop is in; nil: none
	stale   int64    // bytes of what is of no use
}

// section is a list in the spool.
type section struct {
	pass         int
	offset, size int64
}

// adopt takes over what a broken run of this generation has of the archive; nil: nothing that can be gone on with.
func adopt(ctx context.Context, to *target, src *source.Tree, log *slog.Logger) (*resumedArchive, error) {
	text, err := store.Load(ctx, to.s, to.slot+"/meta/"+manifest.CheckpointName(to.gen), mostCheckpoint)
	if err != nil {
		return nil, unreached(ctx, err)
	}
	c, ok := ParseCheckpoint(text)
	if !ok {
		return nil, nil
	}
	e := &resumedArchive{to: to, sum: sha256.New()}
	if err = e.takeOver(ctx, src, &c); err == nil {
		log.Info("go on with an unfinished archive", "slot", to.slot, "bytes", e.at.Size)
		return e, nil
	}
	e.close()
	if unreached(ctx, err) != nil {
		return nil, err
	}
	log.Warn("begin the archive anew", "slot", to.slot, "error", err)
	if e.temp != "" {
		return nil, to.s.Remove(ctx, e.temp) // a copy may take a lot of room
	}
	return nil, nil
}

// takeOver takes over what c tells of. After an error, the temporary file is of no use.
func (e *resumedArchive) takeOver(ctx context.Context, src *source.Tree, c *Checkpoint) error {
	for n := len(c.Stops); ; n-- {
		if n == 0 {
			return errOutdated
		}
		e.at = c.Stops[n-1]
		if e.at.Inside == nil || e.enter(ctx, src) {
			e.point.Stops = c.Stops[:n]
			break
		}
	}
	e.point.Segments = c.Segments[:e.at.Segments]
	if err := e.sum.(encoding.BinaryUnmarshaler).UnmarshalBinary(e.at.Sum); err != nil {
		return err
	}
	if err := e.load(ctx); err != nil {
		return err
	}
	if err := e.take(ctx, c); err != nil {
		return err
	}
	return e.check(ctx)
}

// enter opens the file that the stop is in, and reports whether it still is as it was.
func (e *resumedArchive) enter(ctx context.Context, src *source.Tree) bool {
	list, err := manifest.NewReader(bytes.NewReader(e.at.Inside.Entry))
	if err != nil {
		return false
	}
	defer list.Close()
	entry, err := list.Next()
	if err != nil || !entry.IsRegular() || entry.Sparse != nil || entry.Offset > e.at.Content || e.at.Content-entry.Offset > entry.Size {
		return false
	}
	c := &copying{entry: entry, sum: sha256.New()}
	if err := c.sum.(encoding.BinaryUnmarshaler).UnmarshalBinary(e.at.Inside.Sum); err != nil {
		return false
	}
	seen := *entry
	if c.file, err = src.OpenFile(entry.Path, &seen); err != nil {
		return false
	}
	if !sameEntry(&seen, entry) || !c.readAs(ctx, e.at.Content-entry.Offset) {
		c.file.Close()
		return false
	}
	e.broken = c
	return true
}

// load reads the segments, and makes sure that they are about all of the archive before the stop.
func (e *resumedArchive) load(ctx context.Context) (err error) {
	if e.spool, err = spool.New(); err != nil {
		return err
	}
	var size, content, end int64
	for _, s := range e.point.Segments {
		data, err := store.Load(ctx, e.to.s, e.to.slot+"/meta/"+s.Name, s.Size)
		if err != nil {
			return err
		}
		if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != s.SHA256 {
			return fmt.Errorf("%s: %w", s.Name, spool.ErrManifest)
		}
		if _, err := e.spool.WriteAt(data[:s.List], end); err != nil {
			return err
		}
		e.lists = append(e.lists, section{s.Pass, end, s.List})
		end += s.List
		err = manifest.DecodeMembers(data[s.List:], func(m manifest.Member) error {
			e.members.Add(m)
			e.last = m
			size, content = size+m.Size, content+m.Length
			return nil
		})
		if err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	if size != e.at.Size || content != e.at.Content {
		return fmt.Errorf("members of %d and %d bytes, not %d and %d: %w", size, content, e.at.Size, e.at.Content, spool.ErrManifest)
	}
	return nil
}

// take makes the archive before the stop a temporary file of this run. That of a run which may still be writing is copied:
// nothing tells when the last of its requests was done.
func (e *resumedArchive) take(ctx context.Context, c *Checkpoint) error {
	from := e.to.slot + "/tmp/" + c.Temp
	info, err := e.to.s.Stat(ctx, from)
	if errors.Is(err, fs.ErrNotExist) { // it may have got its name just before the run broke
		from = e.to.slot + "/archive/" + e.to.name()
		info, err = e.to.s.Stat(ctx, from)
	}
	if err == nil && info.Size < e.at.Size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return err
	}
	e.name()
	if c.Settled {
		if err := e.to.s.Rename(ctx, from, e.temp); err != nil {
			return err
		}
		return store.Retry(ctx, func() error { return e.to.s.Truncate(ctx, e.temp, e.at.Size) })
	}
	begun := false
	return store.Retry(ctx, func() error {
		if begun { // what was cut off takes room, and may still grow
			if err := e.to.s.Remove(ctx, e.temp); err != nil {
				return err
			}
			e.name()
		}
		begun = true
		durable, err := e.to.s.Copy(ctx, from, e.temp, e.at.Size, dest.Attributes{}, true)
		if err == nil && !durable {
			err = errors.ErrUnsupported
		}
		return err
	})
}

// name gives the archive a new temporary name.
func (e *resumedArchive) name() {
	e.temp = e.to.temp()
	e.point.Temp = manifest.Base(e.temp)
}

// check reads the last member, behind which the archive goes on.
func (e *resumedArchive) check(ctx context.Context) error {
	f, err := e.to.s.Open(ctx, e.temp)
	if err != nil {
		return err
	}
	defer f.Close()
	same, err := verify.SameMember(ctx, f, e.at.Size-e.last.Size, e.last)
	if err == nil && !same {
		err = fmt.Errorf("it is damaged at byte %d", e.at.Size-e.last.Size)
	}
	return err
}

// open makes the entries ready to be taken.
func (e *resumedArchive) open() {
	for from := 0; from < len(e.lists); {
		to := from
		for to < len(e.lists) && e.lists[to].pass == e.lists[from].pass {
			to++
		}
		e.passes = append(e.passes, prefetch.New(e.entries(e.lists[from:to])))
		from = to
	}
}

// entries are those of lists, one behind the other.
func (e *resumedArchive) entries(lists []section) iter.Seq2[*manifest.Entry, error] {
	return func(yield func(*manifest.Entry, error) bool) {
		for _, l := range lists {
			reader, err := manifest.NewReader(io.NewSectionReader(e.spool, l.offset, l.size))
			if err != nil {
				yield(nil, err)
				return
			}
			for entry, err := range spool.All(reader) {
				if !yield(entry, err) {
					reader.Close()
					return
				}
			}
			reader.Close()
		}
	}
}

// find returns the entry of a path in the archive, the newest one, or nil. Paths come sorted. What another kind has replaced
// would be in the way of who unpacks the archive.
func (e *resumedArchive) find(cur *manifest.Entry) (found *manifest.Entry, err error) {
	for _, p := range e.passes {
		for p.Some && manifest.Compare(p.Head.Path, cur.Path) < 0 {
			e.stale += p.Head.Size
			p.Advance()
		}
		if p.Err != nil {
			return nil, p.Err
		}
		if !p.Some || p.Head.Path != cur.Path {
			continue
		}
		if found != nil {
			e.stale += found.Size
		}
		found = p.Head
		if (found.Mode^cur.Mode)&backup.ModeType != 0 {
			return nil, fmt.Errorf("%q is of another kind now: %w", cur.Path, errOutdated)
		}
		p.Advance()
	}
	return found, nil
}

// tolerable reports whether enough of the archive is of use.
func (e *resumedArchive) tolerable() bool { return e.stale <= e.at.Content/4 }

// sameEntry reports whether nothing speaks for a change since an entry was put into an archive.
func sameEntry(cur, old *manifest.Entry) bool {
	return plan.SameVersion(cur, old.Size, old.MTime, old.CTime, old.Inode) && cur.Mode == old.Mode && cur.UID == old.UID && cur.GID == old.GID &&
		cur.User == old.User && cur.Group == old.Group && cur.Link == old.Link && cur.Target == old.Target &&
		old.Flags&(manifest.Changed|manifest.Racy|manifest.Stale) == 0
}

func (e *resumedArchive) close() {
	for _, p := range e.passes {
		p.Close()
	}
	if e.broken != nil {
		e.broken.file.Close()
	}
	if e.spool != nil {
		e.spool.Close()
	}
}
