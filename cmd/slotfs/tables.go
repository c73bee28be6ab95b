package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service"
	"slotfs/cmd/internal/service/browse"
	"slotfs/cmd/internal/term"
	"slotfs/indexer/sqldump"
)

// tablesOf tells where the tables of a dump lie. What the index does not know is read.
func (s *settings) tablesOf(ctx context.Context, b *service.Browser, p string, n *browse.Node) (*sqldump.Contents, error) {
	if n.IsDir() {
		return nil, exit.Usagef("%s: a directory, not a dump", term.Escape(p))
	}
	found, err := browse.KnownTables(ctx, b.Tree(), n)
	if err == nil && found == nil {
		s.warning("the index does not know where the tables of %s are: all of it is read (%s)", term.Escape(p), term.Bytes(n.Attr.Size))
		found, err = browse.FindTables(ctx, b.Tree(), n)
	}
	if errors.Is(err, browse.ErrNoTables) {
		return nil, fmt.Errorf("%s: %w", term.Escape(p), err)
	}
	if err != nil {
		return nil, browse.Explain("read", p, err)
	}
	return found, nil
}

// tableJSON is a table as --json shows it.
type tableJSON struct {
	Name     string            `json:"name"`
	Size     int64             `json:"size"`
	Sections []sqldump.Section `json:"sections"`
}

// lsTables lists the tables of a dump.
func (s *settings) lsTables(ctx context.Context, b *service.Browser, p string) error {
	n, err := b.Stat(ctx, p)
	if err != nil {
		return err
	}
	found, err := s.tablesOf(ctx, b, p, &n)
	if err != nil {
		return err
	}
	if s.json {
		all := []tableJSON{}
		for i := range found.Tables {
			t := &found.Tables[i]
			all = append(all, tableJSON{strings.ToValidUTF8(t.Name, "?"), t.Size(), t.Sections})
		}
		return printed(json.NewEncoder(s.out).Encode(all))
	}
	out := bufio.NewWriter(s.out)
	rows := [][]string{{"TABLE", "SIZE"}}
	for i := range found.Tables {
		rows = append(rows, []string{term.Escape(found.Tables[i].Name), term.Bytes(found.Tables[i].Size())})
	}
	return errors.Join(term.Table(out, rows), printed(out.Flush()))
}

// catTables writes what is needed of a dump to import some of its tables.
func (c *catCmd) catTables(ctx context.Context, p string, n *browse.Node) error {
	found, err := c.tablesOf(ctx, c.from, p, n)
	if err != nil {
		return err
	}
	sections, missing := found.Select(c.tables)
	if len(missing) > 0 {
		return exit.Hinted(fmt.Errorf("%s: no table %s in it", term.Escape(p), term.Clean(strings.Join(missing, ", "))), "slotfs ls --tables lists them")
	}
	r, err := browse.OpenSections(ctx, c.from.Tree(), n, sections)
	if err != nil {
		return browse.Explain("cat", p, err)
	}
	defer r.Close()
	return c.copyOut(r, p)
}
