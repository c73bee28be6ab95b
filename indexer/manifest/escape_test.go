package manifest

import (
	"strings"
	"testing"

	"slotfs/indexer/backup"
)

var oddNames = []string{
	"Logo.png", "logo.png", "LOGO.PNG", ".htaccess", "a:b?", "trailing.", "trailing ", " leading", "-rf", "aux", "AUX.h", "com1.txt",
	"caf\u00e9", "cafe\u0301", "\xff\xfe", "new\nline", "back\\slash", "100%", "a=b", "=", "==", "plain", "a",
	strings.Repeat("n", 143), strings.Repeat("n", 255), strings.Repeat("N", 255), strings.Repeat("\u20ac", 85), strings.Repeat("x", 4096),
}

func TestEscapedNamesAreTakenByAnyServerAndDifferForAll(t *testing.T) {
	every := Traits{FoldsCase, Lowers, Trims, Recodes, Rewrites, Reserves, Shortens}
	seen := map[string]string{}
	for _, name := range oddNames {
		for range 2 { // and the escaped name of an escaped name
			escaped := Escape(name)
			folded := Fold(escaped)
			if other, ok := seen[folded]; ok && other != name {
				t.Errorf("%q and %q are both %q", name, other, escaped)
			}
			seen[folded] = name
			if len(escaped) > mostEscaped || strings.Trim(escaped, "abcdefghijklmnopqrstuvwxyz0123456789_-.=") != "" {
				t.Errorf("%q becomes %q, which not every server takes", name, escaped)
			}
			for _, trait := range every {
				if trait.changes(escaped) {
					t.Errorf("%q becomes %q: %s", name, escaped, trait)
				}
			}
			if !IsEscaped(escaped) || !(Traits{}).Escapes(escaped) {
				t.Errorf("%q is not known for an escaped name", escaped)
			}
			if back, ok := Unescape(escaped); ok && back != name || !ok && len(name) < 30 {
				t.Errorf("%q comes back as %q, %v", name, back, ok)
			}
			name = escaped
		}
	}
}

func TestNamesThatServersKeepAreNotEscaped(t *testing.T) {
	every := Traits{FoldsCase, Trims, Recodes, Rewrites, Reserves, Shortens}
	for _, name := range []string{"index.php", "README", "wp-config.php", ".bashrc", "com10", "console", "a b", "x=y", "100%", "a=12345678", "==" + strings.Repeat("A", 32)} {
		if every.Escapes(name) {
			t.Errorf("%q is escaped", name)
		}
	}
	for trait, names := range map[Trait][]string{
		Lowers: {"README"}, Trims: {"a.", "a ", "a. ", "...a..", " a"}, Recodes: {"caf\u00e9", "\xff"}, Rewrites: {"a:b", "a\\b", "a\tb", "what?"},
		Reserves: {"aux", "CON.txt", "nul ", "Lpt1", "com\u00b9.x"}, Shortens: {strings.Repeat("x", 144)},
	} {
		for _, name := range names {
			if !(Traits{trait}).Escapes(name) || (Traits{Plain}).Escapes(name) {
				t.Errorf("%s: %q", trait, name)
			}
		}
	}
}

func TestWriterRefusesAnEscapedNameOfAnotherOne(t *testing.T) {
	e := Entry{Path: "dir/A", Entry: backup.Entry{Mode: backup.ModeRegular, Stored: Escape("A")}}
	if err := e.check(); err != nil {
		t.Error(err)
	}
	for _, stored := range []string{"A", "a", "../x", Escape("B"), Escape("dir/A")} {
		if e.Stored = stored; e.check() == nil {
			t.Errorf("%q is taken", stored)
		}
	}
}

func FuzzEscape(f *testing.F) {
	for _, name := range oddNames {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if name == "" {
			return
		}
		escaped := Escape(name)
		if !IsEscaped(escaped) || len(escaped) > mostEscaped {
			t.Fatalf("%q becomes %q", name, escaped)
		}
		if back, ok := Unescape(escaped); ok && back != name {
			t.Fatalf("%q comes back as %q", name, back)
		}
		if back, ok := Unescape(name); ok && Escape(back) != name {
			t.Fatalf("%q is taken for the escaped form of %q", name, back)
		}
		_ = isDevice(name)
	})
}
