package restore

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"slotfs/indexer/backup"
)

// stageName is the directory of a Keep in which a directory is restored that takes the place of another one as a whole.
const stageName = ".slotfs-new"

// ErrIncomplete says that a directory did not take the place of another one, because not all of it could be restored.
var ErrIncomplete = errors.New("not all of it could be restored: what is there stays as it is")

// RunWhole restores a directory, which takes the place of the one that is there at one instant. Nothing of what is there stays but in the
// Keep, and nothing is replaced unless all was restored.
func RunWhole(ctx context.Context, root Root, o Options) (Summary, error) {
	if root.Name == "" || root.Entry.Mode&backup.ModeType != backup.ModeDir {
		return Summary{}, fmt.Errorf("%s: %w", root.Path, ErrNoDirectory)
	}
	keep := o.Keep
	o.Overwrite, o.Maildir, o.Keep = false, false, nil
	if o.Rehearse {
		o.Place = &Place{Dir: keep.Below, Made: true, fd: absent}
		return Run(ctx, []Root{root}, o)
	}
	k, err := newKeeper(keep)
	if err != nil {
		return Summary{}, err
	}
	defer k.close()
	stage, err := openWay(k.dir, true, stageName)
	if err != nil {
		return Summary{}, target("make staging directory", err)
	}
	defer unix.Close(stage)
	inner, err := openDirectory(stage, ".")
	if err != nil {
		return Summary{}, target("open staging directory", err)
	}
	o.Place = &Place{Dir: keep.Below, fd: inner}
	s, err := Run(ctx, []Root{root}, o)
	if err == nil && s.Failed > 0 {
		err = ErrIncomplete
	}
	if err == nil {
		err = k.swap(stage, root.Name, keep.Below, root.Name)
	}
	clean := Discard(keep.Home, path.Join(keep.Name, stageName))
	return s, errors.Join(err, clean)
}

// swap puts the directory that is called name in a handle into the place of what is called as in the directory at of the home, which is
// kept. The place has the one or the other at every instant.
func (k *keeper) swap(from int, name, at, as string) error {
	up, err := k.parents(at)
	if err != nil {
		return target("open directory", err)
	}
	defer unix.Close(up)
	var live unix.Stat_t
	err = unix.Fstatat(up, as, &live, unix.AT_SYMLINK_NOFOLLOW)
	there := err == nil
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return target("look for it", err)
	}
	if err := k.note(swapped, swapNote(live.Dev, live.Ino, below(at, as))); err != nil {
		return err
	}
	if !there {
		return target("rename", unix.Renameat2(from, name, up, as, unix.RENAME_NOREPLACE))
	}
	if err := unix.Renameat2(from, name, up, as, unix.RENAME_EXCHANGE); err != nil {
		return target("exchange directories", err)
	}
	return k.saveAt(from, at, name, true)
}

// swapNote says what has the place that a directory takes.
func swapNote(dev, ino uint64, at string) string { return fmt.Sprintf("%d:%d:%s", dev, ino, at) }

// parents opens a directory of the home, and makes what is missing of the way to it.
func (k *keeper) parents(at string) (int, error) {
	fd, err := openWay(k.home, false, at)
	if !errors.Is(err, unix.ENOENT) {
		return fd, err
	}
	done := ""
	for _, name := range strings.Split(at, "/") {
		up, err := openWay(k.home, false, done)
		if err != nil {
			return absent, err
		}
		done = below(done, name)
		var st unix.Stat_t
		if err = unix.Fstatat(up, name, &st, unix.AT_SYMLINK_NOFOLLOW); errors.Is(err, unix.ENOENT) {
			if err = k.note(made, done); err == nil {
				err = unix.Mkdirat(up, name, 0o750)
			}
		}
		unix.Close(up)
		if err != nil {
			return absent, err
		}
	}
	return openWay(k.home, false, at)
}

// errLostOld says that what was swapped is not where it was kept.
var errLostOld = errors.New("what was there before is not kept any more")

// swapBack puts a directory back that another one took the place of, as a note of that says.
func (p *putBack) swapBack(note string) {
	var dev, ino uint64
	device, rest, _ := strings.Cut(note, ":")
	number, at, _ := strings.Cut(rest, ":")
	_, err := fmt.Sscan(device+" "+number, &dev, &ino)
	at, ok := p.path(at)
	if err == nil && ok {
		err = p.swapBackTo(at, dev, ino)
	}
	if err != nil {
		p.fail(at, err)
	}
}

func (p *putBack) swapBackTo(at string, dev, ino uint64) error {
	dir, name := path.Split(at)
	dir = strings.TrimSuffix(dir, "/")
	up, err := openWay(p.home, false, dir)
	if errors.Is(err, unix.ENOENT) && ino == 0 {
		return nil
	}
	var live unix.Stat_t
	if err == nil {
		defer unix.Close(up)
		err = unix.Fstatat(up, name, &live, unix.AT_SYMLINK_NOFOLLOW)
	}
	gone := errors.Is(err, unix.ENOENT)
	switch {
	case err != nil && !gone:
		return err
	case ino == 0 && gone:
		return nil
	case ino == 0: // there was nothing
		err := p.saveAt(up, dir, name, true)
		if err == nil {
			p.summary.Directories++
		}
		return err
	case !gone && live.Dev == dev && live.Ino == ino:
		return nil // it did not get as far
	}
	for _, kept := range []string{dir, stageName} {
		from, err := openWay(p.old, false, kept)
		if err != nil {
			continue
		}
		defer unix.Close(from)
		var old unix.Stat_t
		if unix.Fstatat(from, name, &old, unix.AT_SYMLINK_NOFOLLOW) == nil && old.Dev == dev && old.Ino == ino {
			p.summary.Replace++
			return p.swap(from, name, dir, name)
		}
	}
	return errLostOld
}
