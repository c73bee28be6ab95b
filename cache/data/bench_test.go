package data

import (
	"testing"
)

func BenchmarkPut(b *testing.B) {
	for name, size := range map[string]int{"256K": 256 << 10, "4K": 4 << 10} {
		b.Run(name, func(b *testing.B) {
			c := open(b, b.TempDir(), Options{Limit: 1 << 30})
			block := blockOf(1, size)
			b.SetBytes(int64(size))
			for i := 0; b.Loop(); i++ {
				c.Put(keyOf(i), block)
				if i%32 == 0 {
					c.Flush()
				}
			}
			c.Flush()
		})
	}
}

func BenchmarkGet(b *testing.B) {
	for name, size := range map[string]int{"256K": 256 << 10, "4K": 4 << 10} {
		b.Run(name, func(b *testing.B) {
			c := open(b, b.TempDir(), Options{Limit: 1 << 30})
			fill(c, 0, 400, size)
			b.SetBytes(int64(size))
			for i := 0; b.Loop(); i++ {
				if c.Get(keyOf(i*7%400)) == nil {
					b.Fatal("no block")
				}
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	c := open(b, dir, Options{Limit: 1 << 30})
	fill(c, 0, 3000, 256<<10)
	c.Close()
	for b.Loop() {
		c, err := Open(dir, Options{Limit: 1 << 30})
		if err != nil {
			b.Fatal(err)
		}
		<-c.ready
		c.Close()
	}
}
