package journal

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"math"
	"slices"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/plan"
	"slotfs/sftpdest/slot/store"
)

const (
	// mostSegment bounds a segment of a journal that is read, in bytes.
	mostSegment = 256 << 20
	// mostNoted bounds the memory that all of a journal takes, in bytes: notes of some 800,000 files. The oldest segments beyond
	// are left out.
	mostNoted = 160 << 20
	// notedBytes is about what a note takes besides its texts.
	notedBytes = 160
)

// errNotes says that a journal is too large.
var errNotes = errors.New("a journal with more notes than fit in memory")

// Read reads the segments of a generation and tells the number of the last one. A damaged segment is left out:
// what it said is sent again.
func Read(ctx context.Context, d dest.Reader, slot string, gen uint64, damaged func(name string, err error)) (plan.Notes, uint64, error) {
	list, err := d.List(ctx, slot+"/meta")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	segments := make(map[uint64]dest.Info)
	var order []uint64
	for _, info := range list {
		if g, seq, ok := manifest.ParseJournalName(info.Name); ok && g == gen {
			segments[seq] = info
			order = append(order, seq)
		}
	}
	if len(order) == 0 {
		return nil, 0, nil
	}
	slices.SortFunc(order, func(a, b uint64) int { return cmp.Compare(b, a) })
	var all plan.Notes
	seq := int32(math.MaxInt32) // of the note read last: later ones come first
	room := int64(mostNoted)
	for _, number := range order {
		info := segments[number]
		part, err := readSegment(ctx, d, slot+"/meta/"+info.Name, info.Size, &room)
		if err != nil && (ctx.Err() != nil || errors.Is(err, dest.ErrUnreachable)) {
			return nil, 0, err
		}
		if err != nil {
			damaged(info.Name, err)
		}
		if errors.Is(err, errNotes) {
			break
		}
		seq -= int32(len(part))
		for i := range part {
			part[i].Seq = seq + int32(i)
		}
		all = append(all, part...)
	}
	return all.Sorted(), order[0], nil
}

// readSegment reads a segment whose notes take no more bytes than room, which it makes less.
func readSegment(ctx context.Context, d dest.Reader, p string, size int64, room *int64) (plan.Notes, error) {
	if size > mostSegment {
		return nil, store.ErrTooLong
	}
	f, err := d.Open(ctx, p)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	stream := dest.NewStream(ctx, f, 0, size, 0)
	defer stream.Close()
	r, err := manifest.NewReader(stream)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var part plan.Notes
	left := *room
	for {
		e, err := r.Next()
		if err == io.EOF {
			*room = left
			return part, nil
		}
		if err != nil {
			return nil, err
		}
		if !e.IsRegular() || e.Flags&manifest.Removed != 0 {
			continue
		}
		n := plan.Note{
			Path: e.Path, Size: e.Size, MTime: e.MTime, CTime: e.CTime, Inode: e.Inode, Blocks: e.Blocks,
			Durable: e.Flags&manifest.Durable != 0, Stored: e.Stored,
		}
		if _, err := hex.Decode(n.Sum[:], []byte(e.Hash)); err != nil {
			return nil, err
		}
		left -= notedBytes + int64(len(n.Path)+len(n.Blocks)+len(n.Stored))
		if left < 0 {
			return nil, errNotes
		}
		part = append(part, n)
	}
}
