package indexer

import (
	"errors"
	"io/fs"

	"slotfs/indexer/backup"
	"slotfs/indexer/engine"
	"slotfs/indexer/packed"
)

// maxFetched is up to how many bytes of a packed file are read from the destination for its ends alone.
const maxFetched = 4 << 20

// unpackedEnds are those of a packed file; fs.ErrNotExist if nothing can be told of it.
func unpackedEnds(content []byte, want backup.Excerpt) ([]byte, error) {
	p := packed.Begin(want)
	p.Write(content)
	kept, err := keptEnds(p.Finish())
	if err != nil {
		return nil, fs.ErrNotExist
	}
	return endsKept(kept)
}

// What a blob of the ends of a packed file begins with.
const (
	endsWhole   = 'w'
	endsDamaged = 'd'
)

// keptEnds is the blob that is kept of what was found of a packed file.
func keptEnds(content []byte, err error) ([]byte, error) {
	switch {
	case errors.Is(err, packed.ErrDamaged):
		return append([]byte{endsDamaged}, content...), nil
	case err != nil:
		return nil, err
	}
	return append([]byte{endsWhole}, content...), nil
}

// endsKept is what a blob of keptEnds says to an engine.
func endsKept(blob []byte) ([]byte, error) {
	switch {
	case len(blob) > 0 && blob[0] == endsWhole:
		return blob[1:], nil
	case len(blob) > 0 && blob[0] == endsDamaged:
		return blob[1:], engine.ErrDamaged
	}
	return nil, fs.ErrNotExist
}
