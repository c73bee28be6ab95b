package slot

import (
	"context"
	"errors"

	"slotfs/indexer/dest"
)

// symlink makes a symbolic link where the server can; the manifest has its text in any case. No text is read back: there are
// servers that do not survive the reading of a long one.
func (j *job) symlink(ctx context.Context, s *step) error {
	l, err := j.linker(ctx)
	if err == nil && l != nil {
		err = j.makeLink(ctx, l, s)
	}
	switch {
	case err != nil && (ctx.Err() != nil || errors.Is(err, dest.ErrUnreachable)):
		return err
	case err != nil:
		j.o.Log.Debug("make link", "path", s.entry.Path, "error", err)
	case l != nil:
		return nil
	}
	if s.have == file { // what is there is something else
		j.lose(s.at, false)
		j.touch(s.in)
	}
	return nil
}

func (j *job) makeLink(ctx context.Context, l dest.Symlinker, s *step) error {
	var temp string
	err := again(ctx, func() error {
		temp = j.temp(j.slot)
		return l.Symlink(ctx, s.entry.Target, temp)
	})
	if err != nil {
		return err
	}
	j.touch(s.in)
	return j.move(ctx, temp, s.target())
}

// linker is what makes symbolic links; nil where the server cannot. Some servers take the two names in the other order, or make
// targets absolute: that is looked for once.
func (j *job) linker(ctx context.Context) (dest.Symlinker, error) {
	l, ok := j.Store.(dest.Symlinker)
	if !ok || j.noLinks.Load() {
		return nil, nil
	}
	j.linking.Lock()
	defer j.linking.Unlock()
	if j.linked {
		return l, nil
	}
	var temp, text string
	const target = "a/b"
	err := again(ctx, func() error {
		temp = j.temp(j.slot)
		return l.Symlink(ctx, target, temp)
	})
	if err == nil {
		err = again(ctx, func() (err error) {
			text, err = j.ReadLink(ctx, temp)
			return err
		})
	}
	switch {
	case err != nil && (ctx.Err() != nil || errors.Is(err, dest.ErrUnreachable)):
		return nil, err
	case err != nil || text != target:
		j.noLinks.Store(true)
		j.o.Log.Debug("the server makes no symbolic links", "text", text, "error", err)
		return nil, nil
	}
	j.linked = true
	return l, nil
}
