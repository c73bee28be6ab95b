package manifest

import "fmt"

// Mark tells which backup a slot holds: it changes when the backup does, and not when the slot is pinned or verified.
func (s *State) Mark() string {
	sum := ""
	if s.Manifest != nil {
		sum = s.Manifest.SHA256
	}
	return fmt.Sprintf("%s g%d %s", s.Phase, s.Gen, sum)
}
