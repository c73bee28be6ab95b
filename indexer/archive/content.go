package archive

import "slotfs/indexer/backup"

// maxExpanded bounds what Scan makes of a sparse file.
const maxExpanded = 64 << 20

// delivery hands the content of one wanted member to the handler.
type delivery struct {
	on      bool
	size    int64           // logical
	at      int64           // of the logical size, what was handed out
	extents []backup.Extent // still to come; not used unless sparse
	sparse  bool
	zeros   []byte
}

// start begins with a member; what needs no bytes of the archive is handed out at once.
func (d *delivery) start(h Handler, e *backup.Entry) error {
	d.on, d.size, d.at = true, e.Size, 0
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

func (d *delivery) hand(h Handler, p []byte) error {
	d.at += int64(len(p))
	d.on = d.at < d.size
	return h.Content(p, !d.on)
}
