package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slotfs/cache/pack"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/api"
	"slotfs/indexer/backup"
)

// ExportPacks writes snapshots of the index into a directory: one pack for each account of a destination.
func (s *Service) ExportPacks(ctx context.Context, q api.ExportRequest) ([]api.ExportedPack, error) {
	if err := s.checkPacks(q.Directory, q.Destination); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(q.Directory, 0o700); err != nil {
		return nil, err
	}
	all, err := s.index.Snapshots(ctx, q.Destination)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(one *backup.Snapshot) bool {
		return !one.Readable() || one.Indexed.Before(q.Since) || q.Account != "" && one.Account != q.Account
	})
	slices.SortStableFunc(all, func(a, b *backup.Snapshot) int {
		return cmp.Or(strings.Compare(a.Destination, b.Destination), compareOwner(a, b))
	})
	written := []api.ExportedPack{}
	for len(all) > 0 {
		first := all[0]
		n := slices.IndexFunc(all, func(one *backup.Snapshot) bool {
			return one.Destination != first.Destination || compareOwner(one, first) != 0
		})
		if n < 0 {
			n = len(all)
		}
		name, fresh, err := pack.Write(ctx, s.index, all[:n], q.Directory)
		if err != nil {
			return written, fmt.Errorf("export %s: %w", first.Destination, err)
		}
		written = append(written, api.ExportedPack{Name: name, Destination: first.Destination, Origin: first.Origin, Account: first.Account, Snapshots: n, Fresh: fresh})
		all = all[n:]
	}
	return written, nil
}

// compareOwner orders snapshots by whose they are.
func compareOwner(a, b *backup.Snapshot) int {
	return cmp.Or(strings.Compare(a.Origin, b.Origin), strings.Compare(a.Account, b.Account))
}

// ImportPacks takes the packs of a directory into the index. One that cannot be read does not keep it from taking the others.
func (s *Service) ImportPacks(ctx context.Context, q api.ImportRequest) (*api.ImportedPacks, error) {
	if err := s.checkPacks(q.Directory, q.Destination); err != nil {
		return nil, err
	}
	files, err := os.ReadDir(q.Directory)
	if err != nil {
		return nil, err
	}
	configured := s.destinations.current().Destinations
	name := func(destination string) (string, error) {
		destination = cmp.Or(q.Destination, destination)
		if configured[destination] == nil {
			err := fmt.Errorf("destination %.80q: not in the configuration", destination)
			return "", exit.With(err, exit.Usage, "add it, or say with --destination which one the packs are of")
		}
		return destination, nil
	}
	out := &api.ImportedPacks{Failures: []api.PackFailure{}}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), pack.Suffix) || !f.Type().IsRegular() {
			continue
		}
		out.Packs++
		got, err := pack.Read(ctx, s.index, filepath.Join(q.Directory, f.Name()), name)
		out.New, out.Known = out.New+got.New, out.Known+got.Known
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
		if err != nil {
			out.Failures = append(out.Failures, api.PackFailure{Name: f.Name(), Error: err.Error(), Hint: exit.Hint(err)})
		}
	}
	if out.New > 0 {
		s.generation.Add(1)
		s.oversight.outdate()
		s.refreshNow(ctx)
	}
	if out.Packs == 0 {
		return nil, exit.With(fmt.Errorf("%s: no packs in it", q.Directory), exit.Failed, "their names end with "+pack.Suffix)
	}
	return out, nil
}

// checkPacks checks what is asked for.
func (s *Service) checkPacks(directory, destination string) error {
	if !filepath.IsAbs(directory) {
		return exit.With(errors.New("directory: want an absolute path"), exit.Usage, "")
	}
	if destination != "" && s.destinations.current().Destinations[destination] == nil {
		return exit.With(fmt.Errorf("destination %s: not in the configuration", destination), exit.Usage, "")
	}
	return nil
}
