package slots

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/indexer/engine"
	"slotfs/indexer/manifest"
)

// maxJournals bounds how many pieces of a journal are read.
const maxJournals = 100_000

// lister reads what a slot's directory of manifests says of its tree.
type lister struct {
	dest  dest.Reader
	meta  string
	state *manifest.State

	names          *backup.NameCollector
	offsets        bool // keep where content stands in an archive
	changed, stale int  // entries with these flags
	missing        backup.Notes
}

type addFunc func(path string, e *backup.Entry) error

// list hands out the entries of the manifest, and while a backup is under way those of its journal after them.
func (l *lister) list(ctx context.Context, add func(path string, e *backup.Entry) error) (engine.Remarks, error) {
	if l.state.Manifest != nil {
		if err := l.manifest(ctx, add); err != nil {
			return engine.Remarks{}, fmt.Errorf("manifest %s: %w", l.state.Manifest.Name, err)
		}
	}
	if l.state.Phase == manifest.Filling || l.state.Phase == manifest.Updating {
		return engine.Remarks{}, l.journals(ctx, add)
	}
	return engine.Remarks{Detail: l.detail(), Notes: l.missing}, nil
}

// detail tells what the writer could not do as it should.
func (l *lister) detail() string {
	var notes []string
	if l.changed > 0 {
		notes = append(notes, fmt.Sprintf("%d files changed while they were read", l.changed))
	}
	if l.stale > 0 {
		notes = append(notes, fmt.Sprintf("%d entries could not be read and are those of an earlier backup", l.stale))
	}
	return strings.Join(notes, "; ")
}

// manifest hands out the entries of the manifest that the state names, and proves that it is that one.
func (l *lister) manifest(ctx context.Context, add addFunc) error {
	want := l.state.Manifest
	f, err := l.dest.Open(ctx, path.Join(l.meta, want.Name))
	if err != nil {
		return missing(err)
	}
	defer f.Close()
	info, err := f.Stat(ctx)
	if err != nil {
		return err
	}
	if info.Size != want.Size {
		return fmt.Errorf("%d bytes, want %d: %w", info.Size, want.Size, engine.ErrDamaged)
	}
	stream := dest.NewStream(ctx, f, 0, info.Size, 0)
	defer stream.Close()
	r := &source{from: stream}
	m, err := manifest.NewCheckedReader(r, *want)
	if err != nil {
		return r.damage(err)
	}
	return l.entries(r, m, add)
}

// journals hands out what a run has put into place so far. A piece that cannot be read ends the list: what comes after
// it is told by listings alone.
func (l *lister) journals(ctx context.Context, add addFunc) error {
	infos, err := l.dest.List(ctx, l.meta)
	if err != nil {
		return missing(err)
	}
	var names []string
	for _, i := range infos {
		if isJournal(i.Name, l.state.Gen) && i.Mode&backup.ModeType == backup.ModeRegular && validName(i.Name) {
			names = append(names, i.Name)
		}
	}
	slices.Sort(names)
	for _, name := range names[:min(len(names), maxJournals)] {
		if err := l.journal(ctx, path.Join(l.meta, name), add); errors.Is(err, engine.ErrDamaged) {
			return nil
		} else if err != nil {
			return fmt.Errorf("journal %s: %w", name, err)
		}
	}
	return nil
}

func (l *lister) journal(ctx context.Context, name string, add addFunc) error {
	f, err := l.dest.Open(ctx, name)
	if err != nil {
		return missing(err)
	}
	defer f.Close()
	info, err := f.Stat(ctx)
	if err != nil {
		return err
	}
	stream := dest.NewStream(ctx, f, 0, info.Size, 0)
	defer stream.Close()
	r := &source{from: stream}
	m, err := manifest.NewReader(r)
	if err != nil {
		return r.damage(err)
	}
	return l.entries(r, m, add)
}

// source remembers why reading a manifest ended.
type source struct {
	from io.Reader
	err  error
}

func (r *source) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

// entries hands out what m reads from r.
func (l *lister) entries(r *source, m *manifest.Reader, add addFunc) error {
	defer m.Close()
	for {
		e, err := m.Next()
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return r.damage(err)
		}
		if e.Flags&manifest.Removed != 0 {
			continue
		}
		if e.Flags&manifest.Missing != 0 {
			l.missing.Add(backup.Missing, e.Path)
			continue
		}
		if e.Flags&manifest.Changed != 0 {
			l.changed++
		}
		if e.Flags&manifest.Stale != 0 {
			l.stale++
		}
		if !l.offsets {
			e.Offset = 0 // content is read by path
			e.Checksums = backup.NewChecksums(e.Hash, e.Blocks)
		}
		l.names.Add(&e.Entry, e.User, e.Group)
		if err := add(e.Path, &e.Entry); err != nil {
			return err
		}
	}
}

// damage tells what an error while decoding is: that of reading, or damage.
func (r *source) damage(err error) error {
	if r.err != nil && !errors.Is(r.err, io.ErrUnexpectedEOF) {
		return r.err
	}
	return fmt.Errorf("%w: %w", engine.ErrDamaged, err)
}
