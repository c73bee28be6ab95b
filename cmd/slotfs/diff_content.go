package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"

	"slotfs/cmd/internal/service"
	"slotfs/cmd/internal/service/browse"
)

// byContent is compare with files read of which only the time is known to differ: those whose content does too say so.
func (d *diffing) byContent(ctx context.Context, b *service.Browser, compare func(func(browse.Change) error) error, yield func(browse.Change) error) error {
	return compare(func(c browse.Change) error {
		if !slices.Contains(c.What, "time") || slices.Contains(c.What, "content") || c.Old.Type != "file" || c.New.Type != "file" {
			return yield(c)
		}
		same, err := d.equal(ctx, b, string(c.Path))
		if err != nil {
			return fmt.Errorf("diff: %w", err)
		}
		if !same {
			c.What = append([]string{"content"}, c.What...)
		}
		return yield(c)
	})
}

// equal compares the contents of both files at a path.
func (d *diffing) equal(ctx context.Context, b *service.Browser, below string) (bool, error) {
	old, err := b.Open(ctx, path.Join(string(d.q.Old), below))
	if err != nil {
		return false, err
	}
	defer old.Close()
	new, err := b.Open(ctx, path.Join(string(d.q.New), below))
	if err != nil {
		return false, err
	}
	defer new.Close()
	return equalStreams(old, new)
}

func equalStreams(a, b io.Reader) (bool, error) {
	left, right := make([]byte, catBuffer), make([]byte, catBuffer)
	for {
		n, err := io.ReadFull(a, left)
		m, errB := io.ReadFull(b, right)
		for _, err := range []error{err, errB} {
			if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				return false, err
			}
		}
		if !bytes.Equal(left[:n], right[:m]) {
			return false, nil
		}
		if err != nil || errB != nil {
			return true, nil
		}
	}
}
