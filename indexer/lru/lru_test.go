package lru

import (
	"slices"
	"testing"
)

func TestWhatWasUsedLongestAgoGoesFirst(t *testing.T) {
	var m Map[string, int]
	for i, k := range []string{"a", "b", "c", "d"} {
		m.Put(k, i, int64(i+1))
	}
	m.Get("a")
	m.Peek("b")
	m.Put("c", 20, 1) // 1 instead of 3
	m.Delete("none")
	m.Shrink(6, func(v int) bool { return v != 1 })
	if got := m.Clear(); !slices.Equal(got, []int{20, 0, 1}) {
		t.Errorf("%v is left", got)
	}
	if _, ok := m.Get("a"); ok || m.weight != 0 {
		t.Errorf("something weighs %d after everything was taken out", m.weight)
	}
}

func TestShrinkingToNothingTakesEverythingOut(t *testing.T) {
	var m Map[int, string]
	for i := range 100 {
		m.Put(i, "", 1)
	}
	if m.Shrink(0, nil); len(m.elements) != 0 || m.order.Len() != 0 {
		t.Errorf("%d are left", len(m.elements))
	}
}
