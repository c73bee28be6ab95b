package restores

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"slotfs/cmd/internal/exit"
)

func TestRestoreBelowADirectoryThatIsNotThereNamesTheCure(t *testing.T) {
	err := explainPlace("/srv/new/alice", fmt.Errorf("mkdir: %w", fs.ErrNotExist))
	if hint := exit.Hint(err); !strings.HasSuffix(hint, "mkdir -p /srv/new") {
		t.Errorf("hint %q does not say how to make /srv/new", hint)
	}
	if hint := exit.Hint(explainPlace("/srv/new/alice", errors.New("odd"))); hint != "" {
		t.Errorf("hint %q for another error", hint)
	}
}
