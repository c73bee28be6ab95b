package config

import (
	"strings"
	"testing"
)

func TestSharesAreReadAsPeopleWriteThem(t *testing.T) {
	for text, want := range map[string]float64{"5%": .05, "0.05": .05, "1/30": 1. / 30, " 1 ": 1, "0": 0, "100%": 1} {
		if got, err := ParseShare(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "x", "2", "-1", "200%", "1/0", "0/0", "1/x", "5%/2", "NaN", "1/30/2"} {
		if got, err := ParseShare(text); err == nil {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}

func TestScrubIsChecked(t *testing.T) {
	destination := "[destination.a]\nengine = \"cpanel\"\nhost = \"h\"\nusername = \"u\"\n"
	c, err := Parse("f", []byte(destination+"scrub = \"1/30\"\nscrub-bandwidth = \"5M\""), []string{"cpanel", "slots"})
	if err != nil {
		t.Fatal(err)
	}
	if d := c.Destinations["a"]; d.DailyShare() != 1./30 || d.ScrubRate() != 5<<20 {
		t.Errorf("%+v", d)
	}
	slots := strings.Replace(destination, "cpanel", "slots", 1)
	for text, want := range map[string]string{
		destination + `scrub = "often"`:           "f:5: destination a: scrub",
		destination + `scrub = "0"`:               "f:5: destination a: scrub",
		destination + `scrub-bandwidth = "1"`:     "f:5: destination a: scrub-bandwidth",
		destination + `scrub-bandwidth = "quick"`: "f:5: destination a: scrub-bandwidth",
		slots + `scrub = "1/30"`:                  "slotfs verify JOB",
	} {
		if _, err := Parse("f", []byte(text), []string{"cpanel", "slots"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
