package state

import (
	"os"
	"testing"
)

func TestMachineIsKnownByItsSystemAndItsName(t *testing.T) {
	d := Dir(t.TempDir())
	one, err := d.MachineID("one")
	if err != nil || len(one) != 32 {
		t.Fatalf("%q, %v", one, err)
	}
	if again, err := d.MachineID("one"); err != nil || again != one {
		t.Errorf("the same machine: %q and %q, %v", one, again, err)
	}
	text, err := os.ReadFile(systemID)
	if err != nil {
		return // the id is in the state directory, whatever the machine is called
	}
	if id, _ := readID(systemID); id == one || len(text) < 32 {
		t.Error("the system's id is shown")
	}
	if clone, err := d.MachineID("two"); err != nil || clone == one {
		t.Errorf("a clone of another name: %q, %v", clone, err)
	}
}
