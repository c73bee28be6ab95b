package main

import (
	"context"
	"fmt"
	"strings"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/term"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest"
	"slotfs/sftpdest/probe"
	"slotfs/sftpdest/slot"
)

// namesWords says for people what servers do to names.
var namesWords = map[manifest.Trait]string{
	manifest.Plain:     "kept as they are",
	manifest.FoldsCase: "case does not tell names apart",
	manifest.Lowers:    "case is not kept",
	manifest.Trims:     "dots and blanks at their ends are not kept",
	manifest.Recodes:   "letters beyond ASCII are changed or refused",
	manifest.Rewrites:  `one of "\:*?<>| or control characters are changed or refused`,
	manifest.Reserves:  "names of DOS devices are no files",
	manifest.Shortens:  "long names are cut or refused",
}

// wordsOf puts traits into one line.
func wordsOf(traits manifest.Traits) string {
	var words []string
	for _, t := range traits {
		words = append(words, namesWords[t])
	}
	return strings.Join(words, "; ")
}

// tryNames tells what the server does to names that slots may have. Nothing is written for other engines.
func (a *adding) tryNames(ctx context.Context, d *config.Destination, conn *sftpdest.Destination) error {
	if d.Engine != config.SlotsEngine {
		return nil
	}
	traits, err := slot.FindTraits(ctx, conn)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		fmt.Fprintf(a.err, "Warning: nothing can be written there: %s\n", term.Clean(err.Error()))
	case !traits.Has(manifest.Plain):
		fmt.Fprintf(a.err, "Warning: names on the server: %s. Such names, and those that would be one, are escaped in slots\n", wordsOf(traits))
	}
	return nil
}

// testReport is what a test found.
type testReport struct {
	*probe.Report
	Names manifest.Traits `json:"names,omitempty"`
}

// testNames adds what the server does to names, if it may be written to.
func (s *settings) testNames(ctx context.Context, d *config.Destination, may probe.Options, r *testReport) error {
	if !may.Write || d.Engine != config.SlotsEngine {
		return nil
	}
	remote, err := s.store(d)
	if err != nil {
		return err
	}
	defer remote.Close()
	r.Names, err = slot.FindTraits(ctx, remote)
	return err
}
