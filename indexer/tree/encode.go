package tree

import (
	"encoding/binary"

	"slotfs/indexer/backup"
)

// What an entry's kind in a page says about it besides mode and owner: which columns it has values in.
const (
	hasNanos   = 1 << iota // modification time is not on a whole second
	hasNlink               // not a directory, link count other than 1
	hasLink                // a hard link
	hasTarget              // a symbolic link
	hasRdev                // a device
	hasXattrs              //
	hasSparse              //
	isEmpty                // a directory without entries
	unsettled              // a directory with hard links below that Finish has yet to count
	attributed             // a directory with extended attributes below
	hasStored              // another name on the destination
	hasSums                // a regular file with checksums of its content
	hasFar                 // modification time that nanoseconds do not reach
	allKinds   = 1<<iota - 1
)

// hasOffsets is the flag of pages and index nodes that have a column of offsets.
const hasOffsets = 1

// kind is what many entries of a page have in common.
type kind struct {
	mode, uid, gid uint32
	has            uint32
}

func kindOf(r *record) kind {
	k := kind{mode: r.mode, uid: r.uid, gid: r.gid}
	if _, nanos := splitTime(r.mtime); nanos != 0 {
		k.has |= hasNanos
	}
	if !r.isDir() && r.nlink != 1 {
		k.has |= hasNlink
	}
	if r.sums != "" {
		k.has |= hasSums
	}
	if r.more != nil {
		k.has |= extraKind(r)
	}
	return k
}

func extraKind(r *record) (has uint32) {
	m := r.more
	if m.link != "" {
		has |= hasLink
	}
	if m.target != "" {
		has |= hasTarget
	}
	if m.rdev != 0 {
		has |= hasRdev
	}
	if len(m.xattrs) > 0 {
		has |= hasXattrs
	}
	if m.sparse != nil {
		has |= hasSparse
	}
	if m.stored != "" {
		has |= hasStored
	}
	if m.far != 0 {
		has |= hasFar
	}
	if r.isDir() && m.child.IsZero() {
		has |= isEmpty
	}
	if r.isDir() && m.unsettled {
		has |= unsettled
	}
	if r.isDir() && m.attributed {
		has |= attributed
	}
	return has
}

// splitTime cuts nanoseconds since 1970 into whole seconds and what is left, which is never negative.
func splitTime(t int64) (seconds, nanos int64) {
	seconds, nanos = t/1e9, t%1e9
	if nanos < 0 {
		seconds, nanos = seconds-1, nanos+1e9
	}
	return seconds, nanos
}

// encodePage encodes entries whose offsets count from start.
func encodePage(recs []record, start int64) []byte {
	size := 0
	for i := range recs {
		size += len(recs[i].name) + 16
	}
	out := append(make([]byte, 0, size+size/8+64), version, kindPage)
	out = binary.AppendUvarint(out, uint64(len(recs)))
	flags := byte(0)
	for i := range recs {
		if recs[i].offset != start {
			flags = hasOffsets
		}
	}
	out = append(out, flags)
	out = appendNames(out, recs)
	out, has := appendKinds(out, recs)
	out = appendNumbers(out, recs)
	out = appendSums(out, recs)
	out = appendExtras(out, recs, has)
	if flags&hasOffsets != 0 {
		out = appendOffsets(out, recs, start)
	}
	return out
}

func appendNames(out []byte, recs []record) []byte {
	for i := range recs {
		out = binary.AppendUvarint(out, uint64(len(recs[i].name)))
	}
	for i := range recs {
		out = append(out, recs[i].name...)
	}
	return out
}

// appendKinds writes the dictionary of kinds, in the order in which they first occur, and each
// entry's place in it.
func appendKinds(out []byte, recs []record) ([]byte, []uint32) {
	places := make([]uint32, len(recs))
	has := make([]uint32, len(recs))
	var kinds []kind
	known := map[kind]uint32{}
	for i := range recs {
		k := kindOf(&recs[i])
		place, ok := uint32(0), false
		if i > 0 && kinds[places[i-1]] == k {
			place, ok = places[i-1], true
		} else {
			place, ok = known[k]
		}
		if !ok {
			place = uint32(len(kinds))
			known[k] = place
			kinds = append(kinds, k)
		}
		places[i], has[i] = place, k.has
	}
	out = binary.AppendUvarint(out, uint64(len(kinds)))
	for _, k := range kinds {
		out = binary.AppendUvarint(out, uint64(k.mode))
		out = binary.AppendUvarint(out, uint64(k.uid))
		out = binary.AppendUvarint(out, uint64(k.gid))
		out = binary.AppendUvarint(out, uint64(k.has))
	}
	for _, place := range places {
		out = binary.AppendUvarint(out, uint64(place))
	}
	return out, has
}

// appendNumbers writes the columns of sizes, seconds and nanoseconds.
func appendNumbers(out []byte, recs []record) []byte {
	for i := range recs {
		if !recs[i].isDir() {
			out = binary.AppendUvarint(out, uint64(recs[i].size))
		}
	}
	var last int64
	for i := range recs {
		seconds, _ := splitTime(recs[i].mtime)
		out = binary.AppendUvarint(out, zigzag(seconds-last))
		last = seconds
	}
	for i := range recs {
		if _, nanos := splitTime(recs[i].mtime); nanos != 0 {
			out = binary.AppendUvarint(out, uint64(nanos))
		}
	}
	return out
}

// appendSums writes the column of checksums. Those of one file tell their number by its size, but for whether there are any
// of blocks.
func appendSums(out []byte, recs []record) []byte {
	for i := range recs {
		r := &recs[i]
		if r.sums == "" {
			continue
		}
		if backup.Blocks(r.size) > 0 {
			blocks := byte(0)
			if r.sums.HasBlocks() {
				blocks = 1
			}
			out = append(out, blocks)
		}
		out = append(out, r.sums...)
	}
	return out
}

func appendOffsets(out []byte, recs []record, start int64) []byte {
	var g guess
	for i := range recs {
		r := &recs[i]
		offset := r.offset - start
		out = appendDistance(out, offset-g.offset(r))
		g.pass(r, offset)
	}
	return out
}

// guess tells where the next entry of a directory is if nothing but one header stands between it
// and the one before.
type guess struct{ next int64 }

// offset is the likely offset of r: of a directory its header, else the content after it.
func (g *guess) offset(r *record) int64 {
	if r.isDir() || r.link() != "" {
		return g.next
	}
	return g.next + block
}

// pass goes on behind r, which is at offset. A hard link is a header only; its offset is somewhere
// else.
func (g *guess) pass(r *record, offset int64) {
	switch {
	case r.isDir():
		g.next = offset + block
	case r.link() != "":
		g.next += block
	default:
		g.next = offset + (r.stored()+block-1)&^(block-1)
	}
}

// appendExtras writes the columns that only some entries have values in.
func appendExtras(out []byte, recs []record, has []uint32) []byte {
	for i := range recs {
		if recs[i].isDir() && has[i]&isEmpty == 0 {
			out = append(out, recs[i].more.child[:]...)
		}
	}
	for i := range recs {
		r := &recs[i]
		if !r.isDir() {
			continue
		}
		if has[i]&isEmpty == 0 {
			out = binary.AppendUvarint(out, r.more.count)
		}
		out = binary.AppendUvarint(out, uint64(r.nlink))
	}
	for i := range recs {
		out = appendExtra(out, &recs[i], has[i])
	}
	return out
}

func appendExtra(out []byte, r *record, has uint32) []byte {
	if has&hasNlink != 0 {
		out = binary.AppendUvarint(out, uint64(r.nlink))
	}
	if has&hasLink != 0 {
		out = appendString(out, r.more.link)
	}
	if has&hasTarget != 0 {
		out = appendString(out, r.more.target)
	}
	if has&hasRdev != 0 {
		out = binary.AppendUvarint(out, r.more.rdev)
	}
	if has&hasXattrs != 0 {
		out = appendXattrs(out, r.more.xattrs)
	}
	if has&hasSparse != 0 {
		out = appendSparse(out, r.more.sparse)
	}
	if has&hasStored != 0 {
		out = appendString(out, r.more.stored)
	}
	if has&hasFar != 0 {
		out = binary.AppendUvarint(out, zigzag(r.more.far))
	}
	return out
}

func appendXattrs(out []byte, all []backup.Xattr) []byte {
	out = binary.AppendUvarint(out, uint64(len(all)))
	for _, x := range all {
		out = appendString(appendString(out, x.Name), x.Value)
	}
	return out
}

func appendSparse(out []byte, all []backup.Extent) []byte {
	out = binary.AppendUvarint(out, uint64(len(all)))
	var end int64
	for _, x := range all {
		out = binary.AppendUvarint(out, uint64(x.Offset-end))
		out = binary.AppendUvarint(out, uint64(x.Length))
		end = x.Offset + x.Length
	}
	return out
}
