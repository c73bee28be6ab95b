package engines

import (
	"errors"
	"strings"
	"testing"
)

func TestEveryListedEngineCanBeMade(t *testing.T) {
	names := Names()
	if len(names) == 0 {
		t.Fatal("no engines")
	}
	for _, name := range names {
		e, err := ByName(name)
		if err != nil || e == nil {
			t.Errorf("ByName(%q) = %v, %v", name, e, err)
		}
	}
}

func TestUnknownEngineTellsTheNamesThereAre(t *testing.T) {
	_, err := ByName("zip")
	if !errors.Is(err, ErrUnknown) {
		t.Fatalf("error is %v, want ErrUnknown", err)
	}
	if !strings.Contains(err.Error(), "cpanel") || !strings.Contains(err.Error(), `"zip"`) {
		t.Errorf("error does not help: %v", err)
	}
}
