package browse

import "testing"

func TestSplitVersioned(t *testing.T) {
	for p, want := range map[string]string{
		"d/accounts/a/2026-01-05/files/x":            "d/accounts/a files/x",
		"d/srv/1/accounts/a/latest/files/accounts/x": "d/srv/1/accounts/a files/accounts/x",
		"d/srv/system/2026-01-05/files/accounts/b":   "d/srv/system files/accounts/b",
	} {
		above, below, err := SplitVersioned(p)
		if err != nil || above+" "+below != want {
			t.Errorf("%s: %q %q %v", p, above, below, err)
		}
	}
	for _, p := range []string{"", "d", "accounts/a/b/c/d", "d/accounts/a/s", "d/system/s"} {
		if above, below, err := SplitVersioned(p); err == nil {
			t.Errorf("%s: %q %q", p, above, below)
		}
	}
}

func TestNumbersRememberWhatWasAdded(t *testing.T) {
	s := numbers{}
	for _, n := range []uint64{0, 1, 63, 64, 1023, 1024, 1 << 40, 1<<40 + 1} {
		if !s.add(n) || s.add(n) {
			t.Errorf("%d is not remembered once", n)
		}
	}
	if len(s) != 3 {
		t.Errorf("%d blocks", len(s))
	}
}
