package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"slotfs/cmd/internal/exit"
)

// helper runs slotfs as mount(8) does: mount.slotfs SOURCE MOUNTPOINT [-sfnv] [-t TYPE] [-o OPTIONS]. What is mounted is in
// the configuration; SOURCE is shown as the source of the mount, by which `mount -a` tells that it is mounted already.
type helper struct{}

// The exit codes of mount(8), which its helpers share.
const (
	mountUsage   = 1
	mountFailure = 32
)

// mountHelper reports whether the program was called as a helper.
func mountHelper(argv0 string) (helper, bool) {
	return helper{}, slices.Contains([]string{"mount.slotfs", "mount.fuse.slotfs"}, filepath.Base(argv0))
}

// run mounts.
func (helper) run(ctx context.Context, s *shell, args []string) error {
	argv, fake, err := helperArguments(args)
	if err != nil || fake {
		return err
	}
	return s.execute(ctx, argv)
}

// exit reports an error and tells the code that mount(8) understands.
func (helper) exit(s *shell, err error) int {
	switch code := s.exit(err); code {
	case exit.Done:
		return 0
	case exit.Usage:
		return mountUsage
	default:
		return mountFailure
	}
}

// helperArguments turns the words of mount(8) into a command line. fake says that nothing is to be done (-f).
func helperArguments(args []string) (argv []string, fake bool, err error) {
	var places, options []string
	for len(args) > 0 {
		word := args[0]
		args = args[1:]
		switch {
		case word == "-o" || word == "-t":
			if len(args) == 0 {
				return nil, false, exit.Usagef("mount helper: %s: its value is missing", word)
			}
			if word == "-o" {
				options = append(options, args[0])
			}
			args = args[1:]
		case len(word) > 1 && word[0] == '-':
			if strings.Trim(word[1:], "sfnv") != "" {
				return nil, false, exit.Usagef("mount helper: unknown flag %s", word)
			}
			fake = fake || strings.Contains(word, "f")
		default:
			places = append(places, word)
		}
	}
	if len(places) != 2 {
		return nil, false, exit.With(fmt.Errorf("mount helper: %d arguments", len(places)), exit.Usage,
			"mount.slotfs SOURCE MOUNTPOINT [-o OPTIONS]")
	}
	// Options are separated by commas, which a source cannot have then.
	if source := places[0]; source != "" && !strings.Contains(source, ",") {
		options = append([]string{"fsname=" + source}, options...)
	}
	return []string{"slotfs", "mount", "-o", strings.Join(options, ","), "--", places[1]}, fake, nil
}
