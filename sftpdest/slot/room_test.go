package slot

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/slot/state"
	"slotfs/sftpdest/slot/store"
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
	if _, err := a.run(t.Context(), server, o); !errors.Is(err, store.ErrFull) {
		t.Fatalf("%v, want store.ErrFull", err)
	}
	server.hear = nil
	for _, directory := range []string{"job/alice", "job/alice/slot-01/tmp"} {
		list, err := server.List(t.Context(), directory)
		a.check(err)
		for _, info := range list {
			if !strings.HasPrefix(info.Name, "slot-") {
				t.Errorf("%s/%s takes room", directory, info.Name)
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
	if _, err := a.run(t.Context(), server, o); err == nil || errors.Is(err, store.ErrFull) {
		t.Errorf("%v", err)
	}
}

func TestFullServerIsToldAndTheNextRunGoesOn(t *testing.T) {
	a, server := newAccount(t), newMemory()
	a.edit(1)
	o := options(2)
	o.tune.segment = 2
	server.hear = func(op, path string) error {
		if op == "write" && strings.HasSuffix(path, "/page") { // behind most files
			return syscall.ENOSPC
		}
		return nil
	}
	if _, err := a.run(t.Context(), server, o); !errors.Is(err, store.ErrFull) {
		t.Fatalf("%v, want store.ErrFull", err)
	}
	server.hear = nil
	sum := a.mustRun(server, o)
	if !sum.Resumed || sum.Slot != 1 || sum.Uploaded >= 16 {
		t.Errorf("%+v: not resumed", sum)
	}
	a.holdsAll(server, o, 1, 1)
}

func TestUploadsWaitForTheRoomThatABrokenRunTook(t *testing.T) {
	for _, stated := range []bool{false, true} {
		t.Run(fmt.Sprintf("stated %v", stated), func(t *testing.T) {
			a, server := newAccount(t), newMemory()
			a.edit(1)
			o := options(1)
			o.Lanes = 8
			tmp := state.Path(o.Directory, 1) + "/tmp"
			if stated {
				a.mustRun(server, o)
				a.mustRun(server, o)
				a.edit(2)
			} else {
				for _, dir := range []string{"job", "job/alice", "job/alice/slot-01", tmp} {
					a.check(server.Mkdir(t.Context(), dir, 0o700))
				}
			}
			if _, err := server.Put(t.Context(), tmp+"/other-1", nil, dest.Attributes{}, true); err != nil {
				t.Fatal(err)
			}
			swept, soon, late := false, 0, 0
			server.hear = func(op, path string) error {
				switch {
				case op == "remove" && path == tmp+"/other-1":
					swept = true
				case op != "create" && op != "mkdir" || !strings.HasPrefix(path, tmp+"/"):
				case swept:
					late++
				default: // there is room for the state, and for a look whether times are kept
					if soon++; soon > 2 {
						return syscall.ENOSPC
					}
				}
				return nil
			}
			a.mustRun(server, o)
			if !swept || soon == 0 || late == 0 {
				t.Errorf("swept %v, %d files before that, %d behind", swept, soon, late)
			}
		})
	}
}

// Servers have no status for what is no directory.
func TestFileInThePlaceOfAnAccountIsNotTakenForAFullServer(t *testing.T) {
	a, server := newAccount(t), newMemory()
	a.edit(1)
	o := options(2)
	a.check(server.Mkdir(t.Context(), dest.Parent(o.Directory), 0o755))
	f, err := server.Create(t.Context(), o.Directory, dest.Create{})
	a.check(err)
	a.check(f.Close(t.Context()))
	if _, err := a.run(t.Context(), server, o); err == nil || errors.Is(err, store.ErrFull) {
		t.Errorf("%v", err)
	}
}
