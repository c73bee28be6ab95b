package plugin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
)

// wanted is a file as it should be.
type wanted struct {
	path string
	text []byte
	mode fs.FileMode
	file *file
}

// Install puts a plug-in into a panel, and tells whether anything had to be done.
func (p *Place) Install(ctx context.Context, of *Panel) (changed bool, err error) {
	if err := p.Present(of); err != nil {
		return false, err
	}
	all, err := p.wanted(of)
	if err != nil {
		return false, err
	}
	r, err := p.record(of)
	if err != nil {
		return false, err
	}
	var due []*wanted
	for _, w := range all {
		is, err := w.there(r)
		if err != nil {
			return false, fmt.Errorf("panel %s: %w", of.Name, err)
		}
		if !is {
			due = append(due, w)
		}
	}
	if len(due) == 0 && r.Done {
		return false, nil
	}
	r.intend(all)
	if err := p.save(of, r); err != nil {
		return false, err
	}
	for _, w := range due {
		if err := w.put(); err != nil {
			return true, fmt.Errorf("panel %s: %w", of.Name, err)
		}
	}
	for _, c := range of.install {
		if err := p.run(ctx, of, c); err != nil {
			return true, err
		}
	}
	r.settle(all)
	return true, p.save(of, r)
}

// Remove takes a plug-in away, and tells whether anything was there and which files are kept because somebody changed them.
func (p *Place) Remove(ctx context.Context, of *Panel) (was bool, kept []string, err error) {
	r, err := p.record(of)
	if err != nil || len(r.Files) == 0 {
		return false, nil, err
	}
	r.Done = false
	if err := p.save(of, r); err != nil {
		return true, nil, err
	}
	if p.Present(of) == nil { // else nobody is left who should forget it
		for _, c := range of.remove[min(r.Forgotten, len(of.remove)):] {
			if err := p.run(ctx, of, c); err != nil {
				return true, nil, err
			}
			r.Forgotten++
			if err := p.save(of, r); err != nil {
				return true, nil, err
			}
		}
	}
	kept, err = p.removeFiles(of, r)
	if err == nil {
		err = os.RemoveAll(p.staged(of))
	}
	if err == nil {
		err = os.Remove(p.recordFile(of))
	}
	if err != nil {
		err = fmt.Errorf("panel %s: %w", of.Name, err)
	}
	return true, kept, err
}

// removeFiles removes the files of a plug-in, and tells which ones are kept because somebody changed them.
func (p *Place) removeFiles(of *Panel, r *record) (kept []string, err error) {
	for i := range of.files {
		f := &of.files[i]
		if f.staged {
			continue // they go with their directory
		}
		path := p.path(of, f)
		ours, err := r.ours(path, f)
		if err == nil && ours {
			err = os.Remove(path)
		}
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return kept, err
		case !ours:
			kept = append(kept, path)
			continue
		}
		removeEmpty(filepath.Dir(path))
	}
	return kept, nil
}

// removeEmpty removes a directory of ours and those above it that are ours, while there is nothing in them.
func removeEmpty(dir string) {
	ours := func(dir string) bool {
		return slices.ContainsFunc(strings.Split(dir, "/"), func(name string) bool { return strings.EqualFold(name, "slotfs") })
	}
	for ours(dir) && os.Remove(dir) == nil {
		dir = filepath.Dir(dir)
	}
}

// wanted are all files of a plug-in.
func (p *Place) wanted(of *Panel) ([]*wanted, error) {
	var all []*wanted
	for i := range of.files {
		f := &of.files[i]
		text, err := p.render(f.from)
		if err != nil {
			return nil, err
		}
		all = append(all, &wanted{p.path(of, f), text, f.mode, f})
	}
	return all, nil
}

// there reports whether a file is as it should be. One that somebody else made is an error.
func (w *wanted) there(r *record) (bool, error) {
	ours, err := r.ours(w.path, w.file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	text, err := os.ReadFile(w.path)
	if err != nil {
		return false, err
	}
	info, err := os.Stat(w.path)
	if err != nil {
		return false, err
	}
	if bytes.Equal(text, w.text) {
		return info.Mode().Perm() == w.mode, nil
	}
	if !ours {
		return false, exit.Hinted(fmt.Errorf("%s: it is there already, and is not what slotfs made", w.path), "move it away")
	}
	return false, nil
}

// put writes a file. Panels read as other users, so modes do not depend on the umask.
func (w *wanted) put() error {
	dir := filepath.Dir(w.path)
	if err := makeDirectory(dir); err != nil {
		return err
	}
	if err := config.WriteFile(w.path, w.text); err != nil {
		return err
	}
	return os.Chmod(w.path, w.mode)
}

// makeDirectory makes a directory that everybody may read, and those above it.
func makeDirectory(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := makeDirectory(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	return os.Chmod(dir, 0o755)
}

// run has a command of the panel do its part. What it creates everybody may read.
func (p *Place) run(ctx context.Context, of *Panel, c command) error {
	args := []string{"-c", `umask 022 && exec "$0" "$@"`, filepath.Join(p.Root, c.path)}
	for _, a := range c.args {
		args = append(args, strings.Replace(a, "STAGED", p.staged(of), 1))
	}
	cmd := exec.CommandContext(ctx, "/bin/sh", args...)
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	said := strings.TrimSpace(string(out))
	if len(said) > 500 {
		said = said[len(said)-500:]
	}
	return exit.Hinted(fmt.Errorf("panel %s: %s: %w: %q", of.Name, c.path, err, said), "mend what it says, and run this again: what is done already stays")
}
