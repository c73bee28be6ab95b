package upload

import (
	"context"
	"io"

	"slotfs/indexer/backup"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/plan"
	"slotfs/sftpdest/slot/source"
)

// readAgain is how often a file is read again that changed while it was read.
const readAgain = 2

// Read reads a file until it holds still, and enters into the action what was read. A large file is on the server then; a small one is
// in memory. A file that never holds still is taken as it was read last, and flagged.
func (u *Uploader) Read(ctx context.Context, a *plan.Action) (*Content, error) {
	for try := 0; ; try++ {
		c, err := u.readOnce(ctx, a, try == readAgain)
		if err != nil {
			c.Release()
			return nil, err
		}
		if !c.Stable && try == readAgain {
			a.Entry.Flags |= manifest.Changed
			u.counts.Changed.Add(1)
		}
		if c.Stable || try == readAgain {
			return c, nil
		}
		c.Release()
	}
}

// readOnce reads the file once. With last, what was read is taken even if the file changed meanwhile.
func (u *Uploader) readOnce(ctx context.Context, a *plan.Action, last bool) (*Content, error) {
	c := &Content{}
	now := u.o.Now().UnixNano()
	f, err := u.src.OpenFile(a.Entry.Path, &a.Entry)
	if err != nil {
		return c, sourceError(err)
	}
	defer f.Close()
	source.FlagRacy(&a.Entry, now)
	if a.Entry.Size <= u.o.Small {
		return c, u.readSmall(ctx, a, f, c, last)
	}
	return c, u.readLarge(ctx, a, f, c, last)
}

// readSmall reads a file into memory.
func (u *Uploader) readSmall(ctx context.Context, a *plan.Action, f *source.File, c *Content, last bool) (err error) {
	size := a.Entry.Size
	if c.release, err = u.s.AcquireMemory(ctx, size); err != nil {
		return err
	}
	content := make([]byte, size)
	n, err := f.ReadAt(content, 0)
	if err != nil && err != io.EOF {
		return sourceError(err)
	}
	c.text, c.sent = content[:n], int64(n)
	if c.Stable, err = u.checkUnchanged(f, a, int64(n), last); err != nil || !c.Stable && !last {
		return err
	}
	sum := backup.NewSummer(int64(n))
	_, _ = sum.Write(c.text)
	a.Entry.Digest = manifest.DigestOf(sum, int64(n))
	c.Same = hasContent(a, a.Entry.Hash)
	return nil
}
