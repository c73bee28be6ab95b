package slot

import (
	"fmt"

	"slotfs/sftpdest/slot/place"
	"slotfs/sftpdest/slot/plan"
)

// step is an item of the plan on its way.
type step struct {
	place.Item
	build  *stagedDir    // what a directory is built as; nil: it is made under its name
	staged *stagedDir    // takes the file; nil: it is moved to its name by itself
	seal   bool          // nothing more comes into the staged directory; there is no action
	done   chan struct{} // closed when Entry is as it goes into the manifest; nil: it is from the beginning
	known  bool          // done is closed
	left   bool          // it does not go into the manifest
}

// early reports whether a step begins with an upload to a temporary name, which may go ahead of all that it has to wait for
// before it is moved to its own.
func (s *step) early(small int64) bool {
	return (s.Do == plan.Send || s.Do == plan.Compare) && s.Entry.Size <= small
}

// markFinal says that the entry is as it goes into the manifest.
func (s *step) markFinal() {
	if !s.known {
		s.known = true
		close(s.done)
	}
}

// show makes a path fit for an error.
func show(path string) string {
	if path == "" {
		return "the account's directory"
	}
	return fmt.Sprintf("%q", path)
}
