package main

import (
	"cmp"
	"fmt"
	"strings"

	"slotfs/cmd/internal/service/browse"
	"slotfs/cmd/internal/term"
	"slotfs/indexer/backup"
)

// diffJSON is a difference as --json shows it.
type diffJSON struct {
	Path    string        `json:"path"`
	PathB64 string        `json:"path_base64,omitempty"` // where the path is not UTF-8
	Change  string        `json:"change"`                // added, removed, changed
	What    []string      `json:"what,omitempty"`
	Old     *diffSideJSON `json:"old,omitempty"`
	New     *diffSideJSON `json:"new,omitempty"`
}

type diffSideJSON struct {
	Type      string      `json:"type"`
	Mode      string      `json:"mode"` // octal
	UID       uint32      `json:"uid"`
	GID       uint32      `json:"gid"`
	Size      int64       `json:"size"`
	MTime     backup.Time `json:"mtime"`
	Target    string      `json:"target,omitempty"`
	TargetB64 string      `json:"target_base64,omitempty"`
}

func newDiffJSON(c browse.Change) diffJSON {
	j := diffJSON{Change: "changed", What: c.What, Old: newDiffSide(c.Old), New: newDiffSide(c.New)}
	j.Path, j.PathB64 = term.Text(string(c.Path))
	switch {
	case c.Old == nil:
		j.Change = "added"
	case c.New == nil:
		j.Change = "removed"
	}
	return j
}

func newDiffSide(s *browse.Side) *diffSideJSON {
	if s == nil {
		return nil
	}
	j := &diffSideJSON{Type: s.Type, Mode: fmt.Sprintf("%04o", s.Mode), UID: s.UID, GID: s.GID, Size: s.Size, MTime: s.MTime}
	j.Target, j.TargetB64 = term.Text(string(s.Target))
	return j
}

// diffLine puts a difference into one line.
func diffLine(c browse.Change) string {
	mark, side := "~", c.New
	switch {
	case c.Old == nil:
		mark = "+"
	case c.New == nil:
		mark, side = "-", c.Old
	}
	name := cmp.Or(term.Escape(string(c.Path)), ".")
	if side.Type == "directory" {
		name += "/"
	}
	line := mark + " " + name
	if mark == "~" {
		var words []string
		for _, word := range c.What {
			words = append(words, diffWord(word, c.Old, c.New))
		}
		line += "  (" + strings.Join(words, ", ") + ")"
	}
	return line
}

// diffWord tells one way in which two things differ, with what it was and what it is.
func diffWord(word string, old, new *browse.Side) string {
	switch {
	case word == "type":
		return fmt.Sprintf("type %s -> %s", old.Type, new.Type)
	case word == "content" && old.Size != new.Size:
		return fmt.Sprintf("content %d -> %d bytes", old.Size, new.Size)
	case word == "mode":
		return fmt.Sprintf("mode %04o -> %04o", old.Mode, new.Mode)
	case word == "owner":
		return fmt.Sprintf("owner %d:%d -> %d:%d", old.UID, old.GID, new.UID, new.GID)
	case word == "target":
		return fmt.Sprintf("target %s -> %s", term.Escape(string(old.Target)), term.Escape(string(new.Target)))
	}
	return word
}
