package archive

import (
	"bytes"
	"encoding/json"
	"strings"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/verify"
)

// mostEntered is how many bytes of entries, compressed, are held for the next checkpoint.
const mostEntered = 4 << 20

// Checkpoint is `meta/checkpoint.gNNNNNN.json`: how an archive can be gone on with that a run did not finish. What it tells of
// is on the server's disk.
type Checkpoint struct {
	Temp string `json:"temp"` // the archive, in tmp/
	// Settled says that all that its writer asked for was answered: nothing is written any more. Otherwise requests of a dead
	// run may still come, and only a copy of the archive is out of their reach.
	Settled  bool          `json:"settled,omitempty"`
	Segments []Segment     `json:"segments"`
	Stops    []ResumePoint `json:"stops"` // where it can be gone on with, the farthest last
}

// Segment is a file in meta/ that tells what is in a part of the archive.
type Segment struct {
	manifest.File
	List int64 `json:"list"` // bytes of the entries; behind them come the members
	Pass int   `json:"pass"` // entries of one pass over the source are sorted; what a later one has replaces that of an earlier one
}

// ResumePoint is a place between two members.
type ResumePoint struct {
	Size     int64   `json:"size"`     // bytes of the archive before it, as stored
	Content  int64   `json:"content"`  // and uncompressed
	Sum      []byte  `json:"sum"`      // SHA-256 of the former, as crypto/sha256 encodes its state
	Segments int     `json:"segments"` // that are about what is before it
	Inside   *Inside `json:"inside,omitempty"`
}

// Inside says that a stop is in the content of a file.
type Inside struct {
	Entry []byte `json:"entry"` // of the file, as a journal of one entry
	Sum   []byte `json:"sum"`   // SHA-256 of what is in the archive of it
}

// ParseCheckpoint reads a checkpoint. One that leads elsewhere, or is none, is not ok.
func ParseCheckpoint(text []byte) (c Checkpoint, ok bool) {
	if err := json.Unmarshal(text, &c); err != nil || !isBase(c.Temp) || len(c.Stops) == 0 {
		return c, false
	}
	for _, s := range c.Segments {
		if !isBase(s.Name) || s.List < 0 || s.List > s.Size || s.Size > verify.MaxAbout || s.Pass < 0 || s.Pass > len(c.Segments) {
			return c, false
		}
	}
	for _, s := range c.Stops {
		if s.Size <= 0 || s.Content <= 0 || s.Segments <= 0 || s.Segments > len(c.Segments) {
			return c, false
		}
	}
	return c, true
}

// isBase reports whether a name is one of a file in a known directory.
func isBase(name string) bool {
	return name != "" && !strings.Contains(name, "/") && dest.CheckPath(name) == nil
}

// pendingCheckpoint is what the next checkpoint tells, on its way behind the members that it is about.
type pendingCheckpoint struct {
	list    []byte // entries since the one before
	pass    int
	content int64
	inside  *Inside // nil: it is between two entries
}

// entered collects entries for the next checkpoint.
type entered struct {
	text bytes.Buffer
	list *manifest.Writer
}

func newEntered() (e *entered, err error) {
	e = &entered{}
	e.list, err = manifest.NewJournalWriter(&e.text)
	return e, err
}

// bytes ends the list.
func (e *entered) bytes() ([]byte, error) {
	_, err := e.list.Close()
	return e.text.Bytes(), err
}

// oneEntry is a list of e alone.
func oneEntry(e *manifest.Entry) ([]byte, error) {
	list, err := newEntered()
	if err == nil {
		err = list.list.Write(e)
	}
	if err != nil {
		return nil, err
	}
	return list.bytes()
}
