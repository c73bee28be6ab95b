package slot

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
)

// errManifest says that a manifest is not the one that its state names.
var errManifest = errors.New("manifest is missing or damaged")

// newSpool is a local temporary file without a name: manifests of a million entries are read twice, and written while
// the journal goes on.
func newSpool() (*os.File, error) {
	f, err := os.CreateTemp("", "slotfs-manifest-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// fetchManifest brings the manifest of a slot here. errManifest says that there is none to trust.
func fetchManifest(ctx context.Context, store dest.Reader, slot string, want *manifest.File) (*os.File, error) {
	if want == nil {
		return nil, errManifest
	}
	remote, err := store.Open(ctx, slot+"/meta/"+want.Name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, dest.ErrNotRegular) {
		return nil, fmt.Errorf("%w: %w", errManifest, err)
	}
	if err != nil {
		return nil, err
	}
	defer remote.Close()
	spool, err := newSpool()
	if err != nil {
		return nil, err
	}
	stream := dest.NewStream(ctx, remote, 0, want.Size, 0)
	defer stream.Close()
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(spool, sum), stream)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF) && ctx.Err() == nil:
		err = fmt.Errorf("%w: %w", errManifest, err)
	case err == nil && hex.EncodeToString(sum.Sum(nil)) != want.SHA256:
		err = errManifest
	}
	if err != nil {
		spool.Close()
		return nil, fmt.Errorf("read %s/meta/%s: %w", slot, want.Name, err)
	}
	return spool, nil
}

// entries reads a spooled manifest from its beginning; a nil one is empty.
type entries struct {
	*pulled[*manifest.Entry]
	reader *manifest.Reader
	head   *manifest.Entry // the next one; nil behind the end
	at     string          // where it is below data/
	err    error
	around []located // the directories around it that are somewhere else than their path says
}

// located is where a directory is on the server.
type located struct{ path, at string }

func openEntries(spool *os.File) (*entries, error) {
	if spool == nil {
		return &entries{}, nil
	}
	size, err := spool.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	reader, err := manifest.NewReader(bufio.NewReaderSize(io.NewSectionReader(spool, 0, size), 256<<10))
	if err != nil {
		return nil, err
	}
	e := &entries{reader: reader, pulled: pull(all(reader))}
	e.look()
	return e, nil
}

// all are the entries of a manifest.
func all(reader *manifest.Reader) iter.Seq2[*manifest.Entry, error] {
	return func(yield func(*manifest.Entry, error) bool) {
		for {
			e, err := reader.Next()
			if err == io.EOF || !yield(e, err) || err != nil {
				return
			}
		}
	}
}

func (e *entries) look() {
	if e.head, e.err = e.pulled.head, e.pulled.err; e.head != nil {
		e.locate()
	}
}

// locate tells where the head is: below directories with escaped names that come before it.
func (e *entries) locate() {
	for len(e.around) > 0 && !below(e.head.Path, e.around[len(e.around)-1].path) {
		e.around = e.around[:len(e.around)-1]
	}
	e.at = e.head.Path
	if len(e.around) > 0 {
		dir := e.around[len(e.around)-1]
		e.at = dir.at + e.head.Path[len(dir.path):]
	}
	if e.head.Stored != "" {
		e.at = join(dest.Parent(e.at), e.head.Stored)
	}
	if e.head.IsDir() && e.at != e.head.Path {
		e.around = append(e.around, located{e.head.Path, e.at})
	}
}

func (e *entries) advance() {
	e.pulled.advance()
	if e.look(); !e.pulled.some {
		e.head = nil
	}
}

// take returns the entry of path, and where it is, and goes on, or nil.
func (e *entries) take(path string) (found *manifest.Entry, at string) {
	if e.head == nil || e.head.Path != path {
		return nil, ""
	}
	found, at = e.head, e.at
	e.advance()
	return found, at
}

func (e *entries) close() {
	if e.reader != nil {
		e.pulled.close()
		e.reader.Close()
	}
}
