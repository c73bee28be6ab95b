package manifest

import (
	"slices"
	"strings"
	"unicode"
)

// Trait is what a server does to names.
type Trait string

// The traits of servers.
const (
	FoldsCase Trait = "folds-case" // names that differ in case are one
	Lowers    Trait = "lowers"     // the case of names is not kept
	Trims     Trait = "trims"      // dots and blanks at the end, or blanks at the beginning, are not kept
	Recodes   Trait = "recodes"    // names beyond ASCII are changed, refused, or one with others
	Rewrites  Trait = "rewrites"   // control characters, or one of "\:*?<>|, are changed, refused, or have a meaning
	Reserves  Trait = "reserves"   // names of DOS devices are no files
	Shortens  Trait = "shortens"   // names of 255 bytes are cut
	Plain     Trait = "plain"      // none of these: it was looked for
)

// traits are all that there are.
var traits = []Trait{FoldsCase, Lowers, Trims, Recodes, Rewrites, Reserves, Shortens, Plain}

// Traits are those of one server.
type Traits []Trait

// TraitsOf are those that has holds for, Plain if it holds for none.
func TraitsOf(has func(t Trait) bool) (found Traits) {
	for _, t := range traits {
		if has(t) {
			found = append(found, t)
		}
	}
	if len(found) == 0 {
		return Traits{Plain}
	}
	return found
}

// Has reports whether t is among them.
func (all Traits) Has(t Trait) bool { return slices.Contains(all, t) }

// Escapes reports whether a name is always escaped on a server with these traits.
func (all Traits) Escapes(name string) bool {
	for _, t := range all {
		if t.changes(name) {
			return true
		}
	}
	return IsEscaped(name)
}

func (t Trait) changes(name string) bool {
	switch t {
	case Lowers:
		return strings.ToLower(name) != name
	case Trims:
		return strings.TrimSpace(strings.TrimRight(name, ".")) != name || strings.HasSuffix(name, " ")
	case Recodes:
		return strings.ContainsFunc(name, func(r rune) bool { return r >= 0x80 })
	case Rewrites:
		return strings.ContainsFunc(name, func(r rune) bool { return r < 0x20 || r == 0x7f || strings.ContainsRune(`"\:*?<>|`, r) })
	case Reserves:
		return isDevice(name)
	case Shortens:
		return len(name) > mostPlain
	}
	return false
}

// mostPlain is how long names are that any server keeps, in bytes: file systems that encrypt names have room for 143.
const mostPlain = 143

// isDevice reports whether DOS takes a name for that of a device, whatever its extension is.
func isDevice(name string) bool {
	base, _, _ := strings.Cut(strings.ToLower(name), ".")
	base = strings.TrimRight(base, " ")
	switch {
	case base == "con", base == "prn", base == "aux", base == "nul", base == "clock$", base == "conin$", base == "conout$":
		return true
	}
	digits := strings.TrimPrefix(strings.TrimPrefix(base, "com"), "lpt")
	return len(base) > 3 && len(digits) != len(base) && len([]rune(digits)) == 1 && strings.ContainsAny(digits, "0123456789¹²³")
}

// Fold is what names have in common that a server which folds case takes for one.
func Fold(name string) string {
	return strings.Map(func(r rune) rune {
		low := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			low = min(low, f)
		}
		return low
	}, name)
}
