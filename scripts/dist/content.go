package main

import (
	"bytes"
	"compress/gzip"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// item is one file of a package.
type item struct {
	from string // file on this machine, or target of a link
	to   string
	mode os.FileMode
	kind string // as the package writer has it: "", "symlink", "dir", configuration
}

// configuration is what an upgrade leaves as the administrator wants it.
const configuration = "config|noreplace"

// content lists what a package installs. What has to be made first is put into work.
func (r *release) content(binary, notices, work string) ([]item, error) {
	const doc = "/usr/share/doc/slotfs/"
	items := []item{
		{binary, "/usr/bin/slotfs", 0o755, ""},
		{"/usr/bin/slotfs", "/usr/sbin/mount.slotfs", 0o777, "symlink"},
		{"/usr/bin/slotfs", "/usr/sbin/mount.fuse.slotfs", 0o777, "symlink"},
		{"", "/etc/slotfs", 0o755, "dir"},
		{r.file("scripts/dist/slotfs.toml"), "/etc/slotfs/slotfs.toml", 0o600, configuration},
		{r.file("scripts/dist/logrotate"), "/etc/logrotate.d/slotfs", 0o644, configuration},
		{"", "/var/lib/slotfs", 0o700, "dir"},
		{r.file("README.md"), doc + "README.md", 0o644, ""},
		{r.file("CHANGELOG.md"), doc + "CHANGELOG.md", 0o644, ""},
		{notices, doc + "copyright", 0o644, ""},
	}
	units, err := filepath.Glob(r.file("scripts/systemd/*"))
	if err != nil {
		return nil, err
	}
	for _, unit := range units {
		made := filepath.Join(work, filepath.Base(unit))
		text, err := os.ReadFile(unit)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(made, bytes.ReplaceAll(text, []byte("@PREFIX@"), []byte("/usr")), 0o644); err != nil {
			return nil, err
		}
		items = append(items, item{made, "/usr/lib/systemd/system/" + filepath.Base(unit), 0o644, ""})
	}
	for pattern, to := range map[string]string{"docs/man/*.1": "/usr/share/man/man1/", "docs/man/*.5": "/usr/share/man/man5/"} {
		pages, err := filepath.Glob(r.file(pattern))
		if err != nil {
			return nil, err
		}
		for _, page := range pages {
			made := filepath.Join(work, filepath.Base(page)+".gz")
			if err := compress(page, made); err != nil {
				return nil, err
			}
			items = append(items, item{made, to + filepath.Base(made), 0o644, ""})
		}
	}
	manuals, err := filepath.Glob(r.file("docs/*.md"))
	if err != nil {
		return nil, err
	}
	for _, page := range manuals {
		items = append(items, item{page, doc + "docs/" + filepath.Base(page), 0o644, ""})
	}
	plugins, err := r.plugins(work)
	return slices.Concat(items, r.completions(), plugins), err
}

// plugins are the files for hosting panels, as `slotfs panel install` writes them where everything is in its usual place.
func (r *release) plugins(work string) (items []item, err error) {
	const below = "cmd/internal/panel/plugin/files"
	usual := strings.NewReplacer("@SLOTFS@", "/usr/bin/slotfs", "@SOCKET@", "/run/slotfs/panel.sock", "@CONTROL@", "/var/lib/slotfs/control.sock", "@VERSION@", r.version)
	err = filepath.WalkDir(r.file(below), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path, r.file(below)+"/")
		mode := os.FileMode(0o644)
		if bytes.HasPrefix(text, []byte("#!")) {
			mode = 0o755
		}
		if filepath.Ext(name) != ".png" {
			text = []byte(usual.Replace(string(text)))
		}
		made := filepath.Join(work, "panel-"+strings.ReplaceAll(name, "/", "-"))
		items = append(items, item{made, "/usr/share/slotfs/panel/" + name, mode, ""})
		return os.WriteFile(made, text, mode)
	})
	return items, err
}

func (r *release) completions() []item {
	dir := "cmd/slotfs/completion/"
	return []item{
		{r.file(dir + "slotfs.bash"), "/usr/share/bash-completion/completions/slotfs", 0o644, ""},
		{r.file(dir + "slotfs.zsh"), "/usr/share/zsh/site-functions/_slotfs", 0o644, ""},
		{r.file(dir + "slotfs.zsh"), "/usr/share/zsh/vendor-completions/_slotfs", 0o644, ""},
		{r.file(dir + "slotfs.fish"), "/usr/share/fish/vendor_completions.d/slotfs.fish", 0o644, ""},
	}
}

// file is a file of the checkout.
func (r *release) file(name string) string { return filepath.Join(r.source, filepath.FromSlash(name)) }

// compress writes a gzip file whose header has no time and no name.
func compress(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(text); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(to, b.Bytes(), 0o644)
}

// tarName is the name of an item in the tarball, which installs nothing by itself: everything lies below one directory.
func (r *release) tarName(to string) string {
	return "slotfs-" + r.version + "/" + strings.TrimPrefix(to, "/")
}
