package view_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"slotfs/fs/fstest"
	"slotfs/fs/view"
	"slotfs/indexer/backup"
	"slotfs/indexer/tree/treetest"
)

// catalog makes the records of a large hosting company.
func catalog(accounts, days int) []*backup.Snapshot {
	var all []*backup.Snapshot
	for a := range accounts {
		for d := range days {
			s := fstest.Source(fmt.Sprintf("user%05d", a), fstest.Time.AddDate(0, 0, d).Format(time.DateOnly))
			s.Serial, s.Time = uint64(len(all)), s.Time.AddDate(0, 0, d)
			s.Counts = backup.Counts{backup.Email: 10, backup.Databases: 3, backup.DNS: 2}
			s.Root.Mode = backup.ModeDir | 0o755
			all = append(all, &s)
		}
	}
	return all
}

// BenchmarkUpdate refreshes a catalog of 90,000 snapshots of which nothing changed.
func BenchmarkUpdate(b *testing.B) {
	all := catalog(3000, 30)
	v := view.New(view.Options{Nodes: treetest.NewStore()})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	v.Update(nil, all)
	runtime.GC()
	runtime.ReadMemStats(&after)
	for b.Loop() {
		if c := v.Update(nil, all); len(c.Names)+len(c.Nodes) > 0 {
			b.Fatal("changes")
		}
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(len(all)), "B/snapshot")
	runtime.KeepAlive(v)
}

// BenchmarkOpenSnapshot cuts an account with 10,000 mailboxes into parts.
func BenchmarkOpenSnapshot(b *testing.B) {
	w := fstest.NewWorld()
	p := &backup.Parts{}
	var members []fstest.Member
	for i := range 10_000 {
		box := fmt.Sprintf("homedir/mail/d%02d.example/u%04d", i%50, i)
		members = append(members, fstest.Dir(box), fstest.File(box+"/m", "x"))
		p.Grafts = append(p.Grafts, backup.Graft{Kind: backup.Email, Path: fmt.Sprintf("email/d%02d.example/u%04d", i%50, i), From: box})
	}
	w.Add(b, fstest.Source("alice", "2026-01-05"), p, members...)
	for b.Loop() {
		v := show(b, w, view.Options{})
		if _, err := v.Lookup(b.Context(), firstSnapshot(b, v), "email"); err != nil {
			b.Fatal(err)
		}
	}
}
