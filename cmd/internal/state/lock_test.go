package state

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"

	"slotfs/cmd/internal/exit"
)

func TestLockIsHeldOnceAndTellsByWhom(t *testing.T) {
	t.Parallel()
	d, account := Dir(t.TempDir()), strings.Repeat("x", 255)
	held, err := d.LockAccount("box", account)
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.LockAccount("box", account)
	if !errors.Is(err, ErrLocked) || exit.Code(err) != exit.Busy || !strings.Contains(exit.Hint(err), strconv.Itoa(os.Getpid())) {
		t.Errorf("second lock: %v, hint %q", err, exit.Hint(err))
	}
	if other, err := d.LockJob("box", account); err != nil {
		t.Errorf("a job of that name: %v", err)
	} else {
		other.Release()
	}
	held.Release()
	again, err := d.LockAccount("box", account)
	if err != nil {
		t.Fatal(err)
	}
	again.Release()
}
