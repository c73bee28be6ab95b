package browse

import (
	"encoding/base64"
	"time"

	"slotfs/indexer/backup"
)

// Bytes are a path or a name, which JSON has no strings for: they are sent in base64.
type Bytes string

// MarshalText encodes the bytes.
func (b Bytes) MarshalText() ([]byte, error) {
	return base64.StdEncoding.AppendEncode(nil, []byte(b)), nil
}

// UnmarshalText decodes the bytes.
func (b *Bytes) UnmarshalText(text []byte) error {
	raw, err := base64.StdEncoding.AppendDecode(nil, text)
	*b = Bytes(raw)
	return err
}

// Query says what to find.
type Query struct {
	Pattern Bytes `json:"pattern"`          // of a name, as path.Match takes it
	Below   Bytes `json:"below,omitempty"`  // path in the mount, without links; "": everywhere
	Latest  bool  `json:"latest,omitempty"` // only in the newest complete snapshots
	// Since and Until limit the search to snapshots of that time: not before Since, and before Until. Zero: without that limit.
	Since time.Time `json:"since,omitzero"`
	Until time.Time `json:"until,omitzero"`
}

// Match is something that was found.
type Match struct {
	Path  Bytes       `json:"path"` // in the mount
	Type  string      `json:"type"`
	Size  int64       `json:"size"`
	MTime backup.Time `json:"mtime"`
}
