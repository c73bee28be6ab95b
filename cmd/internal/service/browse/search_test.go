package browse

import (
	"context"
	"errors"
	"testing"
	"time"

	"slotfs/fs/fstest"
	"slotfs/fs/view"
	"slotfs/indexer/backup"
	"slotfs/indexer/tree"
)

// sweptNodes are nodes of which those of one snapshot are gone.
type sweptNodes struct {
	tree.Getter
	gone map[backup.Hash]bool
}

func (s *sweptNodes) Get(ctx context.Context, h backup.Hash) ([]byte, error) {
	if s.gone[h] {
		return nil, errors.New("index damaged")
	}
	return s.Getter.Get(ctx, h)
}

// Whoever knows when a file was lost looks in the backups of that time alone.
func TestFindLooksOnlyInSnapshotsOfTheTimeThatIsAskedFor(t *testing.T) {
	w := fstest.NewWorld()
	var all []*backup.Snapshot
	for _, day := range []string{"2026-01-04", "2026-01-05", "2026-01-06"} {
		source := fstest.Source("alice", day)
		at, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		source.Time = at
		all = append(all, w.Add(t, source, nil, fstest.File("wanted", day)))
	}
	v := view.New(view.Options{Nodes: w.Store})
	v.Update([]string{"box"}, all)
	for name, c := range map[string]struct {
		q    Query
		want int
	}{
		"all": {Query{}, 3}, "since": {Query{Since: all[1].Time}, 2}, "until": {Query{Until: all[1].Time}, 1}, "one day": {Query{Since: all[1].Time, Until: all[2].Time}, 1},
	} {
		found := 0
		c.q.Pattern = "wanted"
		f := &Search{View: v, Query: c.q, Yield: func(Match) error { found++; return nil }}
		if err := f.Run(t.Context()); err != nil || found != c.want {
			t.Errorf("%s: %d found, %v; want %d", name, found, err, c.want)
		}
	}
}

func TestFindPassesOverASnapshotThatIsReplacedMeanwhile(t *testing.T) {
	w := fstest.NewWorld()
	old := w.Add(t, fstest.Source("alice", "2026-01-04"), nil, fstest.Dir("sub"), fstest.File("sub/other", "1"))
	w.Add(t, fstest.Source("alice", "2026-01-05"), nil, fstest.Dir("sub"), fstest.File("sub/wanted", "1"))
	nodes := &sweptNodes{w.Store, map[backup.Hash]bool{old.Root.Child: true}}
	v := view.New(view.Options{Nodes: nodes})
	all, err := w.Snapshots(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	v.Update([]string{"box"}, all)
	for _, replaced := range []bool{true, false} {
		var found []string
		f := &Search{View: v, Query: Query{Pattern: "wanted"}, Yield: func(m Match) error {
			found = append(found, string(m.Path))
			return nil
		}, Replaced: func(_ context.Context, s *backup.Snapshot) bool { return replaced && s.Serial == old.Serial }}
		err := f.Run(t.Context())
		if replaced && (err != nil || len(found) != 1) {
			t.Errorf("beside a pass: found %v, %v", found, err)
		}
		if !replaced && err == nil {
			t.Error("damage is passed over")
		}
	}
}
