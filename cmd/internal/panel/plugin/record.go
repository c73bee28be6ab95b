package plugin

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"slotfs/cmd/internal/config"
)

// record is what is installed, or about to be.
type record struct {
	Done      bool                `json:"done"`                // everything is as it should be
	Forgotten int                 `json:"forgotten,omitempty"` // how many of the panel's commands for the removal are done
	Files     map[string][]string `json:"files"`               // by path the checksums that a file of ours may have
}

func (p *Place) recordFile(of *Panel) string { return filepath.Join(p.State, of.Name+".json") }

// record reads what is installed.
func (p *Place) record(of *Panel) (*record, error) {
	r := &record{Files: map[string][]string{}}
	text, err := os.ReadFile(p.recordFile(of))
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(text, r)
	}
	if err != nil {
		return nil, fmt.Errorf("panel %s: what was installed: %w", of.Name, err)
	}
	if r.Files == nil {
		r.Files = map[string][]string{}
	}
	return r, nil
}

// save writes what is installed.
func (p *Place) save(of *Panel, r *record) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		err = os.MkdirAll(p.State, 0o700)
	}
	if err == nil {
		err = config.WriteFile(p.recordFile(of), append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("panel %s: %w", of.Name, err)
	}
	return nil
}

// intend notes what files will have. What they had stays noted: a run that is cut off leaves some of each.
func (r *record) intend(all []*wanted) {
	r.Done, r.Forgotten = false, 0
	for _, w := range all {
		if sum := checksum(w.text); !slices.Contains(r.Files[w.path], sum) {
			r.Files[w.path] = append(r.Files[w.path], sum)
		}
	}
}

// settle notes that files have what they should.
func (r *record) settle(all []*wanted) {
	r.Done = true
	for _, w := range all {
		r.Files[w.path] = []string{checksum(w.text)}
	}
}

// ours reports whether we made the file at a path. fs.ErrNotExist says that there is none.
func (r *record) ours(path string, f *file) (bool, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return false, err
	}
	sums, noted := r.Files[path]
	if !info.Mode().IsRegular() || !noted {
		return false, nil
	}
	text, err := os.ReadFile(path)
	return f.settings || slices.Contains(sums, checksum(text)), err
}

func checksum(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
