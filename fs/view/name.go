package view

import (
	"strconv"
	"strings"

	"slotfs/indexer/backup"
)

// Names with a meaning of their own.
const (
	nameMeta     = ".slotfs"
	nameStatus   = "status.json"
	nameErrors   = "errors.log"
	nameAccounts = "accounts"
	nameSystem   = "system"
	nameLatest   = "latest"
	nameJSON     = "snapshot.json"
)

// maxName is how long the kernel lets a name be, in bytes.
const maxName = 255

// showable reports whether a name from a tree can be shown. The kernel fails a whole listing over one name
// that it cannot have; names that end in backup.NestedSuffix are hidden on purpose.
func showable(name string) bool {
	if name == "" || name == "." || name == ".." || len(name) > maxName {
		return false
	}
	return strings.IndexByte(name, '/') < 0 && strings.IndexByte(name, 0) < 0
}

// escape makes a name that may stand beside the reserved ones: a reserved name gets a '~' more, and so does
// one that already looks like that, which keeps different names different.
func escape(name string, reserved ...string) string {
	stem := strings.TrimRight(name, "~")
	for _, r := range reserved {
		if stem == r {
			return name + "~"
		}
	}
	switch {
	case stem == "" || stem == "." || stem == "..":
		return name + "~"
	case showable(name):
		return name
	}
	return shorten(name, maxName)
}

// shorten makes a name that no file can have into one of at most limit bytes; a mark keeps it apart from others that
// end up alike.
func shorten(name string, limit int) string {
	mark := "~" + strconv.FormatUint(topID(name, "")>>32, 16)
	fit := strings.NewReplacer("/", "_", "\x00", "_").Replace(name)
	return fit[:min(len(fit), limit-len(mark))] + mark
}

// originPath makes directories of an origin.
func originPath(origin string) []string {
	var path []string
	for _, element := range strings.Split(origin, "/") {
		if element != "" {
			path = append(path, escape(element, nameAccounts, nameSystem))
		}
	}
	return path
}

// shownName is the name of a snapshot's directory before those of the same name are told apart.
func shownName(s *backup.Snapshot) string {
	name := escape(s.Name, nameLatest)
	if limit := maxName - 50; len(name) > limit {
		name = shorten(name, limit) // leaves room for what is appended
	}
	if s.Status != backup.Complete {
		name += "." + string(s.Status)
	}
	return name
}

// nameSnapshots gives each of an account's snapshots a name of its own. The order is that of the slice,
// which must not depend on chance: the first of a name gets it as it is, the next ones their kind as a
// suffix, and then a number.
func nameSnapshots(records []*shownSnapshot) map[string]*shownSnapshot {
	named := make(map[string]*shownSnapshot, len(records)+1)
	var later []*shownSnapshot
	for _, r := range records {
		name := shownName(r.Snapshot)
		if _, taken := named[name]; taken {
			later = append(later, r)
			continue
		}
		named[name] = r
	}
	for _, r := range later {
		named[freeName(named, shownName(r.Snapshot)+"."+string(r.Kind))] = r
	}
	return named
}

// freeName adds a number to name if it is taken.
func freeName[T any](taken map[string]T, name string) string {
	for free, n := name, 2; ; n++ {
		if _, ok := taken[free]; !ok {
			return free
		}
		free = name + "." + strconv.Itoa(n)
	}
}
