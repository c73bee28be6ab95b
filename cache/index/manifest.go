package index

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// manifestHeader is the magic text and the version that begin badger's MANIFEST.
const manifestHeader = 8

// checkManifest refuses a MANIFEST that was cut off before its first record while there are tables: badger would
// take the index for an empty one and delete them. A torn last record is what a crash leaves; badger drops it.
func checkManifest(dir string) error {
	tables, err := filepath.Glob(filepath.Join(dir, "*"+tableExt))
	if err != nil || len(tables) == 0 {
		return err
	}
	content, err := os.ReadFile(filepath.Join(dir, "MANIFEST"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if !bytes.HasPrefix(content, []byte("Bdgr")) || len(content) < manifestHeader+8 {
		return damaged("MANIFEST has %d bytes, beside %d tables", len(content), len(tables))
	}
	first := int64(binary.BigEndian.Uint32(content[manifestHeader:])) // length, CRC-32C (4 bytes), record
	if int64(len(content)) < manifestHeader+8+first {
		return damaged("MANIFEST has no whole record, beside %d tables", len(tables))
	}
	return nil
}
