package config

import (
	"errors"
	"strings"
	"testing"
)

func TestCacheSizesAreRead(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "0GiB": 0, "10GiB": 10 << 30, "1.5 gib": 3 << 29, "500MB": 5e8,
		"64M": 64 << 20, "67108864": 64 << 20, "2t": 2 << 40} {
		if got, err := ParseCacheSize(text); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "1", "63MiB", "-1GiB", "GiB", "many", "10Gi B", "NaN", "inf", "1e30GiB", "10 GiB 2"} {
		if got, err := ParseCacheSize(text); err == nil {
			t.Errorf("%q is taken for %d", text, got)
		}
	}
}

func TestCacheTableIsReadAndStaysWhenDestinationsComeAndGo(t *testing.T) {
	text := "# ours\n[cache]\nsize = \"10GiB\" # an SSD\ndirectory = \"/ssd//slotfs/\"\n"
	want := Cache{Size: 10 << 30, Directory: "/ssd/slotfs"}
	c, err := Parse("f.toml", []byte(text), engines)
	if err != nil || c.Cache != want {
		t.Fatalf("%+v, %v", c, err)
	}
	d := &Destination{Name: "a", Engine: "cpanel", Host: "h", Username: "u", Port: DefaultPort, ConnectionTimeout: DefaultConnectionTimeout,
		MaxRetries: DefaultMaxRetries, MaxConnections: DefaultMaxConnections}
	added, err := Add("f.toml", []byte(text), d, engines)
	if err != nil || !strings.HasPrefix(string(added), text) {
		t.Fatalf("added: %v\n%s", err, added)
	}
	removed, err := Remove("f.toml", added, "a", engines)
	if err != nil || string(removed) != text {
		t.Errorf("removed: %v\n%s", err, removed)
	}
}

func TestCacheIsChosenByTheFreeSpaceUnlessTheFileSays(t *testing.T) {
	for _, text := range []string{"", "[cache]\n"} {
		if c, err := Parse("f.toml", []byte(text), engines); err != nil || c.Cache != (Cache{Size: AutomaticCache}) {
			t.Errorf("%q: %+v, %v", text, c.Cache, err)
		}
	}
}

func TestCacheTableThatCannotWorkIsAnErrorWithItsLine(t *testing.T) {
	for text, line := range map[string]int{
		"[cache]\n\nsize = \"1MiB\"\n": 3, "[cache]\ndirectory = \"relative\"\n": 2, "\n[cache]\nsize = 5\n": 3,
		"[cache]\nsizes = \"1GiB\"\n": 2, "[cache]\ndirectory = \"/a\\u0007\"\n": 2,
	} {
		_, err := Parse("f.toml", []byte(text), engines)
		var at *Error
		if !errors.As(err, &at) || at.Line != line {
			t.Errorf("%q: %v, want line %d", text, err, line)
		}
	}
}
