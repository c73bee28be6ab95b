package indexer

import (
	"strings"
	"testing"
)

func TestUnreadDirectoriesAreCountedAndTheFirstOnesNamed(t *testing.T) {
	t.Parallel()
	var u unread
	if got := u.detail(); got != "" {
		t.Errorf("of none: %q", got)
	}
	u.add("homedir/closed")
	if got := u.detail(); got != "the server did not let us read 1 directory or link: homedir/closed" {
		t.Errorf("of one: %q", got)
	}
	var again unread
	for _, name := range []string{"e", "b", "d", "a", "c"} {
		u.add(name)
	}
	for _, name := range []string{"a", "b", "c", "d", "e", "homedir/closed"} {
		again.add(name)
	}
	if got := u.detail(); got != "the server did not let us read 6 directories or links: a, b, c ..." || again.detail() != got {
		t.Errorf("of six: %q, in another order %q", got, again.detail())
	}
	var root unread
	root.add("")
	root.add(strings.Repeat("long/", 1000) + "\xff")
	if got := root.detail(); !strings.Contains(got, ": ., ...") || len(got) > 300 || strings.Contains(got, "\xff") {
		t.Errorf("of the top folder and a long one: %q", got)
	}
}
