package store

import (
	"context"
	"errors"
	"io"
	"os"

	"slotfs/indexer/dest"
)

// Put makes a temporary file with content, durable where the server can, and returns its name.
func (t Temps) Put(ctx context.Context, content []byte, a dest.Attributes) (name string, durable bool, err error) {
	err = t.s.attrs.try(a, func(a dest.Attributes) (err error) {
		name, err = t.fresh(ctx, func(name string) (err error) {
			durable, err = t.s.Put(ctx, name, content, a, true)
			return err
		})
		return err
	})
	return name, durable, err
}

// PutAs is Put that tries a given name in tmp/ first. What a lost attempt left there may still change, so that the next
// one takes another name; so does one that was refused, to tell names from attributes.
func (t Temps) PutAs(ctx context.Context, first string, content []byte, a dest.Attributes) (name string, durable bool, err error) {
	durable, err = t.s.Put(ctx, first, content, without(a, t.s.attrs.level.Load()), true)
	if !Refused(err) && !errors.Is(err, dest.ErrUnreachable) {
		return first, durable, err
	}
	return t.Put(ctx, content, a)
}

// PutFile uploads a local file of size bytes to a temporary name, durable where the server can.
func (t Temps) PutFile(ctx context.Context, local *os.File, size int64) (temp string, err error) {
	if size > maxPut {
		return t.fresh(ctx, func(name string) error { return t.s.putLong(ctx, name, local, size) })
	}
	content := make([]byte, size)
	if _, err := local.ReadAt(content, 0); err != nil && err != io.EOF {
		return "", err
	}
	temp, _, err = t.Put(ctx, content, dest.Attributes{})
	return temp, err
}

// InstallFile uploads a local file of size bytes under its name in the slot, durable.
func (t Temps) InstallFile(ctx context.Context, name string, local *os.File, size int64) error {
	temp, err := t.PutFile(ctx, local, size)
	if err != nil {
		return err
	}
	return t.s.Install(ctx, temp, t.slot+"/"+name)
}

func (s *Store) putLong(ctx context.Context, temp string, local *os.File, size int64) error {
	out, err := s.Create(ctx, temp, dest.Create{LongLived: true})
	if err != nil {
		return err
	}
	buf := make([]byte, min(size, 8<<20))
	for off := int64(0); off < size && err == nil; {
		n := min(int64(len(buf)), size-off)
		if _, err = local.ReadAt(buf[:n], off); err == nil {
			_, err = out.WriteAt(ctx, buf[:n], off)
		}
		off += n
	}
	_, err = s.Finish(ctx, out, err)
	return err
}

// Finish syncs and closes a file whose writing ended with err, and notes where the server cannot sync.
func (s *Store) Finish(ctx context.Context, out dest.WriteFile, err error) (durable bool, _ error) {
	return s.knows.durable(finish(ctx, out, err))
}

// Sync makes what was written to a file durable as far as the server can.
func (s *Store) Sync(ctx context.Context, out dest.WriteFile) (durable bool, err error) {
	err = out.Sync(ctx)
	return err == nil, s.knows.synced(err)
}

// Replace puts content under a name of the slot at once, and makes it durable.
func (t Temps) Replace(ctx context.Context, name string, content []byte) error {
	temp, _, err := t.Put(ctx, content, dest.Attributes{})
	if err != nil {
		return err
	}
	return t.s.Install(ctx, temp, t.slot+"/"+name)
}

// Install moves a temporary file to its name and makes that durable.
func (s *Store) Install(ctx context.Context, temp, target string) error {
	synced, err := s.server.Install(ctx, temp, target)
	if err != nil || synced {
		return err
	}
	return s.SyncDir(ctx, dest.Parent(target))
}

// SyncDirAttributes sets the attributes of a directory, as far as the server takes them, and makes them and the names in it
// durable.
func (s *Store) SyncDirAttributes(ctx context.Context, p string, a dest.Attributes) error {
	synced, err := s.server.SyncDirAttributes(ctx, p, a)
	if err != nil || synced {
		return err
	}
	return s.SyncDir(ctx, p)
}
