package config

import (
	"strings"
	"testing"
	"time"
)

const turnsHead = "[destination.box]\nengine = \"slots\"\nhost = \"h\"\nusername = \"u\"\n"

func TestTurnsAreReadAndWritten(t *testing.T) {
	c, err := Parse("f", []byte(turnsHead+"window = \"22:00-06:00\"\njitter = \"15m\"\nmax-writers = 2\nmax-wait = \"never\"\n"), engines)
	if err != nil {
		t.Fatal(err)
	}
	d := c.Destinations["box"]
	if want := (Turns{"22:00-06:00", 15 * time.Minute, 2, Never}); d.Turns != want || d.Limit() != 0 {
		t.Errorf("got %+v, waits %v", d.Turns, d.Limit())
	}
	again, err := Parse("f", []byte(d.text()), engines)
	if err != nil || again.Destinations["box"].Turns != d.Turns {
		t.Errorf("written and read again: %v\n%s", err, d.text())
	}
	if (&Turns{}).Limit() != DefaultMaxWait {
		t.Error("absent: a wait without end")
	}
}

func TestTurnsThatCannotBe(t *testing.T) {
	for text, want := range map[string]string{
		`window = "01:00"`:    `f:5: destination box: window "01:00": want two times of day`,
		`jitter = "soon"`:     `f:5: destination box: jitter "soon": want a duration`,
		`jitter = "-1m"`:      `want a duration like "15m", at most 24h0m0s`,
		`max-writers = -1`:    `f:5: destination box: max-writers -1: want 1 to 1000`,
		`max-wait = "a week"`: `f:5: destination box: max-wait "a week": want an age`,
	} {
		if _, err := Parse("f", []byte(turnsHead+text+"\n"), engines); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	head := strings.Replace(turnsHead, "slots", "cpanel", 1)
	if _, err := Parse("f", []byte(head+"max-writers = 2\n"), engines); err == nil || !strings.Contains(err.Error(), "nothing writes to a destination with the engine cpanel") {
		t.Errorf("engine cpanel: %v", err)
	}
}
