// Package engines is the list of engines. It knows their names only; what a layout looks like is in the
// package of its engine.
package engines

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"slotfs/indexer/engine"
	"slotfs/indexer/engine/cpanel"
	"slotfs/indexer/engine/slots"
)

// ErrUnknown says that no engine has the name.
var ErrUnknown = errors.New("no such engine")

// ByName makes the engine that a destination's settings name. The error is ErrUnknown and tells the
// names there are.
func ByName(name string) (engine.Engine, error) {
	for _, e := range list() {
		if e.name == name {
			return e.make(), nil
		}
	}
	return nil, fmt.Errorf("engine %q: %w (there are: %s)", name, ErrUnknown, strings.Join(Names(), ", "))
}

// Names lists the engines in byte order.
func Names() []string {
	var names []string
	for _, e := range list() {
		names = append(names, e.name)
	}
	slices.Sort(names)
	return names
}

// entry is one line of the list.
type entry struct {
	name string
	make func() engine.Engine
}

// list is the one place where a new engine is written down.
func list() []entry {
	return []entry{
		{"cpanel", func() engine.Engine { return cpanel.New() }},
		{"slots", func() engine.Engine { return slots.New() }},
	}
}
