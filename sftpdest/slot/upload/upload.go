// Package upload brings the content of regular files to temporary names on the server: read from the source, copied from another slot,
// or found to be there already. It must not know what becomes of them, nor what else is in a backup.
package upload

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/plan"
	"slotfs/sftpdest/slot/progress"
	"slotfs/sftpdest/slot/source"
	"slotfs/sftpdest/slot/store"
)

// ErrSource marks an error of the source: the file is left out, and the backup goes on.
var ErrSource = errors.New("source")

// Options say how files are brought to the server.
type Options struct {
	Small int64  // bytes of a file that is read at once
	Wide  int64  // bytes from which a file is written by several handles
	Mark  int64  // bytes between two marks inside a large file
	Donor string // the slot that files are copied from; "": none
	Link  bool   // link what can be linked instead of copying it
	Now   func() time.Time
	Log   *slog.Logger
	// StateDurable waits for the slot's new state: marks of what is gone on with belong to one.
	StateDurable func(ctx context.Context) error
}

// Uploader brings files of one run to temporary names in one slot.
type Uploader struct {
	s      *store.Store
	slot   string
	src    *source.Tree
	marks  *Marks
	counts *progress.Counts
	holes  holeBudget
	copies copyVerifier
	o      Options
}

// New makes one.
func New(s *store.Store, slot string, src *source.Tree, marks *Marks, counts *progress.Counts, o Options) *Uploader {
	return &Uploader{s: s, slot: slot, src: src, marks: marks, counts: counts, o: o}
}

// Content is that of a file on its way into the slot. It counts against the memory and the large files of all runs until Release is
// called.
type Content struct {
	Temp    string // its temporary name on the server; "": it is in memory and not sent yet
	Durable bool   // it is on the server's disk
	Same    bool   // the slot has it under that time already: there is nothing to send
	Stable  bool   // the file did not change while it was read

	text    []byte
	sent    int64 // bytes
	release func()
}

// InMemory reports whether the content still has to be sent.
func (c *Content) InMemory() bool { return c.Temp == "" && !c.Same }

// Release gives back what the content takes.
func (c *Content) Release() {
	if c.release != nil {
		c.release()
		c.release = nil
	}
}

func sourceError(err error) error { return fmt.Errorf("%w: %w", ErrSource, err) }

// TransferError is an error of the server that ended the transfer of a large file.
type TransferError struct{ error }

// Unwrap is the error.
func (e TransferError) Unwrap() error { return e.error }

// hasContent reports whether the slot has that content, under that time, which is what readers compare.
func hasContent(a *plan.Action, hash string) bool {
	return a.Do == plan.Compare && hash == a.Claim.Hash && a.Old != nil && manifest.Seconds(a.Old.MTime) == manifest.Seconds(a.Entry.MTime)
}

// checkUnchanged asks whether the file is as it was. If it is not, and this is not the last try, the action gets the new attributes.
func (u *Uploader) checkUnchanged(f *source.File, a *plan.Action, read int64, last bool) (bool, error) {
	e, now := a.Entry, u.o.Now().UnixNano()
	unchanged, err := f.Unchanged(&e)
	if err != nil {
		return false, sourceError(err)
	}
	if unchanged && read == a.Entry.Size {
		return true, nil
	}
	if last {
		a.Entry.Size, a.Entry.Sparse = read, nil // the times are those from before: the next run reads it again
		return false, nil
	}
	e.Digest = manifest.Digest{}
	source.FlagRacy(&e, now)
	a.Entry = e
	return false, nil
}

// Put has content that is in memory sent by put. States and journals do not wait for the bandwidth: they would come behind all files
// that are ready to be sent.
func (u *Uploader) Put(ctx context.Context, c *Content, put func(content []byte) (temp string, durable bool, err error)) (err error) {
	if err = u.s.Wait(ctx, len(c.text)); err == nil {
		c.Temp, c.Durable, err = put(c.text)
	}
	return err
}

// PutTemp sends content that is in memory to a temporary name.
func (u *Uploader) PutTemp(ctx context.Context, a *plan.Action, c *Content) error {
	return u.Put(ctx, c, func(content []byte) (string, bool, error) {
		return u.s.Temps(u.slot).Put(ctx, content, store.Attributes(a.Entry.Mode, 0o600, a.Entry.MTime))
	})
}

// Placed is called when the content has its name in the slot: nothing needs to be gone on with any more.
func (u *Uploader) Placed(ctx context.Context, c *Content) error {
	u.counts.Uploaded.Add(1)
	u.counts.UploadedBytes.Add(c.sent)
	if c.text == nil {
		u.counts.Sent(1, 0)
		return u.marks.clear(ctx, c.Temp)
	}
	u.counts.Sent(1, c.sent)
	return nil
}
