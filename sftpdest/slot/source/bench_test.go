package source

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkWalk walks 2,000 directories with 100 files each (in memory, if /dev/shm is there).
func BenchmarkWalk(b *testing.B) {
	root, err := os.MkdirTemp("/dev/shm", "walk")
	if err != nil {
		root = b.TempDir()
	}
	defer os.RemoveAll(root)
	for i := range 200000 {
		path := filepath.Join(root, fmt.Sprintf("site%d/plugin-%d/class-something-%03d-controller.php", i/10000, i/100, i%100))
		if i%100 == 0 {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				b.Fatal(err)
			}
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	tree := open(b, root, Options{Exclude: []string{"/tmp/", "*.tmp", ".trash"}})
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for _, err := range tree.Walk(context.Background()) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n < 200000 {
			b.Fatal(n)
		}
	}
}
