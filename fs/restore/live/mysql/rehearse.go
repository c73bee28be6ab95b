package mysql

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"slotfs/fs/restore/live/dump"
)

// Rehearse reads a dump and tells what a Restore would do, without a change on the server.
func (s *Server) Rehearse(ctx context.Context, o Options) (Report, error) {
	if err := CheckName(o.Database); err != nil {
		return Report{}, err
	}
	out := Report{Database: o.Database}
	here, err := s.tables(ctx, o.Database)
	if err != nil {
		return out, err
	}
	src, err := dump.Decompress(o.Dump)
	if err != nil {
		return out, err
	}
	defer src.Close()
	l := &load{s: s, o: &o}
	r := dump.NewReader(src, dump.Options{Server: s.Info, Database: o.Dumped, MaxStatement: min(s.maxPacket-headroom, largest), Note: o.Note})
	programs := map[programKey]bool{}
	for {
		q, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return out, fmt.Errorf("import: %w", err)
		}
		if l.wanted(q) {
			count(&out, programs, q)
		}
		l.tell(r.Offset())
	}
	out.Programs = len(programs)
	for _, t := range o.Tables {
		if !slices.Contains(out.Tables, t) {
			return out, fmt.Errorf("table %s: not in the dump", t)
		}
	}
	for _, t := range here {
		if !slices.Contains(out.Tables, t) && len(o.Tables) == 0 {
			out.Removed = append(out.Removed, t)
		}
	}
	return out, nil
}

// count notes what a statement makes or drops.
func count(out *Report, programs map[programKey]bool, q *dump.Statement) {
	key := programKey{q.Kind.String(), q.Name}
	switch {
	case q.Kind == dump.Table && q.Create && !slices.Contains(out.Tables, q.Name):
		out.Tables = append(out.Tables, q.Name)
	case q.Kind.Program() && q.Create:
		programs[key] = true
		if q.Kind == dump.View { // older dumps make a table in its place before
			out.Tables = slices.DeleteFunc(out.Tables, func(t string) bool { return t == q.Name })
		}
	case q.Kind.Program():
		delete(programs, key)
	}
}

// tell tells how far the dump was read.
func (l *load) tell(read int64) {
	if l.o.Progress != nil {
		l.o.Progress.Imported(read - l.told)
	}
	l.told = read
}
