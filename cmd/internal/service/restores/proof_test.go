package restores

import "testing"

func TestWholeSnapshots(t *testing.T) {
	t.Parallel()
	const at = "box/nightly/accounts/alice/2026-01-05T020000"
	for p, want := range map[string]bool{at: true, at + "/": true, at + "/full": true, at + "/files/": true, at + "/files/a": false, at + "/full/homedir": false,
		at + "/email/example.com/info": false, at + "/databases": false} {
		if whole(p, at) != want {
			t.Errorf("%s: %t", p, !want)
		}
	}
}
