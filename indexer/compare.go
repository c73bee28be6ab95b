package indexer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"slotfs/indexer/backup"
	"slotfs/indexer/concern"
	"slotfs/indexer/tree"
)

// compare looks at each account of which something was read: what is new, and what follows it in time, is compared with the
// complete backup before it. It comes after all reading, because the newest backups are read first.
func (p *pass) compare(ctx context.Context, read []*backup.Source) error {
	if len(read) == 0 {
		return nil
	}
	all, err := p.index.Snapshots(ctx, p.Destination)
	if err != nil {
		return err
	}
	fresh := make(map[string]bool, len(read))
	for _, s := range read {
		fresh[s.Key()] = true
	}
	for _, series := range accounts(all) {
		if err := p.compareSeries(ctx, series, fresh); err != nil {
			return err
		}
	}
	return nil
}

// accounts sorts the complete backups of each account by time.
func accounts(all []*backup.Snapshot) map[[2]string][]*backup.Snapshot {
	series := make(map[[2]string][]*backup.Snapshot)
	for _, s := range all {
		if !s.System && s.Account != "" && !s.Unclaimed && s.Status == backup.Complete && s.Readable() {
			key := [2]string{s.Origin, s.Account}
			series[key] = append(series[key], s)
		}
	}
	for _, s := range series {
		slices.SortFunc(s, func(a, b *backup.Snapshot) int {
			return cmp.Or(cmp.Compare(a.Order, b.Order), a.Time.Compare(b.Time), cmp.Compare(a.Key(), b.Key()))
		})
	}
	return series
}

// compareSeries compares the backups of one account in the order of their times.
func (p *pass) compareSeries(ctx context.Context, series []*backup.Snapshot, fresh map[string]bool) error {
	var last *concern.Content // of series[i-1]; nil: not loaded
	for i, s := range series {
		if i == 0 || !fresh[s.Key()] && !fresh[series[i-1].Key()] {
			last = nil
			continue
		}
		var err error
		if last == nil {
			if last, err = p.content(ctx, series[i-1]); err != nil {
				return err
			}
		}
		now, err := p.content(ctx, s)
		if err != nil {
			return err
		}
		if err := p.concern(ctx, s, concern.Compare(last, now, p.Limits)); err != nil {
			return err
		}
		last = now
	}
	return nil
}

// concern commits what the comparison of s found, if that is news.
func (p *pass) concern(ctx context.Context, s *backup.Snapshot, found []backup.Concern) error {
	all := slices.DeleteFunc(slices.Clone(s.Concerns), backup.Concern.Compared)
	all = append(all, found...)
	if slices.Equal(all, s.Concerns) {
		return nil
	}
	next := *s
	next.Concerns = all
	if err := p.index.PutSnapshot(ctx, &next); err != nil {
		return storeError{err}
	}
	return nil
}

// content loads what is compared of a snapshot.
func (p *pass) content(ctx context.Context, s *backup.Snapshot) (*concern.Content, error) {
	c := &concern.Content{Counts: s.Counts, Bytes: s.Content, Parts: new(backup.Parts), Dumps: make(map[string]int64)}
	if s.Parts == (backup.Hash{}) {
		return c, nil
	}
	blob, err := p.index.Get(ctx, s.Parts)
	if err == nil {
		err = c.Parts.UnmarshalBinary(blob)
	}
	if err != nil {
		return nil, storeError{fmt.Errorf("parts of %s: %w", s.Key(), err)}
	}
	t := tree.New(p.index, s.Root, tree.NewCache(nodeCache))
	for _, g := range c.Parts.Grafts {
		if g.Kind != backup.Databases || g.From == "" {
			continue
		}
		item, err := t.Resolve(ctx, g.From)
		switch {
		case err == nil && item.IsRegular():
			c.Dumps[g.Path] = item.Size
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return nil, storeError{fmt.Errorf("size of %s in %s: %w", g.Path, s.Key(), err)}
		}
	}
	return c, nil
}
