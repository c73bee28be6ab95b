package slot

import (
	"fmt"

	"slotfs/indexer/manifest"
)

// Owner is who changes slots.
type Owner struct {
	Machine string // as in Options
	Adopt   bool   // also slots of another machine
}

// owned makes sure that the account's slots are those of this machine: those of the machine that wrote the newest one are.
// So adopting them takes one run, and the machine that had them before is refused from then on.
func owned(slots []Slot, o *Options) error {
	if o.Machine == "" || o.Adopt {
		return nil
	}
	var newest *manifest.State
	for i := range slots {
		if s := &slots[i].State; s.Phase != "" && (newest == nil || s.Gen > newest.Gen) {
			newest = s
		}
	}
	if newest == nil || newest.Machine == o.Machine || newest.Machine == "" && newest.Host == o.Host {
		return nil
	}
	return fmt.Errorf("%s: host %q, which is not this machine: %w", o.Directory, newest.Host, ErrForeign)
}
