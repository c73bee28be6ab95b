package store

import (
	"os"
	"slices"
	"strings"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/spool"
)

// Names tells what escaped names stand for that do not say so themselves.
type Names map[string]string

// Add enters the name of an entry.
func (n Names) Add(path, stored string) {
	if _, ok := manifest.Unescape(stored); stored != "" && !ok {
		n[stored] = manifest.Base(path)
	}
}

// AddAll enters those of a spooled manifest.
func (n Names) AddAll(file *os.File) error {
	known, err := spool.Open(file)
	if err != nil {
		return err
	}
	defer known.Close()
	for ; known.Head != nil; known.Advance() {
		n.Add(known.Head.Path, known.Head.Stored)
	}
	return known.Err
}

// unescape sorts a listing by the names that are meant. An escaped name stands for itself where that is there too.
func (l *level) unescape(long Names) {
	type named struct {
		info dest.Info
		mean string
	}
	there := make(map[string]bool)
	var all []named
	for _, info := range l.names {
		mean, ok := manifest.Unescape(info.Name)
		if !ok {
			mean, ok = long[info.Name]
		}
		if !ok {
			mean = info.Name
			there[mean] = true
		}
		all = append(all, named{info, mean})
	}
	if len(there) == len(all) {
		return
	}
	for i := range all {
		if n := &all[i]; n.mean != n.info.Name && there[n.mean] {
			n.mean = n.info.Name
		}
	}
	slices.SortFunc(all, func(a, b named) int { return strings.Compare(a.mean, b.mean) })
	l.means = make([]string, len(all))
	for i := range all {
		l.names[i], l.means[i] = all[i].info, all[i].mean
	}
}
