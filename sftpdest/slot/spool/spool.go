// Package spool keeps manifests in local files: those of a million entries are read twice, and written while the journal goes on.
// It must not know what is done with them.
package spool

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
	"math"
	"os"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/prefetch"
)

// ErrManifest says that a manifest is not the one that its state names.
var ErrManifest = errors.New("manifest is missing or damaged")

// New is a local temporary file without a name.
func New() (*os.File, error) {
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

// Reset makes a local file empty.
func Reset(f *os.File) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return f.Truncate(0)
}

// Fetch brings the manifest of a slot here. ErrManifest says that there is none to trust.
func Fetch(ctx context.Context, d dest.Reader, slot string, want *manifest.File) (*os.File, error) {
	if want == nil {
		return nil, ErrManifest
	}
	remote, err := d.Open(ctx, slot+"/meta/"+want.Name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, dest.ErrNotRegular) {
		return nil, fmt.Errorf("%w: %w", ErrManifest, err)
	}
	if err != nil {
		return nil, err
	}
	defer remote.Close()
	spool, err := New()
	if err != nil {
		return nil, err
	}
	stream := dest.NewStream(ctx, remote, 0, want.Size, 0)
	defer stream.Close()
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(spool, sum), stream)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF) && ctx.Err() == nil:
		err = fmt.Errorf("%w: %w", ErrManifest, err)
	case err == nil && hex.EncodeToString(sum.Sum(nil)) != want.SHA256:
		err = ErrManifest
	}
	if err != nil {
		spool.Close()
		return nil, fmt.Errorf("read %s/meta/%s: %w", slot, want.Name, err)
	}
	return spool, nil
}

// Reader reads a local file from its beginning to its end.
func Reader(f *os.File) io.Reader {
	return bufio.NewReaderSize(io.NewSectionReader(f, 0, math.MaxInt64), 256<<10)
}

// Entries reads a spooled manifest from its beginning; a nil one is empty.
type Entries struct {
	ahead  *prefetch.Iter[*manifest.Entry]
	reader *manifest.Reader
	Head   *manifest.Entry // the next one; nil behind the end
	At     string          // where it is below data/
	Err    error
	around []located // the directories around it that are somewhere else than their path says
}

// located is where a directory is on the server.
type located struct{ path, at string }

// Open reads a spooled manifest; nil is an empty one.
func Open(spool *os.File) (*Entries, error) {
	if spool == nil {
		return &Entries{}, nil
	}
	reader, err := manifest.NewReader(Reader(spool))
	if err != nil {
		return nil, err
	}
	e := &Entries{reader: reader, ahead: prefetch.New(All(reader))}
	e.look()
	return e, nil
}

// All are the entries of a manifest.
func All(reader *manifest.Reader) iter.Seq2[*manifest.Entry, error] {
	return func(yield func(*manifest.Entry, error) bool) {
		for {
			e, err := reader.Next()
			if err == io.EOF || !yield(e, err) || err != nil {
				return
			}
		}
	}
}

func (e *Entries) look() {
	e.Head, e.Err = e.ahead.Head, e.ahead.Err
	if e.Head != nil {
		e.locate()
	}
}

// locate tells where the head is: below directories with escaped names that come before it.
func (e *Entries) locate() {
	for len(e.around) > 0 && !manifest.Below(e.Head.Path, e.around[len(e.around)-1].path) {
		e.around = e.around[:len(e.around)-1]
	}
	e.At = e.Head.Path
	if len(e.around) > 0 {
		dir := e.around[len(e.around)-1]
		e.At = dir.at + e.Head.Path[len(dir.path):]
	}
	if e.Head.Stored != "" {
		e.At = manifest.Join(dest.Parent(e.At), e.Head.Stored)
	}
	if e.Head.IsDir() && e.At != e.Head.Path {
		e.around = append(e.around, located{e.Head.Path, e.At})
	}
}

// Advance goes on to the next entry.
func (e *Entries) Advance() {
	e.ahead.Advance()
	if e.look(); !e.ahead.Some {
		e.Head = nil
	}
}

// Take returns the entry of path, and where it is, and goes on, or nil.
func (e *Entries) Take(path string) (found *manifest.Entry, at string) {
	if e.Head == nil || e.Head.Path != path {
		return nil, ""
	}
	found, at = e.Head, e.At
	e.Advance()
	return found, at
}

// Close ends reading; the spool stays open.
func (e *Entries) Close() {
	if e.reader != nil {
		e.ahead.Close()
		e.reader.Close()
	}
}
