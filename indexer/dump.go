package indexer

import (
	"context"

	"slotfs/indexer/backup"
	"slotfs/indexer/sqldump"
)

// dump is the SQL dump that passes. The zero value is none.
type dump struct {
	scanner *sqldump.Scanner
	offset  int64 // of its content in the archive
}

// begin begins with a member, if it is a dump whose tables are worth knowing.
func (d *dump) begin(want backup.Excerpt, e *backup.Entry) {
	*d = dump{}
	if want.Tables {
		*d = dump{sqldump.NewScanner(), e.Offset}
	}
}

// watch looks at content that begins at an offset in the dump. Where some is missing the search ends.
func (d *dump) watch(p []byte, at int64) {
	if d.scanner == nil {
		return
	}
	if at != d.scanner.At() {
		*d = dump{}
		return
	}
	_, _ = d.scanner.Write(p) // it does not fail
}

// end keeps what was found.
func (d *dump) end(ctx context.Context, x Tables, serial uint64) error {
	if d.scanner == nil {
		return nil
	}
	found, ok := d.scanner.End()
	offset := d.offset
	*d = dump{}
	if !ok {
		return nil
	}
	blob, err := found.MarshalBinary()
	if err != nil {
		return err
	}
	return x.PutTables(ctx, serial, offset, blob)
}

// state is how far the search came.
func (d *dump) state() ([]byte, int64) {
	if d.scanner == nil {
		return nil, 0
	}
	state, err := d.scanner.MarshalBinary()
	if err != nil {
		return nil, 0
	}
	return state, d.offset
}

// resumeDump goes on where a saved state was. Without one the tables of that dump stay unknown.
func resumeDump(u *backup.Unfinished) dump {
	s := sqldump.NewScanner()
	if len(u.Dump) == 0 || s.UnmarshalBinary(u.Dump) != nil {
		return dump{}
	}
	return dump{s, u.DumpAt}
}
