package destinations

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
	"slotfs/indexer/manifest"
	"slotfs/sftpdest"
	"slotfs/sftpdest/slot"
)

// try connects as a pass would, looks into the directory, and gives advice. others may be nil.
func (a *attempt) try(ctx context.Context, others *config.Config) error {
	conn, err := sftpdest.New(a.remote, a.Connector.ConnectionOptions(a.d))
	if err != nil {
		return err
	}
	defer conn.Close()
	names, err := conn.List(ctx, "")
	if errors.Is(err, fs.ErrNotExist) {
		if !a.create {
			return exit.Hinted(err, "give --create-directory, or correct --directory: without a leading / it counts from the remote home")
		}
		if err = conn.MakeDirectory(ctx); err == nil {
			a.notef("Made the directory %s", a.d.Directory)
			names, err = conn.List(ctx, "")
		}
	}
	if err != nil {
		return err
	}
	a.notef("Connected; the directory has %s", term.Count(int64(len(names)), "entry", "entries"))
	for _, line := range advice(ctx, conn, a.d, others) {
		a.Notices.Warn(line)
	}
	if a.d.Engine != config.SlotsEngine {
		return nil
	}
	return a.tryWriting(ctx, conn)
}

// tryWriting tells what a server lacks that slots are written to, and what it does to names.
func (a *attempt) tryWriting(ctx context.Context, conn *sftpdest.Destination) error {
	if can, err := conn.Replaces(ctx); err == nil && !can {
		a.warnf("the server does not replace a file by renaming (no posix-rename): slots are written by removing the old file first, and who looks at them meanwhile may miss it for a moment")
	}
	traits, err := slot.FindTraits(ctx, conn)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		a.warnf("nothing can be written there: %v", err)
	case !traits.Has(manifest.Plain):
		a.warnf("names on the server: %s. Such names, and those that would be one, are escaped in slots", NamesText(traits))
	}
	return nil
}

// namesText says for people what servers do to names.
var namesText = map[manifest.Trait]string{
	manifest.Plain:     "kept as they are",
	manifest.FoldsCase: "case does not tell names apart",
	manifest.Lowers:    "case is not kept",
	manifest.Trims:     "dots and blanks at their ends are not kept",
	manifest.Recodes:   "letters beyond ASCII are changed or refused",
	manifest.Rewrites:  `one of "\:*?<>| or control characters are changed or refused`,
	manifest.Reserves:  "names of DOS devices are no files",
	manifest.Shortens:  "long names are cut or refused",
}

// NamesText puts what a server does to names into one line.
func NamesText(traits manifest.Traits) string {
	var words []string
	for _, t := range traits {
		words = append(words, namesText[t])
	}
	return strings.Join(words, "; ")
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
