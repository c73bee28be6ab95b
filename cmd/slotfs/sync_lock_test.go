package main

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"

	"slotfs/cmd/internal/exit"
	"slotfs/sftpdest/slot"
)

func TestLockIsHeldOnceAndTellsByWhom(t *testing.T) {
	d := stateDir(t.TempDir())
	path := d.accountLock("box", strings.Repeat("x", 255))
	held, err := d.take(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.take(path)
	if !errors.Is(err, slot.ErrBusy) || exit.Code(err) != exit.Busy || !strings.Contains(exit.Hint(err), strconv.Itoa(os.Getpid())) {
		t.Errorf("second lock: %v, hint %q", err, exit.Hint(err))
	}
	held.release()
	again, err := d.take(path)
	if err != nil {
		t.Fatal(err)
	}
	again.release()
}
