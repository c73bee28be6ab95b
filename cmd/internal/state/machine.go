package state

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"slotfs/cmd/internal/config"
)

// systemID is where a system keeps its id.
const systemID = "/etc/machine-id"

// MachineID tells this machine from others that write to the same destinations. The system's id is hashed, as machine-id(5)
// wants it, together with the host name: clones of a machine have the same id. A system without one gets an id in the state
// directory.
func (d Dir) MachineID(host string) (string, error) {
	if id, ok := readID(systemID); ok {
		sum := sha256.Sum256([]byte("slotfs\x00" + id + "\x00" + host))
		return hex.EncodeToString(sum[:16]), nil
	}
	path := filepath.Join(string(d), "machine-id")
	if id, ok := readID(path); ok {
		return id, nil
	}
	if _, err := os.Stat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return "", d.Fault(errors.Join(fmt.Errorf("%s: it holds no id of a machine", path), err))
	}
	var id [16]byte
	_, _ = rand.Read(id[:]) // it never fails
	if err := config.WriteFile(path, []byte(hex.EncodeToString(id[:])+"\n")); err != nil {
		return "", d.Fault(err)
	}
	return hex.EncodeToString(id[:]), nil
}

// readID reads a file with the id of a machine: 32 hexadecimal digits.
func readID(path string) (string, bool) {
	text, err := os.ReadFile(path)
	id := strings.TrimSpace(string(text))
	decoded, hexErr := hex.DecodeString(id)
	return id, err == nil && hexErr == nil && len(decoded) == 16
}
