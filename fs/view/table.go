package view

import (
	"cmp"
	"errors"
	"slices"
	"sort"
	"strings"

	"slotfs/indexer/backup"
)

// errSerial says that a snapshot cannot be shown because node ids have no room for its serial.
var errSerial = errors.New("serial too large to be shown; rebuild the index")

// table is everything above the snapshots' directories. It does not change once made.
type table struct {
	root      *entry
	nodes     map[uint64]*entry         // by id, without the snapshots' directories
	snapshots map[uint64]*shownSnapshot // by serial
	refused   []refusal
	counts    map[string]map[backup.Status]int // by destination
	names     []string                         // of the destinations
	bytes     uint64
	entries   uint64
}

// refusal is a snapshot that cannot be shown.
type refusal struct {
	where string
	err   error
}

// entry is one thing above the snapshots' directories, or such a directory.
type entry struct {
	name     string
	id       uint64
	up       *entry
	children []*entry // of a directory: sorted by name
	attr     Attr
	target   string         // of a link
	file     string         // of a generated file: nameStatus or nameErrors
	snapshot *shownSnapshot // of a snapshot's directory
}

// shownSnapshot is a snapshot with what follows from where it is shown.
type shownSnapshot struct {
	*backup.Snapshot
	entry *entry
	local Local // the account's user on this machine
	here  *Accounts
	// users and groups tell which ones of others are which ones here.
	users, groups owners
	gen           uint64
}

// Local is a user of this machine; root when OK is not set.
type Local struct {
	UID, GID uint32
	OK       bool
}

// same reports whether nothing that is shown of the snapshot itself differs.
func (r *shownSnapshot) same(o *shownSnapshot) bool {
	return r.gen == o.gen && r.local == o.local && r.here == o.here && r.Status == o.Status && r.Detail == o.Detail &&
		r.Indexed.Equal(o.Indexed) && r.Fingerprint == o.Fingerprint && r.entry.name == o.entry.name
}

// child finds a name in a directory.
func (e *entry) child(name string) (*entry, bool) {
	i, ok := slices.BinarySearchFunc(e.children, name, func(c *entry, name string) int {
		return strings.Compare(c.name, name)
	})
	if !ok {
		return nil, false
	}
	return e.children[i], true
}

// path tells where e is shown, from the mountpoint.
func (e *entry) path() string {
	if e.up == nil {
		return ""
	}
	if up := e.up.path(); up != "" {
		return up + "/" + e.name
	}
	return e.name
}

// tableBuilder builds a table.
type tableBuilder struct {
	*table
	o           *Options
	directories map[string]*entry // by path
	locals      map[ownership]Local
	here        *Accounts
}

// ownership is what decides which local user a snapshot belongs to.
type ownership struct{ destination, origin, account, machine string }

// newTable makes the table of these destinations and snapshots.
func newTable(destinations []string, snapshots []*backup.Snapshot, o *Options) *table {
	m := &tableBuilder{o: o, directories: map[string]*entry{}, locals: map[ownership]Local{}, table: &table{
		nodes:     map[uint64]*entry{},
		snapshots: make(map[uint64]*shownSnapshot, len(snapshots)),
		counts:    map[string]map[backup.Status]int{},
	}}
	if o.Accounts != nil {
		m.here = o.Accounts()
	}
	m.root = &entry{id: RootID}
	m.directories[""] = m.root
	m.nodes[RootID] = m.root
	meta := m.directory(m.root, nameMeta)
	m.file(meta, nameStatus)
	m.file(meta, nameErrors)
	for _, d := range destinations {
		m.destination(d)
	}
	for _, group := range m.group(snapshots) {
		m.show(group)
	}
	m.settle(m.root)
	sort.Strings(m.names)
	return m.table
}

// destination makes the directory of a destination.
func (m *tableBuilder) destination(name string) *entry {
	if _, ok := m.counts[name]; !ok {
		m.counts[name] = map[backup.Status]int{}
		m.names = append(m.names, name)
	}
	return m.directory(m.root, escape(name, nameMeta))
}

// group sorts the snapshots into the directories that show them, each in the order that decides names. Groups
// come in the order in which they were met.
func (m *tableBuilder) group(snapshots []*backup.Snapshot) [][]*shownSnapshot {
	type place struct {
		destination, origin, account string
		system                       bool
	}
	at := map[place]int{}
	var groups [][]*shownSnapshot
	for _, s := range snapshots {
		p := place{s.Destination, strings.Join(originPath(s.Origin), "/"), s.Account, s.System}
		if s.System {
			p.account = ""
		}
		i, ok := at[p]
		if !ok {
			i = len(groups)
			at[p] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], &shownSnapshot{Snapshot: s})
	}
	for _, g := range groups {
		sort.SliceStable(g, func(i, j int) bool { return before(g[i].Snapshot, g[j].Snapshot) })
	}
	return groups
}

// before orders the snapshots that may have one name.
func before(a, b *backup.Snapshot) bool {
	if ra, rb := rank(a.Kind), rank(b.Kind); ra != rb {
		return ra < rb
	}
	if ka, kb := key(a), key(b); ka != kb {
		return ka < kb
	}
	return a.Serial < b.Serial
}

func rank(k backup.Kind) int {
	return slices.Index([]backup.Kind{backup.TarGzip, backup.Tar, backup.Slot, backup.Tree}, k)
}

func key(s *backup.Snapshot) string {
	if len(s.Files) == 0 {
		return ""
	}
	return s.Key()
}

// show makes the directory of one account (or of the system backups) with its snapshots and `latest`.
func (m *tableBuilder) show(group []*shownSnapshot) {
	s := group[0].Snapshot
	at := m.destination(s.Destination)
	for _, element := range originPath(s.Origin) {
		at = m.directory(at, element)
	}
	if s.System {
		at = m.directory(at, nameSystem)
	} else {
		at = m.directory(m.directory(at, nameAccounts), escape(s.Account))
	}
	at.attr = Attr{Mode: backup.ModeDir | 0o700}
	var latest *shownSnapshot
	for name, r := range nameSnapshots(group) {
		r.local = m.local(r.Snapshot)
		if r.local.OK {
			at.attr.UID, at.attr.GID = r.local.UID, r.local.GID
			r.here = m.here
			if r.here != nil {
				r.users, r.groups = r.here.users(r.Snapshot), r.here.groups(r.Snapshot)
			}
		}
		if !m.snapshot(at, name, r) {
			continue
		}
		if r.Status == backup.Complete && r.Readable() && !r.Unclaimed && (latest == nil || newer(r, latest)) {
			latest = r
		}
	}
	if latest != nil {
		m.latest(at, latest)
	}
}

// newer orders complete snapshots of one account by time, unless their layout knows better; names decide between equal
// ones.
func newer(a, b *shownSnapshot) bool {
	return cmp.Or(a.Compare(&b.Source), cmp.Compare(a.entry.name, b.entry.name)) > 0
}

func (m *tableBuilder) latest(at *entry, r *shownSnapshot) {
	// The target is part of the id: a kernel that caches link texts needs no other sign of a change.
	link := m.add(at, nameLatest, r.entry.name)
	link.target = r.entry.name
	link.attr = Attr{Mode: backup.ModeSymlink | 0o777, UID: r.local.UID, GID: r.local.GID, Nlink: 1,
		Size: int64(len(link.target)), MTime: backup.TimeOf(r.Time)}
}

// local finds the local user that a snapshot belongs to, once for all that the same holds of.
func (m *tableBuilder) local(s *backup.Snapshot) Local {
	if s.System || s.Account == "" || s.Unclaimed {
		return Local{}
	}
	key := ownership{s.Destination, s.Origin, s.Account, s.Machine}
	l, ok := m.locals[key]
	if !ok {
		l = m.o.Owner(s)
		if !l.OK || l.UID == 0 {
			l = Local{}
		}
		m.locals[key] = l
	}
	return l
}

// snapshot makes the directory of one snapshot.
func (m *tableBuilder) snapshot(at *entry, name string, r *shownSnapshot) bool {
	e := &entry{name: name, up: at, snapshot: r}
	if r.Serial > maxSerial {
		m.refused = append(m.refused, refusal{e.path(), errSerial})
		return false
	}
	r.entry, r.gen = e, generation(r)
	e.id = nodeID(r.Serial, viewMade, numberDirectory)
	e.attr = Attr{Mode: backup.ModeDir | 0o755, UID: r.local.UID, GID: r.local.GID, Nlink: 1, MTime: shownTime(r.Snapshot)}
	if !r.local.OK {
		e.attr.Mode = backup.ModeDir | 0o700 // another snapshot of the account may belong to a local user
	}
	at.children = append(at.children, e)
	m.snapshots[r.Serial] = r
	m.counts[r.Destination][r.Status]++
	m.bytes += uint64(max(r.Content, 0))
	m.entries += r.Root.Count
	return true
}

// shownTime is the modification time of what was made for a snapshot.
func shownTime(s *backup.Snapshot) backup.Time {
	switch {
	case !s.Time.IsZero():
		return backup.TimeOf(s.Time)
	case !s.Indexed.IsZero():
		return backup.TimeOf(s.Indexed)
	}
	return backup.Time{}
}

// directory finds or makes a directory.
func (m *tableBuilder) directory(at *entry, name string) *entry {
	path := name
	if up := at.path(); up != "" {
		path = up + "/" + name
	}
	if e, ok := m.directories[path]; ok {
		return e
	}
	e := m.add(at, name, "")
	m.directories[path] = e
	return e
}

func (m *tableBuilder) file(at *entry, name string) {
	e := m.add(at, name, "")
	e.file = name
	e.attr = Attr{Mode: backup.ModeRegular | 0o400, Nlink: 1}
}

// add puts a new name into a directory.
func (m *tableBuilder) add(at *entry, name, what string) *entry {
	e := &entry{name: name, up: at}
	e.id = topID(e.path(), what)
	for m.nodes[e.id] != nil || e.id == takenID {
		e.id = (e.id + 1) | topBit
	}
	m.nodes[e.id] = e
	at.children = append(at.children, e)
	return e
}

// settle sorts the children of e and of the directories below, and fills in what follows from them.
func (m *tableBuilder) settle(e *entry) {
	sort.Slice(e.children, func(i, j int) bool { return e.children[i].name < e.children[j].name })
	if e.attr.Mode == 0 {
		e.attr.Mode = backup.ModeDir | 0o555
	}
	if e.attr.Mode&backup.ModeType != backup.ModeDir || e.snapshot != nil {
		return
	}
	e.attr.Nlink = 2
	for _, c := range e.children {
		m.settle(c)
		if c.attr.Mode&backup.ModeType == backup.ModeDir {
			e.attr.Nlink++
		}
		if c.attr.MTime.After(e.attr.MTime) {
			e.attr.MTime = c.attr.MTime
		}
	}
	e.attr.Size = dirSize
	e.attr.Ino = e.id
}
