package archive

import (
	"archive/tar"
	"bytes"
	"errors"

	"github.com/klauspost/compress/zstd"

	"slotfs/indexer/manifest"
)

// What is kept of the contents of an archive at most: bytes, and files.
const (
	maxKept      = 16 << 20
	maxKeptFiles = 20_000
)

// metadataCopies keeps copies of those small files of an archive that whoever indexes it wants to see.
type metadataCopies struct {
	want  func(path string, size int64) bool
	files int
	bytes int64
	out   bytes.Buffer
	tar   *tar.Writer
	err   error
}

func newMetadataCopies(want func(path string, size int64) bool) *metadataCopies {
	k := &metadataCopies{want: want}
	k.tar = tar.NewWriter(&k.out)
	return k
}

// wants reports whether the content of a file is to be kept.
func (k *metadataCopies) wants(e *manifest.Entry) bool {
	return k.want != nil && e.Sparse == nil && e.Size <= maxKept-k.bytes && k.files < maxKeptFiles && k.want(e.Path, e.Size)
}

// add keeps a file.
func (k *metadataCopies) add(e *manifest.Entry, content []byte) {
	k.files++
	k.bytes += int64(len(content))
	err := k.tar.WriteHeader(&tar.Header{Name: e.Path, Mode: 0o600, Size: int64(len(content)), Format: tar.FormatPAX})
	if err == nil {
		_, err = k.tar.Write(content)
	}
	k.err = errors.Join(k.err, err)
}

// encode gives the tar archive, compressed; nil if nothing is in it.
func (k *metadataCopies) encode() ([]byte, error) {
	if k.files == 0 || k.err != nil {
		return nil, k.err
	}
	if err := k.tar.Close(); err != nil {
		return nil, err
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
	if err != nil {
		return nil, err
	}
	defer encoder.Close()
	return encoder.EncodeAll(k.out.Bytes(), nil), nil
}
