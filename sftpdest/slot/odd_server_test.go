package slot

import (
	"context"
	"fmt"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
)

// odd is a server with a view of its own of names.
type odd struct {
	*memory
	is     func(name string) string // what becomes of an element of a path; nil: nothing
	same   func(name string) string // what names have in common that are one; nil: nothing
	refuse func(path string) error  // may be nil
	kills  func(op, path string) bool
	killed *int
}

// as is the path that the server makes of one: of each element what is there already, or what becomes of it.
func (o odd) as(path string) string {
	if path == "" {
		return ""
	}
	dir := o.as(dest.Parent(path))
	name := manifest.Base(path)
	if o.is != nil {
		name = o.is(name)
	}
	if o.same == nil {
		return manifest.Join(dir, name)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if n, err := o.find(dir); err == nil {
		if n.children[name] != nil {
			return manifest.Join(dir, name)
		}
		for there := range n.children {
			if o.same(there) == o.same(name) {
				return manifest.Join(dir, there)
			}
		}
	}
	return manifest.Join(dir, name)
}

// denied is the server's answer to a request that makes a path.
func (o odd) denied(op, path string) error {
	if o.kills != nil && o.kills(op, path) {
		*o.killed++
		return fmt.Errorf("%s: %w", op, errCut)
	}
	if o.refuse == nil {
		return nil
	}
	return o.refuse(path)
}

func (o odd) List(ctx context.Context, dir string) ([]dest.Info, error) {
	return o.memory.List(ctx, o.as(dir))
}

func (o odd) Stat(ctx context.Context, p string) (dest.Info, error) {
	if o.refuse != nil && o.refuse(p) != nil {
		return dest.Info{}, o.refuse(p)
	}
	return o.memory.Stat(ctx, o.as(p))
}

func (o odd) Open(ctx context.Context, p string) (dest.File, error) {
	return o.memory.Open(ctx, o.as(p))
}

func (o odd) Create(ctx context.Context, p string, how dest.Create) (dest.WriteFile, error) {
	if err := o.denied("create", p); err != nil {
		return nil, err
	}
	return o.memory.Create(ctx, o.as(p), how)
}

func (o odd) Put(ctx context.Context, p string, c []byte, a dest.Attributes, sync bool) (bool, error) {
	if err := o.denied("put", p); err != nil {
		return false, err
	}
	return o.memory.Put(ctx, o.as(p), c, a, sync)
}

func (o odd) Copy(ctx context.Context, from, to string, size int64, a dest.Attributes, sync bool) (bool, error) {
	return o.memory.Copy(ctx, o.as(from), o.as(to), size, a, sync)
}

func (o odd) Mkdir(ctx context.Context, p string, permissions uint32) error {
	if err := o.denied("mkdir", p); err != nil {
		return err
	}
	return o.memory.Mkdir(ctx, o.as(p), permissions)
}

func (o odd) Rename(ctx context.Context, from, to string) error {
	if err := o.denied("rename", to); err != nil {
		return err
	}
	return o.memory.Rename(ctx, o.as(from), o.as(to))
}

func (o odd) Install(ctx context.Context, from, to string) (bool, error) {
	return o.memory.Install(ctx, o.as(from), o.as(to))
}

func (o odd) Symlink(ctx context.Context, target, p string) error {
	if err := o.denied("symlink", target); err != nil {
		return err
	}
	return o.memory.Symlink(ctx, target, o.as(p))
}

func (o odd) ReadLink(ctx context.Context, p string) (string, error) {
	text, err := o.memory.ReadLink(ctx, o.as(p))
	if err == nil {
		err = o.denied("readlink", text)
	}
	return text, err
}

func (o odd) SetAttributes(ctx context.Context, p string, a dest.Attributes) error {
	return o.memory.SetAttributes(ctx, o.as(p), a)
}
func (o odd) Remove(ctx context.Context, p string) error    { return o.memory.Remove(ctx, o.as(p)) }
func (o odd) RemoveDir(ctx context.Context, p string) error { return o.memory.RemoveDir(ctx, o.as(p)) }
func (o odd) SyncDir(ctx context.Context, p string) error   { return o.memory.SyncDir(ctx, o.as(p)) }
func (o odd) SyncDirAttributes(ctx context.Context, p string, a dest.Attributes) (bool, error) {
	return o.memory.SyncDirAttributes(ctx, o.as(p), a)
}
