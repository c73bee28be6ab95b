package slots

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/indexer/engine"
	"slotfs/indexer/manifest"
)

// maxState bounds what is read of a state.json, in bytes. The format allows 4 KiB.
const maxState = 4 << 10

// DescribeSelf implements engine.SelfDescriber.
func (e *Engine) DescribeSelf(ctx context.Context, d dest.Reader, s *backup.Source) (engine.SelfDescription, error) {
	slot := path.Dir(s.Key())
	if s.Kind == backup.TarGzip {
		slot = path.Dir(slot)
	}
	state, err := readState(ctx, d, path.Join(slot, nameState))
	if errors.Is(err, engine.ErrDamaged) {
		// Without a state nobody knows what data/ holds.
		return engine.SelfDescription{Status: backup.Corrupt, Detail: err.Error(), Walked: true}, nil
	}
	if err != nil {
		return engine.SelfDescription{}, err
	}
	s.Mark, s.Order = state.Mark(), state.Gen
	if t := timeOf(state); t.Unix() > 0 && t.Unix() <= maxTime {
		s.Time, s.Name = t.UTC(), nameOf(t)
	}
	r := judge(state)
	if s.Kind == backup.TarGzip {
		r = judgeArchive(r, state, s)
		r.Machine = state.Machine
		describeArchive(&r, d, path.Join(slot, nameMeta), state, s)
		return r, nil
	}
	r.Machine = state.Machine
	if state.Mode == manifest.Compressed {
		return engine.SelfDescription{Status: backup.Incomplete, Detail: "the slot holds an archive; its tree is left over", Walked: true}, nil
	}
	if state.Times == manifest.NoTimes {
		s.Files = slices.Clone(s.Files)
		s.Files[0].MTime = backup.NoTime
	}
	r.Names = backup.CollectNames(backup.Names{})
	l := lister{dest: d, meta: path.Join(slot, nameMeta), state: state, names: r.Names}
	r.List = l.list
	return r, nil
}

// timeOf is when the backup was finished, or begun if it is not finished.
func timeOf(state *manifest.State) time.Time {
	if state.Phase == manifest.Complete || state.Phase == manifest.Damaged {
		return state.Finished
	}
	return state.Started
}

// judge tells what a state means.
func judge(state *manifest.State) engine.SelfDescription {
	switch state.Phase {
	case manifest.Complete:
		if state.Manifest == nil {
			return engine.SelfDescription{Status: backup.Corrupt, Detail: "state.json names no manifest", Walked: true}
		}
		return engine.SelfDescription{Status: backup.Complete}
	case manifest.Damaged:
		return engine.SelfDescription{Status: backup.Corrupt, Detail: "verification found differences; the next backup repairs them",
			Walked: state.Manifest == nil}
	case manifest.Filling:
		return engine.SelfDescription{Status: backup.Incomplete, Detail: "the first backup into this slot is not finished", Walked: true}
	case manifest.Updating:
		return engine.SelfDescription{Status: backup.Incomplete, Walked: true,
			Detail: fmt.Sprintf("the backup that replaces generation %d is not finished", state.BaseGen)}
	}
	return engine.SelfDescription{Status: backup.Incomplete, Detail: fmt.Sprintf("the slot is %s", state.Phase), Walked: true}
}

// judgeArchive compares the archive with what the state says of it.
func judgeArchive(r engine.SelfDescription, state *manifest.State, s *backup.Source) engine.SelfDescription {
	r.Walked = false
	if r.Status != backup.Complete {
		return r
	}
	switch a := state.Archive; {
	case state.Mode != manifest.Compressed:
		return engine.SelfDescription{Status: backup.Incomplete, Detail: "the slot holds a tree; the archive is left over"}
	case a != nil && a.Name != path.Base(s.Key()):
		return engine.SelfDescription{Status: backup.Incomplete, Detail: "the slot holds another archive; this one is left over"}
	case a != nil && a.Size != s.Files[0].Size:
		return engine.SelfDescription{Status: backup.Corrupt, Detail: fmt.Sprintf("it has %d bytes, not %d", s.Files[0].Size, a.Size)}
	}
	return r
}

// readState reads the state of a slot. What no state can be is engine.ErrDamaged.
func readState(ctx context.Context, d dest.Reader, name string) (*manifest.State, error) {
	f, err := d.Open(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = d.Open(ctx, path.Join(path.Dir(name), manifest.PriorStateName))
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	defer f.Close()
	data := make([]byte, maxState+1)
	n, err := f.ReadAt(ctx, data, 0)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, fmt.Errorf("read %s: %w", name, err)
	case n > maxState:
		return nil, fmt.Errorf("%s is longer than %d bytes: %w", nameState, maxState, engine.ErrDamaged)
	}
	state, err := manifest.DecodeState(data[:n])
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", nameState, engine.ErrDamaged, err)
	}
	if !state.FilesIn(validName) {
		return nil, fmt.Errorf("%s names files of other directories: %w", nameState, engine.ErrDamaged)
	}
	return state, nil
}

// missing makes damage of what is not there, or is no file.
func missing(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, dest.ErrNotRegular) {
		return fmt.Errorf("%w: %w", engine.ErrDamaged, err)
	}
	return err
}

// isJournal reports whether name is one of the journal of a generation.
func isJournal(name string, gen uint64) bool {
	return strings.HasPrefix(name, fmt.Sprintf("journal.g%06d.", gen))
}
