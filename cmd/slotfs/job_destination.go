package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/sftpdest"
)

// unused refuses a destination that jobs write to.
func (s *settings) unused(d *config.Destination) error {
	conf, err := s.config()
	if err != nil {
		return err
	}
	jobs := conf.UsedBy(d.Name)
	if len(jobs) == 0 {
		return nil
	}
	err = fmt.Errorf("destination %s: job %s writes to it", d.Name, strings.Join(jobs, ", "))
	return exit.With(err, exit.Usage, "remove that first: slotfs job remove "+jobs[0])
}

// createDirectory makes a destination's directory and those above it, for this user alone.
func (a *adding) createDirectory(ctx context.Context, d *config.Destination, remote sftpdest.Settings) error {
	directory := path.Clean(d.Directory)
	if directory == "." || directory == "/" {
		return nil
	}
	remote.Directory = "" // the remote home: what is made lies below it, or below the root
	if path.IsAbs(directory) {
		remote.Directory, directory = "/", strings.TrimPrefix(directory, "/")
	}
	above, err := sftpdest.New(remote, a.remoteOptions(d))
	if err != nil {
		return err
	}
	defer above.Close()
	made := ""
	for element := range strings.SplitSeq(directory, "/") {
		made = path.Join(made, element)
		_, err := above.Stat(ctx, made)
		if err == nil {
			continue
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := above.Mkdir(ctx, made, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("create directory: %w", err)
		}
	}
	return nil
}
