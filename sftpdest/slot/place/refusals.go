package place

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
)

// ErrLeft says that an entry is left out, because the server refuses it or a directory around it.
var ErrLeft = errors.New("the server refuses it")

const (
	// maxNamed is how many paths that are left out a summary names.
	maxNamed = 100
	// maxLeft is how many entries may be left out before most of all have to be there: a server that refuses nearly everything
	// has another trouble.
	maxLeft = 100
)

// Left is a path that a backup does not have as it is in the source, and the server's answer.
type Left struct{ Path, Why string }

// refusals are what the server refused, and what it took under another name than was planned.
type refusals struct {
	mu      sync.Mutex       // guards what follows
	amends  map[string]amend // by path
	claimed map[string]bool  // where escaped names stand now
	named   []Left
	stuck   []string // on the server: names that cannot be deleted
	refused int
	taken   int
}

// amend is what is different about an entry that may be in the manifest already.
type amend struct {
	stored  string          // its escaped name
	missing bool            // it is not on the server
	kept    *manifest.Entry // what the slot has instead; nil: nothing
}

// took notes that the server has an entry; escaped says that it has it under another name than was planned.
func (r *refusals) took(i *Item, at string, escaped bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken++
	if escaped {
		r.amend(i.Entry.Path, amend{stored: manifest.Base(at)})
	}
	if escaped || i.Entry.Stored != "" {
		r.claimLocked(at)
	}
}

// amend needs r.mu.
func (r *refusals) amend(path string, a amend) {
	if r.amends == nil {
		r.amends = make(map[string]amend)
	}
	r.amends[path] = a
}

// claim keeps what stands at a place from being removed: a listing may have shown it as something that nobody knew.
func (r *refusals) claim(at string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.claimLocked(at)
}

func (r *refusals) claimLocked(at string) {
	if r.claimed == nil {
		r.claimed = make(map[string]bool)
	}
	r.claimed[at] = true
}

// claims reports whether something that a listing showed is, or lies in, what was made there since: nobody knew then what it is.
func (r *refusals) claims(at string) bool {
	for len(r.claimed) > 0 && at != "" {
		if r.claimed[at] {
			return true
		}
		at = dest.Parent(at)
	}
	return false
}

// leave enters an entry that is left out, and what the slot has instead.
func (r *refusals) leave(path string, a amend, cause error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refused++
	if r.refused > maxLeft && r.refused > r.taken {
		return fmt.Errorf("the server refuses most of what it is sent: %w", cause)
	}
	r.amend(path, a)
	r.name(path, cause.Error())
	return nil
}

// keep enters a name below root that cannot be deleted, out of so many that were to be. It reports whether that is news: a directory
// that is not empty for that reason is none.
func (r *refusals) keep(root, at string, all int, cause error) (news bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	holds := func(stuck string) bool { return manifest.Below(stuck, at) }
	if slices.ContainsFunc(r.stuck, holds) {
		return false, nil
	}
	r.stuck = append(r.stuck, at)
	if n := len(r.stuck); n > maxLeft && n > all/2 {
		return true, fmt.Errorf("the server refuses most deletions: %w", cause)
	}
	r.name(strings.TrimPrefix(at, root+"/"), "it cannot be deleted: "+cause.Error())
	return true, nil
}

// name needs r.mu.
func (r *refusals) name(path, why string) {
	if len(r.named) < maxNamed {
		r.named = append(r.named, Left{path, why})
	}
}
