package restores

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"

	"slotfs/cmd/internal/service/browse"
	"slotfs/fs/restore"
	"slotfs/indexer/backup"
)

// Unproven is a snapshot of which not everything was proven when it was read, or that does not have everything.
type Unproven struct {
	Path     string        `json:"path"`
	Status   backup.Status `json:"status"`
	Detail   string        `json:"detail,omitempty"`
	Missing  uint64        `json:"missing,omitempty"`        // entries that its server refused when it was made
	Affected uint64        `json:"affected,omitempty"`       // files that may be wrong or are not whole
	Files    []string      `json:"affected_files,omitempty"` // the first of them, as in the archive
}

// NotComplete tells which of the snapshots that roots belong to are not complete.
func (b shown) NotComplete(ctx context.Context, roots []restore.Root) ([]Unproven, error) {
	var all []Unproven
	seen := map[string]bool{}
	for i := range roots {
		root := &roots[i]
		at, ok := browse.SnapshotOf(root.Path)
		if !ok {
			if err := b.below(ctx, &root.Entry, root.Path, &all); err != nil {
				return nil, browse.Explain(b.op, root.Path, err)
			}
			continue
		}
		if seen[at] {
			continue
		}
		seen[at] = true
		s, err := b.proven(ctx, at)
		if err != nil {
			return nil, err
		}
		if s.Status != backup.Complete || s.Missing > 0 && whole(root.Path, at) {
			all = append(all, s)
		}
	}
	return all, nil
}

// whole reports whether a path is a snapshot, or what has everything of one: only there it is known that what the backup does not
// have is missing.
func whole(p, snapshot string) bool {
	below := strings.Trim(strings.TrimPrefix(path.Clean(p), snapshot), "/")
	return below == "" || below == backup.Full || below == string(backup.Files)
}

// proven reads what the snapshot in the directory at says of itself.
func (b shown) proven(ctx context.Context, at string) (Unproven, error) {
	e, err := b.find(ctx, path.Join(at, "snapshot.json"))
	if err != nil {
		return Unproven{}, err
	}
	f, err := b.Open(ctx, &e)
	if err != nil {
		return Unproven{}, browse.Explain(b.op, at, err)
	}
	defer f.Close()
	data := make([]byte, e.Size)
	if _, err := f.ReadAt(ctx, data, 0); err != nil && !errors.Is(err, io.EOF) {
		return Unproven{}, browse.Explain(b.op, at, err)
	}
	s := Unproven{}
	if err := json.Unmarshal(data, &s); err != nil {
		return Unproven{}, browse.Explain(b.op, at, fmt.Errorf("snapshot.json: %w", err))
	}
	s.Path = at
	return s, nil
}

// statusInName finds the status at the end of the name of a snapshot that is not complete.
var statusInName = regexp.MustCompile(`\.(truncated|corrupt|unreadable|growing|incomplete)(\.[0-9]+)?$`)

// below adds the snapshots below a directory that stands above them. Their names have their status.
func (b shown) below(ctx context.Context, dir *restore.Entry, at string, all *[]Unproven) error {
	if !isDirectory(dir) {
		return nil
	}
	return b.List(ctx, dir, func(e *restore.Entry) error {
		p := path.Join(at, e.Name)
		if !isDirectory(e) {
			return nil
		}
		if _, ok := browse.SnapshotOf(p); !ok {
			return b.below(ctx, e, p, all)
		}
		if m := statusInName.FindStringSubmatch(e.Name); m != nil {
			*all = append(*all, Unproven{Path: p, Status: backup.Status(m[1])})
		}
		return nil
	})
}
