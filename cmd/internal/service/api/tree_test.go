package api

import (
	"slices"
	"testing"
)

func TestPagesHaveEverythingOnce(t *testing.T) {
	all := []int{0, 1, 2, 3, 4, 5}
	for limit := 1; limit <= len(all)+1; limit++ {
		var got []int
		for from := 0; ; {
			page, next := cut(all, from, limit)
			got = append(got, page...)
			if next == 0 {
				break
			}
			if len(page) != limit || next != from+limit {
				t.Fatalf("limit %d from %d: %v, next %d", limit, from, page, next)
			}
			from = next
		}
		if !slices.Equal(got, all) {
			t.Errorf("limit %d: %v", limit, got)
		}
	}
	if page, next := cut(all, 9, 2); page == nil || len(page) > 0 || next != 0 {
		t.Errorf("behind the end: %v, next %d", page, next)
	}
}
