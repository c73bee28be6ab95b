package index

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/ristretto/v2/z"
)

// The names of badger's files.
const (
	tableExt = ".sst"
	memExt   = ".mem"
	vlogExt  = ".vlog"
)

// logHeader is how many bytes begin each of badger's logs.
const logHeader = 20

// checkFiles looks at badger's files before badger does: where it finds them cut short it ends the process
// instead of returning an error.
func checkFiles(dir string) error {
	if err := checkManifest(dir); err != nil {
		return err
	}
	return eachFile(dir, func(path string) error {
		switch filepath.Ext(path) {
		case tableExt:
			return checkTable(path)
		case memExt, vlogExt:
			return checkLog(path)
		}
		return nil
	})
}

// checkLog refuses a log that has no complete header. An empty one is what a crash leaves.
func checkLog(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if size := info.Size(); size > 0 && size < logHeader {
		return damaged("%s has %d bytes", filepath.Base(path), size)
	}
	return nil
}

// checkTable opens a table as badger will.
func checkTable(path string) (err error) {
	if err := checkFooter(path); err != nil {
		return err
	}
	defer func() {
		if r := recover(); r != nil {
			err = damaged("%s: damaged index or block", filepath.Base(path))
		}
	}()
	file, err := z.OpenMmapFile(path, os.O_RDONLY, 0)
	if err != nil {
		return fault(err)
	}
	defer file.Close(-1)
	if _, err := table.OpenTable(file, table.Options{ChkMode: options.OnBlockRead}); err != nil {
		return damaged("%s: %w", filepath.Base(path), err)
	}
	return nil
}

// checkFooter follows the lengths at the end of a table: index, its length (4 bytes), checksum, its length (4).
func checkFooter(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("seek %s: %w", path, err)
	}
	for range 2 {
		var length [4]byte
		if _, err := f.ReadAt(length[:], end-4); err != nil {
			return damaged("%s: no footer", filepath.Base(path))
		}
		end -= 4 + int64(binary.BigEndian.Uint32(length[:]))
		if end < 4 {
			return damaged("%s: footer leads nowhere", filepath.Base(path))
		}
	}
	return nil
}
