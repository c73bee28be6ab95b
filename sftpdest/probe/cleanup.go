package probe

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"slices"
	"time"

	"slotfs/indexer/dest"
	"slotfs/sftpdest"
)

// cleanupTime bounds how long files are removed, also when the caller does not wait any more.
const cleanupTime = 30 * time.Second

// file makes one more file of the probe's own.
func (p *probe) file(ctx context.Context, d *sftpdest.Destination) (dest.WriteFile, error) {
	name := ".slotfs-test-" + rand.Text()[:12]
	p.made = append(p.made, name) // it may be there though nobody waited for the answer
	return d.Create(ctx, name, dest.Create{})
}

// clean removes the probe's files, also when its caller does not wait any more. What the server was asked to make may come
// late then: it looks again.
func (p *probe) clean(ctx context.Context) error {
	if len(p.made) == 0 {
		return nil
	}
	p.one.Close() // the server may allow no other connection beside them
	p.many.Close()
	p.freed = time.Now()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	d, err := sftpdest.New(p.settings, p.options)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := p.settled(ctx, func() error { return d.Connect(ctx) }); err != nil {
		return err
	}
	for left := p.made; len(left) > 0; {
		var denied error // a login that may only read is told so also of what is not there
		for _, name := range left {
			err := d.Remove(ctx, name)
			if errors.Is(err, fs.ErrPermission) {
				denied = err
			} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		names, err := d.List(ctx, "")
		if err != nil {
			return err
		}
		left = nil
		for _, info := range names {
			if slices.Contains(p.made, info.Name) {
				left = append(left, info.Name)
			}
		}
		if len(left) > 0 && denied != nil {
			return denied
		}
	}
	return nil
}
