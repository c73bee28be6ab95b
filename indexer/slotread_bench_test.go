package indexer_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"slotfs/cache/index"
	"slotfs/indexer"
	"slotfs/indexer/dest/desttest"
	"slotfs/indexer/engine/slots"
	"slotfs/indexer/engine/slots/slottest"
)

// BenchmarkSlot indexes a slot of 200,000 files from its manifest.
func BenchmarkSlot(b *testing.B) {
	const directories, files = 2000, 100
	root := b.TempDir()
	slot := filepath.Join(root, "nightly", "alice", "slot-01")
	if err := os.MkdirAll(filepath.Join(slot, "data"), 0o700); err != nil {
		b.Fatal(err)
	}
	members := []slottest.Member{slottest.Dir("", 1001)}
	for d := range directories {
		dir := fmt.Sprintf("d%04d", d)
		members = append(members, slottest.Dir(dir, 1001))
		for f := range files {
			m := slottest.File(fmt.Sprintf("%s/1767225600.M%dP%d.host", dir, 100000+f, d), "", 1001)
			m.Size, m.MTime = int64(f*d), m.MTime+int64(f)*1e9
			m.Hash = fmt.Sprintf("%064x", f*d)
			members = append(members, m)
		}
	}
	state := slottest.State(1, 1)
	state.Manifest = slottest.Manifest(b, slot, 1, members...)
	slottest.Put(b, slot, state)
	b.ReportMetric(float64(state.Manifest.Size), "manifest-B")
	for b.Loop() {
		x, err := index.Open(b.TempDir(), index.Options{})
		if err != nil {
			b.Fatal(err)
		}
		sum, err := indexer.Pass(context.Background(), desttest.Dir(root), slots.New(), x, indexer.Options{Destination: "d"})
		if err != nil || sum.Read != 1 || sum.Failed != 0 {
			b.Fatalf("%+v, %v", sum, err)
		}
		x.Close()
	}
	b.ReportMetric(float64(directories*files)/(b.Elapsed().Seconds()/float64(b.N)), "files/s")
}
