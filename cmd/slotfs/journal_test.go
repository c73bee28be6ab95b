package main

import (
	"bytes"
	"errors"
	"log/slog"
	"testing"
)

func TestMessagesInTheJournalHaveTheirPriority(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(newJournalHandler(&out, &slog.HandlerOptions{Level: slog.LevelInfo})).With("destination", "box")
	log.Debug("not told")
	log.Info("mounted", "mountpoint", "/mnt")
	log.Warn("retried")
	log.Error("reload", "error", errors.New("two\nlines"))
	want := "<6>msg=mounted destination=box mountpoint=/mnt\n<4>msg=retried destination=box\n<3>msg=reload destination=box error=\"two\\nlines\"\n"
	if out.String() != want {
		t.Errorf("the journal gets\n%s\nwant\n%s", out.String(), want)
	}
}
