package slot

import (
	"testing"
)

// A pin writes the state of a complete slot anew: on a server that replaces nothing too, the slot stays a backup at every instant.
func TestStateIsNeverMissingWhereTheServerReplacesNothing(t *testing.T) {
	a, server, o := newAccount(t), newMemory(), options(2)
	server.plain = true
	a.mustRun(server, o)
	whole := server.clone()
	if err := Pin(t.Context(), whole, o.Directory, 1, true, Owner{}); err != nil {
		t.Fatal(err)
	}
	for k := 1; k <= whole.ops; k++ {
		for _, late := range []bool{false, true} {
			m := server.clone()
			m.killAt, m.late = k, late
			_ = Pin(t.Context(), m, o.Directory, 1, true, Owner{})
			m.dead, m.killAt = false, 0
			slots, err := List(t.Context(), m, o.Directory)
			if err != nil || len(slots) != 1 || !slots[0].Complete() {
				t.Fatalf("killed at operation %d of %d: %+v, %v", k, whole.ops, slots, err)
			}
			m.now += 3600
			if err := Pin(t.Context(), m, o.Directory, 1, true, Owner{}); err != nil {
				t.Fatalf("again after operation %d: %v", k, err)
			}
			if slots, err = List(t.Context(), m, o.Directory); err != nil || !slots[0].Complete() || !slots[0].State.Pinned {
				t.Fatalf("again after operation %d: %+v, %v", k, slots, err)
			}
		}
	}
}
