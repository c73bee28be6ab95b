// Package asuser knows how to restore with the rights of a user: one process reads, and another one, which has given up
// all rights but those of the user, writes. It must not know what is read, nor print.
//
// The writer calls the host by net/rpc over a socket. It knows entries and open files by numbers, and gets what is being
// restored and nothing else.
package asuser

import (
	"context"
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"

	"slotfs/fs/restore"
	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
)

// Identity is the user with whose rights is written.
type Identity struct {
	Name     string
	UID, GID uint32
	Groups   []uint32
}

// Order is what the writer is to do.
type Order struct {
	Identity    Identity
	Destination restore.Destination
	Roots       []Root
	Overwrite   bool
	Partial     bool
	Maildir     bool
	Workers     int
	Window      int64
	Security    []string
	Keep        *restore.Keep
	Whole       bool            // the root takes the place of what is there; the home and the path are those of Keep
	Lines       []restore.Lines // that are added instead of restoring
	PutBack     string          // directory of what a restore kept, which is put back instead of restoring
	Discard     string          // directory of what a restore kept, which is removed instead
}

// Entry is a restore.Entry. Its handle is that of the host, which goes by a number.
type Entry struct {
	Number uint64
	Entry  restore.Entry
	Hole   bool // there are extents, and none has data: gob knows no empty slices
	Fault  *Fault
}

// newEntry is an entry for the writer.
func newEntry(number uint64, e restore.Entry) Entry {
	out := Entry{number, e, e.Extents != nil && len(e.Extents) == 0, newFault(e.Fault)}
	out.Entry.Handle, out.Entry.Fault = nil, nil
	return out
}

// entry is an entry of the host as the writer has it.
func (e *Entry) entry() restore.Entry {
	out := e.Entry
	out.Handle, out.Fault = e.Number, e.Fault.err()
	if e.Hole {
		out.Extents = []backup.Extent{}
	}
	return out
}

// Root is a restore.Root.
type Root struct {
	Entry      Entry
	Name, Path string
}

// Batch is what comes next in a directory.
type Batch struct {
	Entries []Entry // of use until the next batch is asked for
	End     bool
	Fault   *Fault // why it ends early
}

// Opened is an open file.
type Opened struct {
	File  uint64
	Entry Entry // with what List left out
	Fault *Fault
}

// Reading asks for bytes of an open file.
type Reading struct {
	File   uint64
	Offset int64
	Length int
}

// Bytes are bytes of a file; fewer than were asked for at its end.
type Bytes struct {
	Data  []byte
	Fault *Fault
}

// Failure says that something was not restored.
type Failure struct {
	Path  string
	Fault *Fault
}

// Sent counts what was restored.
type Sent struct{ Files, Bytes int64 }

// Ending is how the writer ended.
type Ending struct {
	Summary restore.Summary
	Placed  bool // the directory was found, or made
	Fault   *Fault
}

// Fault is an error on its way from one process to the other. What is asked of errors can be asked of it.
type Fault struct {
	Text   string
	Kinds  []int // indexes of kinds
	Target bool  // it is a restore.TargetError
}

// kinds are the errors that somebody asks for.
var kinds = []error{restore.ErrExists, restore.ErrNoDirectory, restore.ErrGone, unix.ENOSPC, unix.EDQUOT, unix.EROFS, unix.EIO, unix.ENOTCONN,
	unix.ECONNABORTED, restore.ErrIncomplete, dest.ErrUnreachable, dest.ErrAuth, context.Canceled, fs.ErrNotExist, fs.ErrPermission}

// newFault is err for the other process; nil for nil.
func newFault(err error) *Fault {
	if err == nil {
		return nil
	}
	f := &Fault{Text: err.Error(), Target: errors.As(err, new(*restore.TargetError))}
	for i, kind := range kinds {
		if errors.Is(err, kind) {
			f.Kinds = append(f.Kinds, i)
		}
	}
	return f
}

// err is the error that came; nil for none.
func (f *Fault) err() error {
	if f == nil {
		return nil
	}
	return f
}

// Error is the text of the error in the other process.
func (f *Fault) Error() string { return f.Text }

// Is reports whether the error in the other process was one of kind.
func (f *Fault) Is(kind error) bool {
	for _, i := range f.Kinds {
		if i >= 0 && i < len(kinds) && kinds[i] == kind {
			return true
		}
	}
	return false
}

// As finds the restore.TargetError.
func (f *Fault) As(to any) bool {
	t, ok := to.(**restore.TargetError)
	if !ok || !f.Target {
		return false
	}
	*t = &restore.TargetError{Op: "write", Err: &Fault{Text: f.Text, Kinds: f.Kinds}}
	return true
}
