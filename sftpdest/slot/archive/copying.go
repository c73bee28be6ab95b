package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding"
	"hash"
	"io"

	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/source"
)

// copying is a file on its way into the archive.
type copying struct {
	file  *source.File
	entry *manifest.Entry
	sum   hash.Hash
	keep  bool
	kept  []byte
	torn  error // it could not be read to its end
}

// inside is where the archive stands in the content of the file.
func (c *copying) inside() (*Inside, error) {
	entry, err := oneEntry(c.entry)
	if err != nil {
		return nil, err
	}
	sum, err := c.sum.(encoding.BinaryMarshaler).MarshalBinary()
	return &Inside{entry, sum}, err
}

// readAs reports whether the file begins with what is in the archive of it, whatever its times say.
func (c *copying) readAs(ctx context.Context, n int64) bool {
	sum := sha256.New()
	_, err := io.Copy(sum, &contextReader{ctx, io.NewSectionReader(c.file, 0, n)})
	return err == nil && bytes.Equal(sum.Sum(nil), c.sum.Sum(nil))
}

// contextReader ends reading with its context.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
