package index

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"slotfs/indexer/backup"
	"slotfs/indexer/tree"
)

// resident is the memory of the process in KiB: in all, and what of it is no mapped file.
func resident(b *testing.B) (all, anonymous int) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		fmt.Sscanf(line, "VmRSS: %d", &all)
		fmt.Sscanf(line, "RssAnon: %d", &anonymous)
	}
	return all, anonymous
}

// account stores a tree like that of a hosting account: mailboxes, and sites that everybody has.
func account(b *testing.B, x *Index, n, files int) backup.Entry {
	r := rand.New(rand.NewPCG(uint64(n), 3))
	t := tree.NewBuilder(x, backup.Entry{})
	at := int64(0)
	for i := range files {
		size := int64(r.IntN(100_000))
		path := fmt.Sprintf("homedir/mail/example%d.com/box%d/cur/%d.M%dP%d.srv1.example.com,S=%d,W=%d:2,S", n, i/2000,
			1_700_000_000+i*37, r.IntN(1_000_000), r.IntN(32_000), size, size+size/50)
		if i%2 == 0 {
			path = fmt.Sprintf("homedir/public_html/wp-content/plugins/plugin%d/include/part-%d/class-thing-%d.php",
				i/200, i/20%10, i%20)
			size = int64(i % 7000)
		}
		e := backup.Entry{Name: path[strings.LastIndexByte(path, '/')+1:], Mode: backup.ModeRegular | 0o644, UID: 1000, GID: 1000,
			Size: size, MTime: int64(1_700_000_000+i*37) * 1e9, Nlink: 1, Offset: at + 512}
		if _, err := t.Add(b.Context(), path, e, at); err != nil {
			b.Fatal(err)
		}
		at += 512 + (size+511)/512*512
	}
	root, err := t.Finish(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return root
}

// BenchmarkAccounts indexes twenty accounts of 50,000 files, closes the index and walks all of it.
func BenchmarkAccounts(b *testing.B) {
	const accounts, files = 20, 50_000
	for b.Loop() {
		dir := b.TempDir()
		x := open(b, dir)
		var roots []backup.Entry
		for n := range accounts {
			s := snapshot("d", fmt.Sprint(n), uint64(n+1))
			s.Root = account(b, x, n, files)
			putSnapshot(b, x, s)
			roots = append(roots, s.Root)
		}
		if err := x.Close(); err != nil {
			b.Fatal(err)
		}
		disk, err := diskBytes(dir)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(disk)/(accounts*files), "diskB/file")
		x = open(b, dir)
		for _, root := range roots {
			if n, err := walk(b.Context(), x, root); err != nil || n != int(root.Count) {
				b.Fatalf("%d entries of %d, %v", n, root.Count, err)
			}
		}
		all, anonymous := resident(b)
		b.ReportMetric(float64(all), "KiB-RSS")
		b.ReportMetric(float64(anonymous), "KiB-anon")
		s, err := x.Stats(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(s.NodeBytes)/(accounts*files), "nodeB/file")
		b.ReportMetric(float64(s.Nodes), "nodes")
		x.Close()
	}
}
