package config

import (
	"strings"
	"testing"
)

func TestThePanelSocketIsAPathThatASocketCanHave(t *testing.T) {
	for text, want := range map[string]string{
		"":          "",
		"[panel]\n": "",
		"[panel]\nsocket=\"/run/slotfs/panel.sock\"":            "/run/slotfs/panel.sock",
		"[panel]\nsocket=\"panel.sock\"":                        "error",
		"[panel]\nsocket=\"/run/../x\"":                         "error",
		"[panel]\nsocket=\"/run/a\\nb\"":                        "error",
		"[panel]\nlisten=\":80\"":                               "error",
		"[panel]\nsocket=\"/" + strings.Repeat("a", 107) + "\"": "error",
	} {
		c, err := Parse("f", []byte(text), engines)
		switch {
		case want == "error" && err == nil:
			t.Errorf("%q is taken", text)
		case want != "error" && (err != nil || c.Panel.Socket != want):
			t.Errorf("%q: %v, %v", text, c, err)
		}
	}
}

func TestThePanelIsAddedOnceAndTheRestStays(t *testing.T) {
	before := "# mine\n[watch]\nmax-age = \"3d\" # long\n"
	out, err := AddPanel("f", []byte(before), "/run/slotfs/panel.sock", engines)
	if err != nil || !strings.HasPrefix(string(out), before) {
		t.Fatalf("%s %v", out, err)
	}
	if again, err := AddPanel("f", out, "/run/other", engines); err != nil || string(again) != string(out) {
		t.Errorf("%s %v", again, err)
	}
	if c, err := Parse("f", out, engines); err != nil || c.Panel.Socket != "/run/slotfs/panel.sock" {
		t.Errorf("%v %v", c, err)
	}
	if out, err := AddPanel("f", []byte("[panel]\n"), "/run/x", engines); err == nil {
		t.Errorf("a table that is there twice: %s", out)
	}
}
