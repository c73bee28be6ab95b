package config

import (
	"fmt"
	"path/filepath"
)

// Panel is the [panel] table: where users of this machine, and the pages of hosting panels, ask for the backups of their own accounts.
//
//	[panel]
//	socket = "/run/slotfs/panel.sock"
type Panel struct {
	Socket string // empty: nowhere
}

// DefaultPanelSocket is where the files of `slotfs panel install` expect the socket. The state directory is root's alone, so that no
// user gets at a socket in there.
const DefaultPanelSocket = "/run/slotfs/panel.sock"

// maxSocketPath is how long the path of a Unix socket may be (unix(7)).
const maxSocketPath = 107

// panelTable is the table as it stands in the file.
type panelTable struct {
	Socket string `toml:"socket"`
}

// panel checks. With an error comes the key that it is about.
func (t *panelTable) panel() (p Panel, key string, err error) {
	if t == nil {
		return p, "", nil
	}
	if s := t.Socket; s != "" && (!filepath.IsAbs(s) || unfit(s) || len(s) > maxSocketPath || filepath.Clean(s) != s) {
		return p, "socket", fmt.Errorf("socket %q: want an absolute path of at most %d bytes, like %s", s, maxSocketPath, DefaultPanelSocket)
	}
	return Panel{Socket: t.Socket}, "", nil
}

// AddPanel returns the document with a [panel] table appended, and as it is where it has one.
func AddPanel(path string, data []byte, socket string, engines []string) ([]byte, error) {
	c, err := Parse(path, data, engines)
	if err != nil || c.Panel.Socket != "" {
		return data, err
	}
	out := withTable(data, fmt.Sprintf("[panel]\nsocket = %s\n", quote(socket)))
	if _, err := Parse(path, out, engines); err != nil {
		return nil, fmt.Errorf("panel: %w", errByHand)
	}
	return out, nil
}
