// Package plugin knows the files of the plug-ins in hosting panels: what is in them, where they lie, and how they get there and away
// again. It must not know what the pages show.
//
// STATE-DIR/panel/NAME.json has the files of an installed plug-in with the checksums of what they had or are about to have, so that a
// run that was cut off is put right by the next one, and nothing is overwritten or deleted that somebody else made:
//
//	{"done": true, "forgotten": 1, "files": {"/path": ["sha256 in hex", ...]}}
package plugin

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"slotfs/cmd/internal/exit"
)

//go:embed files
var embedded embed.FS

// file is one file of a plug-in.
type file struct {
	from, to string // to is below the root, or for staged ones below the state directory
	mode     fs.FileMode
	staged   bool // the panel's own commands take it from there
	settings bool // the panel writes into it as well
}

// command is one of the panel's own.
type command struct {
	path string   // below the root
	args []string // STAGED stands for the directory of staged files
}

// Panel is a hosting panel.
type Panel struct {
	Name    string
	title   string
	present []string // files and directories of every installation, below the root
	files   []file
	install []command
	remove  []command
	Next    string // what is left to do for people
}

const (
	cpanelRoot      = "usr/local/cpanel/"
	jupiter         = cpanelRoot + "base/frontend/jupiter/"
	directAdminRoot = "usr/local/directadmin/plugins/"
)

// Panels are those that there are plug-ins for.
func Panels() []*Panel { return []*Panel{cpanel(), directAdmin()} }

// cpanel is cPanel & WHM: https://api.docs.cpanel.net/guides/guide-to-whm-plugins and guide-to-cpanel-plugins.
func cpanel() *Panel {
	return &Panel{Name: "cpanel", title: "cPanel & WHM", present: []string{cpanelRoot + "version", jupiter},
		files: []file{
			{from: "whm/slotfs.cgi", to: cpanelRoot + "whostmgr/docroot/cgi/slotfs/slotfs.cgi", mode: 0o755},
			{from: "slotfs.png", to: cpanelRoot + "whostmgr/docroot/addon_plugins/slotfs.png", mode: 0o644},
			{from: "cpanel/index.live.cgi", to: jupiter + "slotfs/index.live.cgi", mode: 0o755},
			{from: "cpanel/Slotfs.pm", to: cpanelRoot + "Cpanel/API/Slotfs.pm", mode: 0o644},
			{from: "cpanel/session.pm", to: "var/cpanel/perl/Cpanel/Admin/Modules/Slotfs/session.pm", mode: 0o700},
			{from: "whm/slotfs.conf", to: "slotfs.conf", mode: 0o644, staged: true},
			{from: "cpanel/install.json", to: "plugin/install.json", mode: 0o644, staged: true},
			{from: "slotfs.png", to: "plugin/slotfs.png", mode: 0o644, staged: true},
		},
		install: []command{
			{cpanelRoot + "bin/register_appconfig", []string{"STAGED/slotfs.conf"}},
			{cpanelRoot + "scripts/install_plugin", []string{"STAGED/plugin", "--theme=jupiter"}},
		},
		remove: []command{
			{cpanelRoot + "scripts/uninstall_plugin", []string{"STAGED/plugin", "--theme=jupiter"}},
			{cpanelRoot + "bin/unregister_appconfig", []string{"slotfs"}},
		},
		Next: "WHM has it under Plugins; accounts see it where Feature Manager grants the feature slotfs",
	}
}

// directAdmin is DirectAdmin: https://docs.directadmin.com/developer/plugins/structure.html.
func directAdmin() *Panel {
	p := &Panel{Name: "directadmin", title: "DirectAdmin", present: []string{"usr/local/directadmin/directadmin", directAdminRoot},
		Next: "users have it in their menu"}
	for name, mode := range map[string]fs.FileMode{"plugin.conf": 0o644, "user/index.html": 0o755, "user/page.raw": 0o755, "hooks/user_txt.html": 0o644,
		"scripts/install.sh": 0o755, "scripts/uninstall.sh": 0o755, "scripts/update.sh": 0o755} {
		p.files = append(p.files, file{from: "directadmin/" + name, to: directAdminRoot + "slotfs/" + name, mode: mode, settings: name == "plugin.conf"})
	}
	return p
}

// Place is where a plug-in is installed.
type Place struct {
	Root    string // "/", or where the panel's system is
	State   string // directory of our own
	Program string // this one
	Socket  string // the panel socket
	Control string // the control socket
	Version string
}

// plainPath is what may stand in a script without quotes.
var plainPath = regexp.MustCompile(`^/[A-Za-z0-9._/+-]+$`)

// render gives the text of a file.
func (p *Place) render(from string) ([]byte, error) {
	text, err := embedded.ReadFile("files/" + from)
	if err != nil || strings.HasSuffix(from, ".png") {
		return text, err
	}
	for _, path := range []string{p.Program, p.Socket, p.Control} {
		if !plainPath.MatchString(path) {
			return nil, exit.Usagef("panel: %s: a path that scripts of panels cannot have", path)
		}
	}
	version, _, _ := strings.Cut(p.Version, " ")
	return []byte(strings.NewReplacer("@SLOTFS@", p.Program, "@SOCKET@", p.Socket, "@CONTROL@", p.Control, "@VERSION@", version).Replace(string(text))), nil
}

// path is where a file lies.
func (p *Place) path(of *Panel, f *file) string {
	if f.staged {
		return filepath.Join(p.staged(of), f.to)
	}
	return filepath.Join(p.Root, f.to)
}

// staged is the directory of a panel's staged files.
func (p *Place) staged(of *Panel) string { return filepath.Join(p.State, of.Name) }

// Present says why a panel cannot have the plug-in; nil: it can.
func (p *Place) Present(of *Panel) error {
	for _, name := range of.present {
		_, err := os.Stat(filepath.Join(p.Root, name))
		if errors.Is(err, fs.ErrNotExist) {
			return exit.With(fmt.Errorf("panel %s: %s is not on this machine: %s: not there", of.Name, of.title, filepath.Join(p.Root, name)), exit.Usage,
				"run it where "+of.title+" is installed")
		}
		if err != nil {
			return fmt.Errorf("panel %s: %w", of.Name, err)
		}
	}
	return nil
}
