package store

import (
	"context"
	"errors"
	"io/fs"
	"sync/atomic"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
)

// attributes leaves out what the server refuses: permissions first, then times too.
type attributes struct {
	server
	*Facts
	level atomic.Int32 // what is left out: 1 permissions, 2 times too
}

// Attributes are those that a server takes from anybody for his own files: no set-id, and never less than what the next run needs.
// mtime is in nanoseconds.
func Attributes(mode uint32, least uint32, mtime int64) dest.Attributes {
	permissions, seconds := mode&0o777|least, manifest.Seconds(mtime)
	return dest.Attributes{Permissions: &permissions, MTime: &seconds}
}

// without leaves out what the server refused.
func without(a dest.Attributes, level int32) dest.Attributes {
	if level >= 1 {
		a.Permissions = nil
	}
	if level >= 2 {
		a.MTime = nil
	}
	return a
}

// Refused reports whether the server may have meant the attributes.
func Refused(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, errors.ErrUnsupported)
}

// try runs f with as many attributes as the server takes.
func (l *attributes) try(a dest.Attributes, f func(a dest.Attributes) error) error {
	level := l.level.Load()
	first := f(without(a, level))
	if !Refused(first) {
		return first
	}
	for level++; level <= 2; level++ {
		if err := f(without(a, level)); err == nil {
			l.level.Store(level)
			if level >= 2 && a.MTime != nil {
				l.NoTimes(true)
			}
			return nil
		}
	}
	return first
}

// SetAttributes sets those of a that the server takes. One that takes none is not asked: it refuses to set nothing, too.
func (l *attributes) SetAttributes(ctx context.Context, p string, a dest.Attributes) error {
	return l.try(a, func(a dest.Attributes) error {
		if a == (dest.Attributes{}) {
			return nil
		}
		return l.server.SetAttributes(ctx, p, a)
	})
}

// SyncDirAttributes sets those of a that the server takes, and makes the names in the directory durable.
func (l *attributes) SyncDirAttributes(ctx context.Context, p string, a dest.Attributes) (synced bool, err error) {
	err = l.try(a, func(a dest.Attributes) (err error) {
		if a == (dest.Attributes{}) {
			return nil
		}
		synced, err = l.server.SyncDirAttributes(ctx, p, a)
		return err
	})
	return synced, err
}

// Truncate gives a file a length. A server that cannot gives an error for which Refused holds.
func (s *Store) Truncate(ctx context.Context, p string, size int64) error {
	return s.raw.SetAttributes(ctx, p, dest.Attributes{Size: &size})
}
