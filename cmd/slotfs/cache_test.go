package main

import "testing"

func TestCacheSizesAreRead(t *testing.T) {
	for text, want := range map[string]int64{"": -1, "0": 0, "0GiB": 0, "10GiB": 10 << 30, "1.5 gib": 3 << 29, "500MB": 5e8,
		"64M": 64 << 20, "67108864": 64 << 20, "2t": 2 << 40} {
		if got, err := parseCacheSize(text); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"1", "63MiB", "-1GiB", "GiB", "many", "10Gi B", "NaN", "inf", "1e30GiB", "10 GiB 2"} {
		if got, err := parseCacheSize(text); err == nil {
			t.Errorf("%q is taken for %d", text, got)
		}
	}
}
