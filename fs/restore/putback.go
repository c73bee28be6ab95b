package restore

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// putBack is the way back from a restore.
type putBack struct {
	*keeper     // of what is there at present
	old     int // the directory of what was kept
	name    string
	summary Summary
	failed  func(path string, err error)
}

// PutBack undoes a restore that kept what it replaced in the directory kept of the home: what it made is moved away, what it replaced
// comes back. What was there at present is kept by k in turn, so that this can be undone as well. It needs the rights of the owner of
// the home and follows no links below it.
func PutBack(ctx context.Context, kept string, k Keep, failed func(path string, err error)) (Summary, error) {
	keep, err := newKeeper(&k)
	if err != nil {
		return Summary{}, err
	}
	defer keep.close()
	p := &putBack{keeper: keep, name: kept, failed: failed}
	if p.old, err = openDirectory(keep.home, kept); err != nil {
		return Summary{}, target("open "+kept, err)
	}
	defer unix.Close(p.old)
	if err := p.unmake(ctx); err != nil {
		return p.summary, err
	}
	if err := p.directory(ctx, p.old, keep.home, ""); err != nil {
		return p.summary, err
	}
	if p.summary.Failed == 0 {
		_ = Discard(k.Home, path.Join(kept, stageName)) // what a restore left there that did not get as far as to use it
		_ = unix.Unlinkat(p.old, madeName, 0)
		_ = unix.Unlinkat(keep.home, kept, unix.AT_REMOVEDIR)
	}
	return p.summary, nil
}

func (p *putBack) fail(path string, err error) {
	p.summary.Failed++
	if p.failed != nil {
		p.failed(path, err)
	}
}

// maxMade bounds how many directories are remembered that were made.
const maxMade = 1 << 20

// unmake takes back what the restore did where it replaced nothing.
func (p *putBack) unmake(ctx context.Context) error {
	missed := map[string]int{} // what was not made after all, and how often
	err := p.notes(ctx, func(m mark, text string) {
		if m == notMade && len(missed) < maxMade {
			missed[text]++
		}
	})
	if err != nil {
		return err
	}
	var directories []string
	err = p.notes(ctx, func(m mark, text string) {
		switch m {
		case made:
			if missed[text] > 0 {
				missed[text]--
			} else if at, ok := p.path(text); ok && p.unmakeOne(at) && len(directories) < maxMade {
				directories = append(directories, at)
			}
		case swapped:
			p.swapBack(text)
		case added:
			at, line, _ := strings.Cut(text, "\n")
			if at, ok := p.path(at); ok {
				p.unline(at, line)
			}
		}
	})
	for _, at := range slices.Backward(directories) {
		p.removeDirectory(at)
	}
	return err
}

// notes hands the notes of the restore to yield.
func (p *putBack) notes(ctx context.Context, yield func(m mark, text string)) error {
	fd, err := unix.Openat(p.old, madeName, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return target("open "+madeName, err)
	}
	file := os.NewFile(uintptr(fd), madeName)
	defer file.Close()
	for lines := bufio.NewReaderSize(file, maxNote); ; {
		line, err := lines.ReadSlice(0)
		if errors.Is(err, io.EOF) {
			return nil // a last note without its end was not followed by anything
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if len(line) > 1 {
			yield(mark(line[0]), string(line[1:len(line)-1]))
		}
	}
}

// maxNote bounds a note.
const maxNote = 4 * unix.PathMax

// path is that of a note, which is the home's owner's.
func (p *putBack) path(at string) (string, bool) {
	if !filepath.IsLocal(at) || path.Clean(at) != at {
		p.fail(at, errName)
		return "", false
	}
	return at, true
}

// unmakeOne moves one file away, or tells that it is a directory.
func (p *putBack) unmakeOne(at string) (directory bool) {
	dir, name := path.Split(at)
	fd, err := openWay(p.home, false, strings.TrimSuffix(dir, "/"))
	if errors.Is(err, unix.ENOENT) {
		return false // it is gone already
	}
	var st unix.Stat_t
	if err == nil {
		defer unix.Close(fd)
		err = unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	}
	switch {
	case errors.Is(err, unix.ENOENT):
		return false
	case err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR:
		return true
	case err == nil:
		err = p.saveAt(fd, strings.TrimSuffix(dir, "/"), name, true)
	}
	if err != nil {
		p.fail(at, err)
		return false
	}
	p.summary.Files++
	return false
}

// removeDirectory removes a directory that was made, if nothing else has come into it.
func (p *putBack) removeDirectory(at string) {
	dir, name := path.Split(at)
	fd, err := openWay(p.home, false, strings.TrimSuffix(dir, "/"))
	if err != nil {
		return
	}
	defer unix.Close(fd)
	if unix.Unlinkat(fd, name, unix.AT_REMOVEDIR) == nil {
		p.summary.Directories++
	}
}

// directory moves back what is in a directory of what was kept.
func (p *putBack) directory(ctx context.Context, from, to int, at string) error {
	again, err := openDirectory(from, ".")
	if err != nil {
		return target("open directory", err)
	}
	list := os.NewFile(uintptr(again), at)
	names, err := list.Readdirnames(-1)
	list.Close()
	if err != nil {
		return target("list directory", err)
	}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		if at == "" && (name == madeName || name == stageName) {
			continue
		}
		if err := p.one(ctx, from, to, at, name); err != nil {
			p.fail(below(at, name), err)
		}
	}
	return nil
}

// one moves one thing back.
func (p *putBack) one(ctx context.Context, from, to int, at, name string) error {
	var old, now unix.Stat_t
	if err := unix.Fstatat(from, name, &old, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	err := unix.Fstatat(to, name, &now, unix.AT_SYMLINK_NOFOLLOW)
	isDir := func(st *unix.Stat_t) bool { return st.Mode&unix.S_IFMT == unix.S_IFDIR }
	switch {
	case errors.Is(err, unix.ENOENT) && isDir(&old):
		return p.swap(from, name, at, name)
	case errors.Is(err, unix.ENOENT):
		if err := p.note(made, below(at, name)); err != nil {
			return err
		}
	case err != nil:
		return err
	case isDir(&old) && isDir(&now):
		return p.into(ctx, from, to, at, name)
	case isDir(&now) && unix.Unlinkat(to, name, unix.AT_REMOVEDIR) == nil: // what was in it is kept
	default:
		if err := p.saveAt(to, at, name, true); err != nil {
			return err
		}
	}
	if err := unix.Renameat2(from, name, to, name, unix.RENAME_NOREPLACE); err != nil {
		return err
	}
	p.summary.Replace++
	return nil
}

// into goes on with a directory that is in both places.
func (p *putBack) into(ctx context.Context, from, to int, at, name string) error {
	inner, err := openDirectory(from, name)
	if err != nil {
		return err
	}
	defer unix.Close(inner)
	outer, err := openDirectory(to, name)
	if err != nil {
		return err
	}
	defer unix.Close(outer)
	if err := p.directory(ctx, inner, outer, below(at, name)); err != nil {
		return err
	}
	_ = unix.Unlinkat(from, name, unix.AT_REMOVEDIR) // what is left in it has failed
	return nil
}
