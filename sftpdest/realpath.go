package sftpdest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"slotfs/sftpdest/foreign"
	"slotfs/sftpdest/pool"
	"slotfs/sftpdest/wire"
)

// Resolve tells the absolute path of one that the server knows, without "." and "..", relative ones counted from the
// remote home. It is not confined to the destination's directory.
func (d *Destination) Resolve(ctx context.Context, remote string) (string, error) {
	if remote == "" || strings.IndexByte(remote, 0) >= 0 {
		return "", fmt.Errorf("resolve %q: %w", remote, fs.ErrInvalid)
	}
	var path string
	err := d.do(ctx, func(s *pool.Session) (err error) {
		path, err = s.Name(ctx, wire.RealPath, remote)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("resolve %s: %w", foreign.Show(remote), err)
	}
	return path, nil
}

// MakeDirectory makes the destination's directory, and what is missing above it, for its user alone.
func (d *Destination) MakeDirectory(ctx context.Context) error {
	at := *d
	at.settings.Directory = ""
	if strings.HasPrefix(d.settings.Directory, "/") {
		at.settings.Directory = "/"
	}
	elements := strings.FieldsFunc(d.settings.Directory, func(r rune) bool { return r == '/' })
	path := ""
	for _, element := range elements {
		path = strings.TrimPrefix(path+"/"+element, "/")
		err := at.Mkdir(ctx, path, 0o700)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			if _, there := at.Stat(ctx, path); there != nil {
				return err
			}
		}
	}
	return nil
}
