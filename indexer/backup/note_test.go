package backup

import (
	"fmt"
	"reflect"
	"testing"
)

func TestNotesCountByKindAndKeepTheFirstExample(t *testing.T) {
	var n Notes
	n.Add("time out of range", "a")
	n.AddCount("member hidden", 3, "b")
	n.Add("time out of range", "c")
	n.AddCount("nothing", 0, "d")
	want := Notes{{"time out of range", 2, "a"}, {"member hidden", 3, "b"}}
	if !reflect.DeepEqual(n, want) || n.Total() != 5 {
		t.Errorf("notes are %v, total %d", n, n.Total())
	}
	for i := range 1000 {
		n.Add(NoteKind(fmt.Sprint(i)), "")
	}
	if len(n) != maxNotes {
		t.Errorf("%d kinds are kept", len(n))
	}
}
