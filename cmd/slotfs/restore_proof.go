package main

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

// notComplete is a snapshot of which not everything was proven when it was read.
type notComplete struct {
	Path     string        `json:"path"`
	Status   backup.Status `json:"status"`
	Detail   string        `json:"detail,omitempty"`
	Affected uint64        `json:"affected,omitempty"`       // files that may be wrong or are not whole
	Files    []string      `json:"affected_files,omitempty"` // the first of them, as in the archive
}

// notComplete tells which of the snapshots that roots belong to are not complete.
func (r *restoring) notComplete(ctx context.Context, roots []restore.Root) ([]notComplete, error) {
	var all []notComplete
	seen := map[string]bool{}
	for i := range roots {
		root := &roots[i]
		at, ok := snapshotOf(root.Path)
		if !ok {
			if err := r.below(ctx, &root.Entry, root.Path, &all); err != nil {
				return nil, browse.Explain("restore", root.Path, err)
			}
			continue
		}
		if seen[at] {
			continue
		}
		seen[at] = true
		s, err := r.proven(ctx, at)
		if err != nil {
			return nil, err
		}
		if s.Status != backup.Complete {
			all = append(all, s)
		}
	}
	return all, nil
}

// snapshotOf is the directory of the snapshot that a path leads to or into.
func snapshotOf(p string) (string, bool) {
	above, _, err := browse.SplitVersioned(p + "/.")
	if err != nil {
		return "", false
	}
	name, _, _ := strings.Cut(p[len(above)+1:], "/")
	return path.Join(above, name), true
}

// proven reads what the snapshot in the directory at says of itself.
func (r *restoring) proven(ctx context.Context, at string) (notComplete, error) {
	e, err := r.from.find(ctx, path.Join(at, "snapshot.json"))
	if err != nil {
		return notComplete{}, err
	}
	f, err := r.from.Open(ctx, &e)
	if err != nil {
		return notComplete{}, browse.Explain("restore", at, err)
	}
	defer f.Close()
	data := make([]byte, e.Size)
	if _, err := f.ReadAt(ctx, data, 0); err != nil && !errors.Is(err, io.EOF) {
		return notComplete{}, browse.Explain("restore", at, err)
	}
	s := notComplete{}
	if err := json.Unmarshal(data, &s); err != nil {
		return notComplete{}, browse.Explain("restore", at, fmt.Errorf("snapshot.json: %w", err))
	}
	s.Path = at
	return s, nil
}

// statusInName finds the status at the end of the name of a snapshot that is not complete.
var statusInName = regexp.MustCompile(`\.(truncated|corrupt|unreadable|growing|incomplete)(\.[0-9]+)?$`)

// below adds the snapshots below a directory that stands above them. Their names have their status.
func (r *restoring) below(ctx context.Context, dir *restore.Entry, at string, all *[]notComplete) error {
	if !isDirectory(dir) {
		return nil
	}
	return r.from.List(ctx, dir, func(e *restore.Entry) error {
		p := path.Join(at, e.Name)
		if !isDirectory(e) {
			return nil
		}
		if _, ok := snapshotOf(p); !ok {
			return r.below(ctx, e, p, all)
		}
		if m := statusInName.FindStringSubmatch(e.Name); m != nil {
			*all = append(*all, notComplete{Path: p, Status: backup.Status(m[1])})
		}
		return nil
	})
}

// warnOfProof tells what is not proven of what is going to be restored.
func (r *restoring) warnOfProof() {
	for i := range r.proof {
		r.warnOfStatus(&r.proof[i])
	}
}

// warnOfStatus tells that a snapshot is not complete, and which of its files that concerns.
func (s *shell) warnOfStatus(n *notComplete) {
	text := fmt.Sprintf("%s is %s", n.Path, n.Status)
	if n.Detail != "" {
		text += ": " + n.Detail
	}
	s.warning("%s", text)
	for _, file := range n.Files[:min(len(n.Files), saidFailures)] {
		s.warning("it may be wrong, or is not whole: %s", file)
	}
	if more := n.Affected - uint64(min(len(n.Files), saidFailures)); more > 0 {
		s.warning("%d more may be; snapshot.json lists the first ones", more)
	}
}
