package api

import (
	"errors"
	"io"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/rows"
	"slotfs/indexer/backup"
)

// maxDump is how much of a dump is read to count its rows.
const maxDump = 64 << 20

// Rows are how many rows the tables of an SQL dump have.
type Rows struct {
	Tables []rows.Table `json:"tables"`
	Read   int64        `json:"read"` // bytes of the dump that were looked at, from its beginning
	Size   int64        `json:"size"` // of the dump
}

// rows counts the rows of a dump, as far as the beginning of it tells.
func (h *Handlers) rows(c *Call, p pathParams) (Rows, error) {
	t, n, err := h.place(c, p.Path, 0, true)
	if err != nil {
		return Rows{}, err
	}
	if n.Attr.Mode&backup.ModeType != backup.ModeRegular {
		return Rows{}, exit.Usagef("%s: not a regular file", p.Path)
	}
	f, err := t.Open(c.Context, &n)
	if err != nil {
		return Rows{}, err
	}
	defer f.Close()
	out := Rows{Read: min(n.Attr.Size, maxDump), Size: n.Attr.Size}
	out.Tables, err = rows.Count(&spanReader{ctx: c.Context, file: f, left: out.Read})
	return out, err
}

// Read implements io.Reader.
func (r *spanReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n, err := r.next(p)
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}
