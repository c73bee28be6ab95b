package exports

import (
	"cmp"
	"context"
	"path"
	"slices"

	"slotfs/cmd/internal/service/browse"
	"slotfs/cmd/internal/service/restores"
	"slotfs/fs/export"
	"slotfs/fs/restore"
	"slotfs/fs/view"
	"slotfs/indexer/backup"
)

// ordered hands the members of an archive out in the order in which their bytes lie in the backup, so that an archive is decoded once, from
// front to back. What is below a directory that was made for the parts comes from anywhere: so these are taken apart, and stand behind
// what is in them, as tar programs set the time of a directory when they meet something outside of it.
type ordered struct {
	from  restores.Source
	roots []restore.Root
	// reads says what may be read; nil: everything. What may not is not there.
	reads func(*browse.Node) bool
}

// piece is something that is read in one go.
type piece struct {
	restore.Root
	position uint64
}

// members is an export.Members.
func (o *ordered) members(ctx context.Context, yield func(*export.Member) error) error {
	for rest := o.roots; len(rest) > 0; {
		_, in := o.from.Node(&rest[0].Entry)
		n := 1
		for n < len(rest) && in != nil && o.sameSnapshot(&rest[n], in.Serial) {
			n++
		}
		if err := o.group(ctx, rest[:n], yield); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

func (o *ordered) sameSnapshot(r *restore.Root, serial uint64) bool {
	_, in := o.from.Node(&r.Entry)
	return in != nil && in.Serial == serial
}

// group hands out what belongs to one snapshot, or one thing above the snapshots.
func (o *ordered) group(ctx context.Context, roots []restore.Root, yield func(*export.Member) error) error {
	if _, in := o.from.Node(&roots[0].Entry); in == nil && isDirectory(&roots[0].Entry) {
		return o.above(ctx, &roots[0], yield)
	}
	var pieces []piece
	var made []restore.Root
	for i := range roots {
		if err := o.takeApart(ctx, &roots[i], &pieces, &made); err != nil {
			return err
		}
	}
	slices.SortStableFunc(pieces, func(a, b piece) int { return cmp.Compare(a.position, b.position) })
	for i := range pieces {
		if err := o.walk(ctx, &pieces[i].Root, yield); err != nil {
			return err
		}
	}
	for _, r := range slices.Backward(made) {
		if err := yield(member(&r)); err != nil {
			return err
		}
	}
	return nil
}

// above hands out a directory above the snapshots, and what is below it.
func (o *ordered) above(ctx context.Context, r *restore.Root, yield func(*export.Member) error) error {
	err := o.list(ctx, r, func(child *restore.Root) error { return o.group(ctx, []restore.Root{*child}, yield) })
	if err != nil {
		return err
	}
	return yield(member(r))
}

// takeApart finds the pieces below a directory that was made for the parts.
func (o *ordered) takeApart(ctx context.Context, r *restore.Root, pieces *[]piece, made *[]restore.Root) error {
	n, _ := o.from.Node(&r.Entry)
	position, ownPlace := view.Position(n.ID)
	if !ownPlace || !isDirectory(&r.Entry) {
		*pieces = append(*pieces, piece{*r, position})
		return nil
	}
	*made = append(*made, *r)
	return o.list(ctx, r, func(child *restore.Root) error { return o.takeApart(ctx, child, pieces, made) })
}

// walk hands out a piece.
func (o *ordered) walk(ctx context.Context, r *restore.Root, yield func(*export.Member) error) error {
	if err := yield(member(r)); err != nil {
		return err
	}
	if !isDirectory(&r.Entry) {
		return nil
	}
	return o.list(ctx, r, func(child *restore.Root) error { return o.walk(ctx, child, yield) })
}

// list hands out what is in a directory.
func (o *ordered) list(ctx context.Context, r *restore.Root, yield func(*restore.Root) error) error {
	var stopped error
	err := o.from.List(ctx, &r.Entry, func(e *restore.Entry) error {
		if n, _ := o.from.Node(e); o.reads != nil && !o.reads(n) {
			return nil
		}
		stopped = yield(&restore.Root{Source: r.Source, Entry: *e, Name: path.Join(r.Name, e.Name), Path: path.Join(r.Path, e.Name)})
		return stopped
	})
	if err != nil && stopped == nil {
		return &export.ReadError{Path: r.Path, Err: err}
	}
	return err
}

// member is a piece as an archive has it.
func member(r *restore.Root) *export.Member {
	return &export.Member{Path: r.Name, Entry: r.Entry, Source: r.Source, Origin: r.Path}
}

func isDirectory(e *restore.Entry) bool { return e.Mode&backup.ModeType == backup.ModeDir }
