package main

import (
	"cmp"
	"fmt"
	"os"
	"strconv"

	"slotfs/cmd/internal/service/browse"
	"slotfs/cmd/internal/term"
	"slotfs/indexer/backup"
)

// shown is one thing that the mount shows.
type shown struct {
	Name      string      `json:"name"`
	NameB64   string      `json:"name_base64,omitempty"` // where the name is not UTF-8
	Type      string      `json:"type"`
	Size      int64       `json:"size"`
	Mode      string      `json:"mode"` // permission bits, octal
	UID       uint32      `json:"uid"`
	GID       uint32      `json:"gid"`
	MTime     backup.Time `json:"mtime"`
	Target    string      `json:"target,omitempty"`
	TargetB64 string      `json:"target_base64,omitempty"`

	mode uint32
}

// coded is s for JSON, with the bytes of what is not UTF-8.
func (s shown) coded() shown {
	s.Name, s.NameB64 = term.Text(s.Name)
	s.Target, s.TargetB64 = term.Text(s.Target)
	return s
}

// shownNode is what people see of a node.
func shownNode(n *browse.Node) shown {
	return shown{Name: n.Name, Type: browse.TypeName(n.Attr.Mode), Size: n.Attr.Size, mode: n.Attr.Mode,
		Mode: fmt.Sprintf("%04o", n.Attr.Mode&backup.ModePerm), UID: n.Attr.UID, GID: n.Attr.GID,
		MTime: n.Attr.MTime, Target: n.Target}
}

// modeString is the mode as ls -l shows it.
func modeString(mode uint32) string {
	m := os.FileMode(mode & 0o777)
	text := m.String()[1:]
	letter := map[uint32]string{backup.ModeDir: "d", backup.ModeRegular: "-", backup.ModeSymlink: "l", backup.ModeFIFO: "p",
		backup.ModeSocket: "s"}[mode&backup.ModeType]
	return cmp.Or(letter, "?") + text
}

// columns is a line of `ls -l`.
func (s *shown) columns() []string {
	name := term.Escape(s.Name)
	if s.Target != "" {
		name += " -> " + term.Escape(s.Target)
	}
	return []string{modeString(s.mode), strconv.FormatUint(uint64(s.UID), 10), strconv.FormatUint(uint64(s.GID), 10),
		strconv.FormatInt(s.Size, 10), s.MTime.Std().Local().Format("2006-01-02 15:04"), name}
}
