package slot

import (
	"errors"
	"strings"
	"testing"
)

// The user's quota is used up: the server says nothing but Failure, and its disk has room.
func TestQuotaOnTheServerIsToldAndItsRoomIsGivenBack(t *testing.T) {
	a, server := newAccount(t), newMemory()
	a.edit(1)
	o := options(2)
	writes := 0
	server.hear = func(op, _ string) error {
		if op == "write" || op == "put" {
			if writes++; writes > 12 {
				return errors.New("the server says Failure")
			}
		}
		return nil
	}
	if _, err := a.run(t.Context(), server, o); !errors.Is(err, ErrFull) {
		t.Fatalf("%v, want ErrFull", err)
	}
	server.hear = nil
	for _, folder := range []string{"job/alice", "job/alice/slot-01/tmp"} {
		list, err := server.List(t.Context(), folder)
		a.check(err)
		for _, info := range list {
			if !strings.HasPrefix(info.Name, slotPrefix) {
				t.Errorf("%s/%s takes room", folder, info.Name)
			}
		}
	}
	a.mustRun(server, o)
	a.holdsAll(server, o, 1, 1)
}

func TestFailureThatIsNoLackOfRoomIsNotCalledOne(t *testing.T) {
	a, server := newAccount(t), newMemory()
	a.edit(1)
	o := options(2)
	renames := 0
	server.hear = func(op, _ string) error {
		if op == "rename" {
			if renames++; renames > 5 {
				return errors.New("the server says Failure")
			}
		}
		return nil
	}
	if _, err := a.run(t.Context(), server, o); err == nil || errors.Is(err, ErrFull) {
		t.Errorf("%v", err)
	}
}
