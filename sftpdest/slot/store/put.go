package store

import (
	"context"
	"errors"
	"io"
	"os"

	"slotfs/indexer/dest"
)

// PutTemp makes a temporary file with content, durable where the server can, and returns its name.
func (s *Store) PutTemp(ctx context.Context, slot string, content []byte, a dest.Attributes) (name string, durable bool, err error) {
	err = s.attrs.try(a, func(a dest.Attributes) (err error) {
		name, err = s.fresh(ctx, slot, func(name string) (err error) {
			durable, err = s.Put(ctx, name, content, a, true)
			return err
		})
		return err
	})
	return name, durable, err
}

// PutTempAs is PutTemp that tries a given name in tmp/ first. What a lost attempt left there may still change, so that the next
// one takes another name; so does one that was refused, to tell names from attributes.
func (s *Store) PutTempAs(ctx context.Context, slot, first string, content []byte, a dest.Attributes) (name string, durable bool, err error) {
	durable, err = s.Put(ctx, first, content, without(a, s.attrs.level.Load()), true)
	if !Refused(err) && !errors.Is(err, dest.ErrUnreachable) {
		return first, durable, err
	}
	return s.PutTemp(ctx, slot, content, a)
}

// PutFile uploads a local file of size bytes to a temporary name, durable where the server can.
func (s *Store) PutFile(ctx context.Context, slot string, local *os.File, size int64) (temp string, err error) {
	if size > maxPut {
		return s.fresh(ctx, slot, func(name string) error { return s.putLong(ctx, name, local, size) })
	}
	content := make([]byte, size)
	if _, err := local.ReadAt(content, 0); err != nil && err != io.EOF {
		return "", err
	}
	temp, _, err = s.PutTemp(ctx, slot, content, dest.Attributes{})
	return temp, err
}

// InstallFile uploads a local file of size bytes under its name in the slot, durable.
func (s *Store) InstallFile(ctx context.Context, slot, name string, local *os.File, size int64) error {
	temp, err := s.PutFile(ctx, slot, local, size)
	if err != nil {
		return err
	}
	return s.Install(ctx, temp, slot+"/"+name)
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

// Replace puts content under name at once, by way of a temporary file in the slot, and makes it durable.
func (s *Store) Replace(ctx context.Context, slot, name string, content []byte) error {
	temp, _, err := s.PutTemp(ctx, slot, content, dest.Attributes{})
	if err != nil {
		return err
	}
	return s.Install(ctx, temp, slot+"/"+name)
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
