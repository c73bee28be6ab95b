package slots

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/indexer/engine"
	"slotfs/indexer/manifest"
)

// maxSlot is the highest number of a slot: a retention of 999, and a spare one.
const maxSlot = 1000

// Depths of the layout, in elements of a path.
const (
	depthAccount = 2
	depthSlot    = 3
	depthArchive = 4
)

// Detect implements engine.Engine. It goes by names and types at fixed depths, so that nothing below data/ can pass for
// a slot.
func (e *Engine) Detect(dir engine.Dir) engine.Detected {
	switch elements := split(dir.Path); len(elements) {
	case depthAccount:
		return engine.Detected{Descend: directories(dir.Entries, isSlot)}
	case depthSlot:
		return lookSlot(dir, elements)
	case depthArchive:
		return lookArchive(dir, elements)
	default:
		if len(elements) > depthArchive {
			return engine.Detected{}
		}
		return engine.Detected{Descend: directories(dir.Entries, isVisible)}
	}
}

// lookSlot looks at one slot. A compressed one is recognised by its archive, one directory below.
func lookSlot(dir engine.Dir, elements []string) engine.Detected {
	state, ok := findState(dir.Entries)
	if !ok || !isSlot(elements[2]) {
		return engine.Detected{}
	}
	var found engine.Detected
	if data, ok := find(dir.Entries, nameData, backup.ModeDir); ok {
		s := newSource(elements, backup.Slot, state)
		s.Files = []backup.File{
			{Path: path.Join(dir.Path, nameData), MTime: data.MTime},
			{Path: path.Join(dir.Path, state.Name), Size: state.Size, MTime: state.MTime},
		}
		// What listings say of data/ changes while it is written and means nothing afterwards.
		s.Fingerprint = fingerprint(s.Kind, dir.Entries, nil)
		found.Sources = []backup.Source{s}
	}
	if _, ok := find(dir.Entries, nameArchive, backup.ModeDir); ok {
		found.Descend = []string{nameArchive}
	}
	return found
}

// lookArchive looks at the directory of a compressed slot's archive.
func lookArchive(dir engine.Dir, elements []string) engine.Detected {
	state, ok := findState(dir.Siblings)
	if !ok || !isSlot(elements[2]) || elements[3] != nameArchive {
		return engine.Detected{}
	}
	var found engine.Detected
	for i := range dir.Entries {
		info := &dir.Entries[i]
		if info.Mode&backup.ModeType != backup.ModeRegular || !validName(info.Name) || !strings.HasSuffix(info.Name, ".tar.gz") {
			continue
		}
		s := newSource(elements, backup.TarGzip, state)
		s.Files = []backup.File{{Path: path.Join(dir.Path, info.Name), Size: info.Size, MTime: info.MTime}}
		s.Fingerprint = fingerprint(s.Kind, dir.Siblings, info)
		found.Sources = append(found.Sources, s)
	}
	return found
}

// newSource makes the source of a slot; until its state is read the time of that file stands for that of the backup.
func newSource(elements []string, kind backup.Kind, state dest.Info) backup.Source {
	t := time.Unix(min(max(state.MTime, 0), maxTime), 0).UTC()
	return backup.Source{Origin: elements[0], Account: elements[1], Kind: kind, Time: t, Name: nameOf(t)}
}

// maxTime is the end of the year 9999, in Unix seconds: names of later times would not sort.
const maxTime = 253402300799

func nameOf(t time.Time) string { return t.UTC().Format("2006-01-02T150405") }

// fingerprint covers what is rewritten whenever the slot holds another backup: its state, its directory of manifests, and
// the archive if there is one.
func fingerprint(kind backup.Kind, slot []dest.Info, archive *dest.Info) string {
	h := sha256.New()
	fmt.Fprintf(h, "slots/1 %s\n", kind)
	state, _ := findState(slot)
	for _, i := range slot {
		switch i.Name {
		case state.Name:
			fmt.Fprintf(h, "state %o %d %d\n", i.Mode, i.Size, i.MTime)
		case nameMeta:
			fmt.Fprintf(h, "meta %o %d\n", i.Mode, i.MTime)
		}
	}
	if archive != nil {
		fmt.Fprintf(h, "archive %d %d %q\n", archive.Size, archive.MTime, archive.Name)
	}
	return hex.EncodeToString(h.Sum(nil)[:20])
}

func split(dir string) []string {
	if dir == "" {
		return nil
	}
	return strings.Split(dir, "/")
}

// findState finds the state of a slot: where a server cannot replace a file it stands aside for a moment, or since a run broke.
func findState(entries []dest.Info) (dest.Info, bool) {
	if state, ok := find(entries, nameState, backup.ModeRegular); ok {
		return state, true
	}
	return find(entries, manifest.PriorStateName, backup.ModeRegular)
}

// find finds what is called name and has that type.
func find(entries []dest.Info, name string, kind uint32) (dest.Info, bool) {
	for _, i := range entries {
		if i.Name == name {
			return i, i.Mode&backup.ModeType == kind
		}
	}
	return dest.Info{}, false
}

// directories lists the names of the directories that a slot may lie in or be.
func directories(entries []dest.Info, may func(name string) bool) []string {
	var names []string
	for _, i := range entries {
		if i.Mode&backup.ModeType == backup.ModeDir && may(i.Name) {
			names = append(names, i.Name)
		}
	}
	return names
}

// isVisible reports whether a directory may be that of a job or an account.
func isVisible(name string) bool { return validName(name) && name[0] != '.' && name != "lost+found" }

// validName refuses names that no file can have.
func validName(name string) bool {
	return name != "" && name != "." && name != ".." && !strings.ContainsAny(name, "/\x00")
}

// isSlot reports whether name is one that a slot has.
func isSlot(name string) bool {
	_, ok := slotNumber(name)
	return ok
}

// slotNumber is the number in the name of a slot: slot-01 to slot-99, slot-100 to slot-1000.
func slotNumber(name string) (int, bool) {
	digits, ok := strings.CutPrefix(name, "slot-")
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	return n, err == nil && n >= 1 && n <= maxSlot && name == fmt.Sprintf("slot-%02d", n)
}
