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
func (p *pass) compare(ctx context.Context) error {
	for _, series := range p.series() {
		if err := p.compareSeries(ctx, series); err != nil {
			return err
		}
	}
	return nil
}

// series are the complete backups of each account of which something was read, from the oldest to the newest.
func (p *pass) series() map[[2]string][]*backup.Snapshot {
	series := make(map[[2]string][]*backup.Snapshot)
	account := func(s *backup.Snapshot) [2]string { return [2]string{s.Origin, s.Account} }
	add := func(s *backup.Snapshot) {
		if !s.System && s.Account != "" && !s.Unclaimed && s.Status == backup.Complete && s.Readable() {
			series[account(s)] = append(series[account(s)], s)
		}
	}
	for _, s := range p.committed {
		add(s)
	}
	for key, s := range p.known {
		if p.committed[key] == nil && series[account(s)] != nil {
			add(s)
		}
	}
	for _, s := range series {
		slices.SortFunc(s, func(a, b *backup.Snapshot) int {
			return cmp.Or(a.Compare(&b.Source), cmp.Compare(a.Key(), b.Key()))
		})
	}
	return series
}

// compareSeries compares the backups of one account, each with one that is older: copies of a day's backup lack what it lacks.
func (p *pass) compareSeries(ctx context.Context, series []*backup.Snapshot) error {
	var before *backup.Snapshot
	var was *concern.Content // of before; nil: not loaded
	for i, s := range series {
		if i > 0 && series[i-1].Compare(&s.Source) < 0 {
			before, was = series[i-1], nil
		}
		if before == nil || p.committed[s.Key()] == nil && p.committed[before.Key()] == nil {
			continue
		}
		if was == nil {
			content, err := p.content(ctx, before)
			if err != nil {
				return err
			}
			was = content
		}
		now, err := p.content(ctx, s)
		if err != nil {
			return err
		}
		if err := p.concern(ctx, s, concern.Compare(was, now, p.Limits)); err != nil {
			return err
		}
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
	p.concerned(s, found)
	next := *s
	next.Concerns = all
	if err := p.index.PutSnapshot(ctx, &next); err != nil {
		return storeError{err}
	}
	return nil
}

// concerned keeps concerns about s for the summary.
func (p *pass) concerned(s *backup.Snapshot, concerns []backup.Concern) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range concerns {
		if len(p.summary.Concerns) < maxErrors && !slices.Contains(s.Concerns, c) {
			p.summary.Concerns = append(p.summary.Concerns, fmt.Sprintf("%s: %s", s.Key(), c.Text))
		}
	}
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
