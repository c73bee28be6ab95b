package archive

import (
	"encoding/binary"

	"slotfs/indexer/backup"
)

// maxExpanded bounds what Scan makes of a sparse file.
const maxExpanded = 64 << 20

// delivery hands what is wanted of one member's content to the handler.
type delivery struct {
	on      bool
	size    int64           // logical, of what is wanted and what stands before it
	at      int64           // of the logical size, what went by
	gap     [2]int64        // from and to: what of it nobody wants
	extents []backup.Extent // still to come; not used unless sparse
	sparse  bool
	loose   bool // a state may be saved in the middle, and does not go on with it
	zeros   []byte
}

// start begins with a member; what needs no bytes of the archive is handed out at once.
func (d *delivery) start(h Handler, e *backup.Entry, want backup.Excerpt) error {
	d.on, d.loose, d.size, d.at = true, want.Unpacked, e.Size, 0
	d.gap[0], d.gap[1] = want.Gap(e.Size)
	if d.gap[1] == e.Size {
		d.size = d.gap[0]
	}
	d.sparse, d.extents = e.Sparse != nil, e.Sparse
	if d.size == 0 {
		d.on = false
		return h.Content(nil, true)
	}
	if d.sparse {
		return d.holes(h)
	}
	return nil
}

// write hands on bytes of the archive.
func (d *delivery) write(h Handler, p []byte) error {
	for d.on && len(p) > 0 {
		n := d.size - d.at
		if d.sparse {
			n = d.extents[0].Offset + d.extents[0].Length - d.at
		}
		n = min(n, int64(len(p)))
		if err := d.hand(h, p[:n]); err != nil {
			return err
		}
		p = p[n:]
		if d.sparse {
			if err := d.holes(h); err != nil {
				return err
			}
		}
	}
	return nil
}

// holes goes on to the next byte that has to come from the archive.
func (d *delivery) holes(h Handler) error {
	for len(d.extents) > 0 && d.extents[0].Offset+d.extents[0].Length <= d.at {
		d.extents = d.extents[1:]
	}
	next := d.size
	if len(d.extents) > 0 {
		next = d.extents[0].Offset
	}
	if d.at < next && d.zeros == nil {
		d.zeros = make([]byte, 64<<10)
	}
	for d.at < next {
		if err := d.hand(h, d.zeros[:min(next-d.at, int64(len(d.zeros)))]); err != nil {
			return err
		}
	}
	return nil
}

// hand takes the next bytes of the content and hands out those that are wanted.
func (d *delivery) hand(h Handler, p []byte) error {
	head := p[:min(max(d.gap[0]-d.at, 0), int64(len(p)))]
	tail := p[min(max(d.gap[1]-d.at, int64(len(head))), int64(len(p))):]
	if watcher, ok := h.(Watcher); ok {
		watcher.Watch(p, d.at)
	}
	d.at += int64(len(p))
	d.on = d.at < d.size
	if len(head) > 0 {
		if err := h.Content(head, !d.on && len(tail) == 0); err != nil {
			return err
		}
	}
	if len(tail) == 0 {
		return nil
	}
	return h.Content(tail, !d.on)
}

// skip passes over n bytes that nobody wants.
func (d *delivery) skip(n int64) {
	if d.on {
		d.at += n
	}
}

// skippable is how many of the next bytes nobody wants.
func (d *delivery) skippable() int64 {
	if !d.on || d.at < d.gap[0] {
		return 0
	}
	return max(d.gap[1]-d.at, 0)
}

// appendTo writes where a delivery stands that nothing is delivered of right now.
func (d *delivery) appendTo(out []byte) []byte {
	var numbers [3]int64
	if d.on && !d.loose {
		numbers = [3]int64{d.size, d.at, d.gap[1]}
	}
	for _, n := range numbers {
		out = binary.AppendVarint(out, n)
	}
	return out
}

func (d *delivery) restore(from *decoder) {
	d.size, d.at, d.gap[1] = from.Varint(), from.Varint(), from.Varint()
	d.on = d.size > 0
	if d.at < 0 || d.gap[1] < d.at || d.gap[1] > d.size || d.on && d.gap[1] == d.size {
		from.Failed = true
	}
}
