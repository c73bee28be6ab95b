package passes

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/progress"
)

// Record is how a pass ended. The last one of each destination is kept as DIR/NAME.json.
type Record struct {
	Destination string            `json:"destination"`
	Began       time.Time         `json:"began"`
	Ended       time.Time         `json:"ended"`
	Account     string            `json:"account,omitempty"`
	Full        bool              `json:"full,omitempty"`
	Summary     *progress.Summary `json:"summary,omitempty"`
	Error       string            `json:"error,omitempty"`
	Code        int               `json:"code,omitempty"`
}

func (r *Record) save(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return config.WriteFile(recordPath(dir, r.Destination), append(data, '\n'))
}

func recordPath(dir, name string) string { return filepath.Join(dir, name+".json") }

// Last reads how the last pass over a destination ended; fs.ErrNotExist if there was none.
func Last(dir, name string) (*Record, error) {
	data, err := os.ReadFile(recordPath(dir, name))
	if err != nil {
		return nil, fmt.Errorf("last pass: %w", err)
	}
	var r Record
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("last pass: %s: %w", recordPath(dir, name), err)
	}
	return &r, nil
}

// Forget removes the record of a destination.
func Forget(dir, name string) error {
	err := os.Remove(recordPath(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
