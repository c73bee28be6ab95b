package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/term"
	"slotfs/indexer/dest"
	"slotfs/sftpdest"
)

// try connects as a pass would, looks into the directory, and gives advice.
func (a *adding) try(ctx context.Context, d *config.Destination, remote sftpdest.Settings, others *config.Config) error {
	conn, err := sftpdest.New(remote, a.ConnectionOptions(d))
	if err != nil {
		return err
	}
	defer conn.Close()
	names, err := conn.List(ctx, "")
	if errors.Is(err, fs.ErrNotExist) && a.c.Bool("create-directory") {
		if err = conn.MakeDirectory(ctx); err == nil {
			fmt.Fprintf(a.err, "Made the directory %s\n", term.Clean(d.Directory))
			names, err = conn.List(ctx, "")
		}
	}
	if errors.Is(err, fs.ErrNotExist) && !a.c.Bool("create-directory") {
		return exit.Hinted(err, "give --create-directory, or correct --directory: without a leading / it counts from the remote home")
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(a.err, "Connected; the directory has %s\n", term.Count(int64(len(names)), "entry", "entries"))
	lines := advice(ctx, conn, d, others)
	if d.Engine == config.SlotsEngine {
		lines = append(lines, slotAdvice(ctx, conn)...)
	}
	for _, line := range lines {
		fmt.Fprintf(a.err, "Warning: %s\n", term.Clean(line))
	}
	return a.tryNames(ctx, d, conn)
}

// replacer tells whether the server can rename over a file.
type replacer interface {
	Replaces(ctx context.Context) (bool, error)
}

// slotAdvice tells what a server lacks that slots are written to.
func slotAdvice(ctx context.Context, conn replacer) []string {
	if can, err := conn.Replaces(ctx); err != nil || can {
		return nil
	}
	return []string{"the server does not replace a file by renaming (no posix-rename): slots are written by removing the old file first, and who looks at them meanwhile may miss it for a moment"}
}

// resolver is what advice asks the server.
type resolver interface {
	dest.Stater
	Resolve(ctx context.Context, remote string) (string, error)
}

// advice tells what an administrator may not have meant. What the server does not tell is no advice.
func advice(ctx context.Context, conn resolver, d *config.Destination, others *config.Config) []string {
	var lines []string
	if d.Username == "root" {
		lines = append(lines, "the remote user is root; a user of its own that can do nothing but SFTP is safer")
	}
	if d.LegacyAlgorithms {
		lines = append(lines, "legacy-algorithms is on: who listens in may one day read or change what is sent; it is for servers that know nothing better")
	}
	if info, err := conn.Stat(ctx, ""); err == nil && info.Mode&0o004 != 0 {
		lines = append(lines, fmt.Sprintf("every user of the server can read the directory (mode %#o); chmod o-rwx keeps backups private", info.Mode&0o7777))
	}
	mine, err := conn.Resolve(ctx, cmp.Or(d.Directory, "."))
	if err != nil || others == nil {
		return lines
	}
	for _, name := range others.Names() {
		other := others.Destinations[name]
		if name == d.Name || other.Host != d.Host || other.Port != d.Port {
			continue
		}
		if other.Username != d.Username && !path.IsAbs(other.Directory) {
			continue // its home is not known
		}
		theirs, err := conn.Resolve(ctx, cmp.Or(other.Directory, "."))
		if err != nil {
			continue
		}
		switch {
		case mine == theirs:
			lines = append(lines, fmt.Sprintf("destination %s has the same directory", name))
		case contains(theirs, mine):
			lines = append(lines, fmt.Sprintf("the directory lies in that of destination %s: its backups would show twice", name))
		case contains(mine, theirs):
			lines = append(lines, fmt.Sprintf("the directory of destination %s lies in it: its backups would show twice", name))
		}
	}
	return lines
}

// contains reports whether directory b holds directory a.
func contains(b, a string) bool { return strings.HasPrefix(a, strings.TrimSuffix(b, "/")+"/") }
