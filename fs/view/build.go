package view

import (
	"context"
	"fmt"
	"path"
	"sort"
	"strings"

	"slotfs/indexer/backup"
	"slotfs/indexer/tree"
)

// snapshotView is a snapshot's directory, cut into parts. It does not change once made.
type snapshotView struct {
	rec       *shownSnapshot
	tree      *tree.Tree
	directory *node            // the snapshot's directory
	made      map[uint64]*node // by number in viewMade
	regions   [viewEnd][]*mapping
	open      bool                                // files/ is the whole tree
	account   string                              // path of the account's directory in the tree
	secrets   []numberRange                       // by first; last is the greatest up to there
	homes     []numberRange                       // of the home directory
	parts     map[backup.PartKind][]numberRange   // what belongs to each kind but files, by first; last is the greatest up to there
	withheld  func() map[backup.PartKind]Withheld // nil: nothing is
	next      uint64                              // number in viewMade
	cost      int64                               // bytes, about
}

// numberRange is a run of entry numbers.
type numberRange struct{ first, last uint64 }

// node is something at a place that was made for the parts: a directory, a generated file, or the top of a region.
type node struct {
	name     string
	up       *node
	number   uint64           // in viewMade; unless it is a region
	region   *mapping         // a piece of the tree is shown here
	names    map[string]*node // of a directory
	children []*node
	data     []byte
	piece    int // of archive/: number of the remote file
	mode     uint32
	secret   bool
}

// kind is the kind of part that a made place belongs to; "": none.
func (s *node) kind() backup.PartKind {
	for s.up != nil && s.up.up != nil {
		s = s.up
	}
	return backup.PartKind(s.name)
}

// mapping is a piece of the tree that is shown in a view: the entry number first and all below it.
type mapping struct {
	view        int
	first, last uint64
	item        tree.Item
	from        string // path in the tree
	shown       *node
	raw         bool // as in the backup: full/
	secret      bool // for root only
	home        bool // lies in the home directory
	kind        backup.PartKind
	part        bool   // a part of the account's other than its files
	unseen      uint32 // child directories of the top that are hidden
}

func (r *mapping) holds(number uint64) bool { return number >= r.first && number <= r.last }

// mappingAt finds the piece that entry number is seen through in a view; nil if it is not seen there.
func (b *snapshotView) mappingAt(view int, number uint64) *mapping {
	all := b.regions[view]
	i := sort.Search(len(all), func(i int) bool { return all[i].last >= number })
	if i == len(all) || !all[i].holds(number) {
		return nil
	}
	return all[i]
}

// isSecret reports whether an entry lies in a piece that is for root only, in any view.
func (b *snapshotView) isSecret(number uint64) bool {
	return inRanges(b.secrets, number)
}

// inHome reports whether an entry lies in the home directory.
func (b *snapshotView) inHome(number uint64) bool {
	for _, h := range b.homes {
		if number >= h.first && number <= h.last {
			return true
		}
	}
	return false
}

// build makes the directory of a snapshot. It reads the index only.
func build(ctx context.Context, v *View, r *shownSnapshot) (*snapshotView, error) {
	b := &snapshotView{rec: r, made: map[uint64]*node{}, parts: map[backup.PartKind][]numberRange{}, withheld: v.o.Withheld, next: numberMade, cost: 4096}
	b.directory = &node{name: r.entry.name, number: numberDirectory, names: map[string]*node{}, mode: backup.ModeDir | 0o755}
	b.made[numberDirectory] = b.directory
	if r.Readable() {
		b.tree = tree.New(v.o.Nodes, r.Root, v.cache)
		if err := b.cut(ctx, v.o.Nodes); err != nil {
			return nil, fmt.Errorf("open %s: %w", r.entry.path(), err)
		}
	}
	b.archive()
	data := snapshotJSON(r, b.kinds(), b.account)
	b.put(b.directory, &node{name: nameJSON, number: numberJSON, data: data, mode: backup.ModeRegular | 0o644})
	return b, nil
}

// cut shows the parts and the whole tree.
func (b *snapshotView) cut(ctx context.Context, nodes tree.Getter) error {
	var parts backup.Parts
	if !b.rec.Parts.IsZero() {
		blob, err := nodes.Get(ctx, b.rec.Parts)
		if err != nil {
			return fmt.Errorf("parts: %w", err)
		}
		if err := parts.UnmarshalBinary(blob); err != nil {
			return fmt.Errorf("parts: %w", err)
		}
	}
	if err := b.grafts(ctx, &parts); err != nil {
		return err
	}
	return b.full(ctx, parts.Full)
}

// full shows the account's directory in the tree as it is.
func (b *snapshotView) full(ctx context.Context, at string) error {
	it, ok, err := b.resolve(ctx, at)
	if err != nil {
		return err
	}
	if !ok || !it.IsDir() {
		it, at = b.tree.Root(), ""
	}
	b.account = at
	r := &mapping{view: viewFull, item: it, from: at, raw: true, kind: backup.Files}
	for child, err := range b.tree.List(ctx, it, 0) {
		if err != nil {
			return err
		}
		if child.Number > it.Number+maxUnseen {
			break
		}
		if child.IsDir() && hidden(&child.Entry) {
			r.unseen++
		}
	}
	b.place(b.directory, backup.Full, r)
	b.order()
	return nil
}

// maxUnseen bounds the search for hidden directories, in entries.
const maxUnseen = 1 << 20

// archive shows the remote files.
func (b *snapshotView) archive() {
	if b.rec.Kind != backup.Tar && b.rec.Kind != backup.TarGzip || len(b.rec.Files) == 0 {
		return
	}
	directory := &node{name: backup.Archive, number: numberArchive, names: map[string]*node{}, mode: backup.ModeDir | 0o700, secret: true}
	b.put(b.directory, directory)
	for i := range b.rec.Files[:min(len(b.rec.Files), maxPieces)] {
		name := freeName(directory.names, escape(path.Base(b.rec.Files[i].Path)))
		b.put(directory, &node{name: name, number: numberPiece + uint64(i), piece: i, mode: backup.ModeRegular | 0o400, secret: true})
	}
}

// put gives s a place in a directory of its own.
func (b *snapshotView) put(at *node, s *node) {
	s.up = at
	at.names[s.name] = s
	at.children = append(at.children, s)
	if s.region == nil {
		b.made[s.number] = s
	}
	b.cost += int64(200 + 2*len(s.name) + len(s.data))
}

// place shows a region at a name.
func (b *snapshotView) place(at *node, name string, r *mapping) {
	r.first, r.last = r.item.Number, r.item.Number+r.item.Count
	r.shown = &node{name: name, region: r}
	b.put(at, r.shown)
	b.regions[r.view] = append(b.regions[r.view], r)
	if r.secret {
		b.secrets = append(b.secrets, numberRange{r.first, r.last})
	}
	if r.kind != backup.Files {
		b.parts[r.kind] = append(b.parts[r.kind], numberRange{r.first, r.last})
	}
	b.cost += 500
}

// order makes regions findable by number.
func (b *snapshotView) order() {
	for _, all := range b.regions {
		sort.Slice(all, func(i, j int) bool { return all[i].first < all[j].first })
	}
	orderRanges(b.secrets)
	for _, all := range b.parts {
		orderRanges(all)
	}
}

// orderRanges makes numbers findable in ranges that may overlap.
func orderRanges(all []numberRange) {
	sort.Slice(all, func(i, j int) bool { return all[i].first < all[j].first })
	for i := 1; i < len(all); i++ {
		all[i].last = max(all[i].last, all[i-1].last)
	}
}

// inRanges reports whether an entry lies in one of all, which are in order.
func inRanges(all []numberRange, number uint64) bool {
	i := sort.Search(len(all), func(i int) bool { return all[i].first > number })
	return i > 0 && all[i-1].last >= number
}

// kinds lists the parts that have a directory.
func (b *snapshotView) kinds() []string {
	var kinds []string
	for _, k := range backup.PartKinds() {
		if _, ok := b.directory.names[string(k)]; ok {
			kinds = append(kinds, string(k))
		}
	}
	return kinds
}

// shownNode makes the Node of what stands at a made place.
func (b *snapshotView) shownNode(ctx context.Context, s *node) (Node, error) {
	if s.region != nil {
		return b.seen(ctx, s.region, &s.region.item)
	}
	if s == b.directory {
		e := b.rec.entry
		n := Node{ID: e.id, Gen: b.rec.gen, Name: e.name, Attr: e.attr, Snapshot: b.rec.Snapshot}
		n.Attr.Ino, n.Attr.Size = e.id, dirSize
		return n, nil
	}
	n := Node{ID: nodeID(b.rec.Serial, viewMade, s.number), Gen: b.rec.gen, Name: s.name, Snapshot: b.rec.Snapshot}
	n.Attr = Attr{Ino: n.ID, Mode: s.mode, UID: b.rec.local.UID, GID: b.rec.local.GID, Nlink: 1, MTime: shownTime(b.rec.Snapshot)}
	if s.secret {
		n.Attr.UID, n.Attr.GID = 0, 0
	}
	switch {
	case s.names != nil:
		n.Attr.Size, n.Attr.Nlink = dirSize, s.links()
	case s.data == nil && s.number >= numberPiece && s.number < numberMade:
		f := &b.rec.Files[s.piece]
		n.Source, n.Piece = FromOriginal, s.piece
		n.Attr.Size, n.Attr.MTime = max(f.Size, 0), backup.Time{Sec: f.MTime}
	default:
		n.Source, n.Data, n.Attr.Size = FromData, s.data, int64(len(s.data))
	}
	n.Attr = b.restricted(n.Attr, s.kind())
	return n, nil
}

// links counts the links of a made directory.
func (s *node) links() uint32 {
	n := uint32(2)
	for _, c := range s.children {
		if c.names != nil || c.region != nil && c.region.item.IsDir() {
			n++
		}
	}
	return n
}

// path tells where a node is shown below the snapshot's directory, with a leading '/'.
func (b *snapshotView) path(ctx context.Context, id uint64) string {
	_, view, number := split(id)
	if view == viewMade {
		return b.made[number].path()
	}
	r := b.mappingAt(view, number)
	if r == nil {
		return fmt.Sprintf(" node %#x", id)
	}
	p, err := b.tree.Path(ctx, number)
	if err != nil {
		return fmt.Sprintf("%s entry %d", r.shown.path(), number)
	}
	p = strings.Trim(strings.TrimPrefix(p, r.from), "/")
	if p == "" {
		return r.shown.path()
	}
	return r.shown.path() + "/" + p
}

func (s *node) path() string {
	if s == nil || s.up == nil {
		return ""
	}
	return s.up.path() + "/" + s.name
}
