// Package backup is the vocabulary of slotfs: what a snapshot, an entry of its tree, a part and a
// status are. It knows no destination, no index and no layout, and imports the standard library only.
package backup

import (
	"encoding/hex"
	"errors"
	"fmt"
)

// ErrStale says that the remote file is no longer the one that was indexed: its size or modification
// time moved. Reads end with it (ESTALE in the mount) until the next pass has read the file anew.
var ErrStale = errors.New("changed on the destination since it was indexed")

// ErrEnd says that a file lies, in part or as a whole, behind the end of what there is of its archive.
var ErrEnd = errors.New("the backup ends here")

// ErrCorrupt says that bytes do not have the checksum that was recorded for them.
var ErrCorrupt = errors.New("checksum does not match what was indexed")

// Hash names a node or a blob of the index: the first 20 bytes of the SHA-256 of its encoding.
type Hash [20]byte

// IsZero reports whether h names nothing.
func (h Hash) IsZero() bool { return h == Hash{} }

// String gives h in hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText makes a Hash hexadecimal in JSON.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText is the reverse of MarshalText.
func (h *Hash) UnmarshalText(text []byte) error {
	if hex.DecodedLen(len(text)) != len(h) {
		return fmt.Errorf("hash of %d characters, want %d", len(text), hex.EncodedLen(len(h)))
	}
	_, err := hex.Decode(h[:], text)
	return err
}
