package api

import (
	"errors"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/browse"
	"slotfs/indexer/backup"
	"slotfs/indexer/sqldump"
)

type tablesParams struct {
	Path string `query:"path" doc:"of the dump"`
	ID   uint64 `query:"id" doc:"of the dump; administrators only"`
	Scan bool   `query:"scan" doc:"read all of the dump if the index does not know its tables"`
}

// Tables are the tables of an SQL dump.
type Tables struct {
	Known  bool    `json:"known"` // false: the index does not know them; with scan the dump is read
	Head   int64   `json:"head"`  // bytes before the first table: settings for all of them
	Tables []Table `json:"tables"`
}

// Table is a table of an SQL dump.
type Table struct {
	Name     string            `json:"name"`
	NameB64  browse.Bytes      `json:"name_base64,omitempty"` // where the name is not UTF-8
	Size     int64             `json:"size"`                  // bytes of the dump that are the table's
	Sections []sqldump.Section `json:"sections"`              // where they are; of a compressed dump in its text
}

// tables tells what the index knows of a dump, or what is found in it.
func (h *Handlers) tables(c *Call, p tablesParams) (Tables, error) {
	t, n, err := h.place(c, p.Path, p.ID, true)
	if err != nil {
		return Tables{}, err
	}
	if n.Attr.Mode&backup.ModeType != backup.ModeRegular {
		return Tables{}, exit.Usagef("%s: not a regular file", p.Path)
	}
	found, err := browse.KnownTables(c.Context, t, &n)
	if err == nil && found == nil && p.Scan {
		found, err = browse.FindTables(c.Context, t, &n)
	}
	if errors.Is(err, browse.ErrNoTables) {
		err = exit.Usagef("%s: %w", p.Path, err)
	}
	if err != nil {
		return Tables{}, err
	}
	out := Tables{Tables: []Table{}}
	if found == nil {
		return out, nil
	}
	out.Known, out.Head = true, found.Head
	for i := range found.Tables {
		one := &found.Tables[i]
		shown := Table{Size: one.Size(), Sections: one.Sections}
		shown.Name, shown.NameB64 = coded(one.Name)
		out.Tables = append(out.Tables, shown)
	}
	return out, nil
}
