package slot

import (
	"slotfs/sftpdest/slot/plan"
)

// step is an action on its way.
type step struct {
	plan.Action
	at     string        // where on the server something stands, if it is not none
	in     *directory    // the directory around it
	self   *directory    // of a directory
	staged *stagedDir    // takes the file; nil: it is moved to its name by itself
	seal   bool          // nothing more comes into the staged directory; there is no action
	done   chan struct{} // closed when Entry is as it goes into the manifest; nil: it is from the beginning
	known  bool          // done is closed
	left   bool          // it does not go into the manifest
}
