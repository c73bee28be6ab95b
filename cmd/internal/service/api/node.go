package api

import (
	"unicode/utf8"

	"slotfs/cmd/internal/service/browse"
	"slotfs/cmd/internal/term"
	"slotfs/fs/view"
	"slotfs/indexer/backup"
)

// Node is one thing that is shown.
type Node struct {
	// ID names it to administrators, for as long as its snapshot is there.
	ID        uint64          `json:"id,string"`
	Name      string          `json:"name"`
	NameB64   browse.Bytes    `json:"name_base64,omitempty"` // where the name is not UTF-8
	Type      string          `json:"type"`                  // directory, file, link, fifo, socket, other
	Size      int64           `json:"size"`
	Mode      uint32          `json:"mode"` // st_mode
	UID       uint32          `json:"uid"`
	GID       uint32          `json:"gid"`
	MTime     backup.Time     `json:"mtime"`
	Nlink     uint32          `json:"nlink"`
	Ino       uint64          `json:"ino,string"` // equal for the names of one file
	Target    string          `json:"target,omitempty"`
	TargetB64 browse.Bytes    `json:"target_base64,omitempty"`
	Xattrs    []Xattr         `json:"xattrs,omitempty"`
	Sparse    bool            `json:"sparse,omitempty"`
	Extents   []backup.Extent `json:"extents,omitempty"` // data of a sparse file, ascending
	// Snapshot is what it belongs to. Listings leave it out of all but the snapshots themselves.
	Snapshot *browse.Snapshot `json:"snapshot,omitempty"`
	// Recorded is what the backup says of its owner; absent: it is not from a backup.
	Recorded *browse.Recorded `json:"recorded,omitempty"`
}

// Xattr is an extended attribute, its name and value in base64.
type Xattr struct {
	Name  browse.Bytes `json:"name"`
	Value browse.Bytes `json:"value"`
}

func nodeOf(n *browse.Node) Node {
	out := Node{ID: n.ID, Type: browse.TypeName(n.Attr.Mode), Size: n.Attr.Size, Mode: n.Attr.Mode, UID: n.Attr.UID, GID: n.Attr.GID,
		MTime: n.Attr.MTime, Nlink: n.Attr.Nlink, Ino: n.Attr.Ino, Sparse: n.Extents != nil, Extents: n.Extents, Snapshot: n.Snapshot, Recorded: n.Recorded}
	out.Name, out.NameB64 = coded(n.Name)
	out.Target, out.TargetB64 = coded(n.Target)
	for _, x := range n.Xattrs {
		out.Xattrs = append(out.Xattrs, Xattr{browse.Bytes(x.Name), browse.Bytes(x.Value)})
	}
	return out
}

// coded is a name as JSON can have it, with its bytes beside where that is not all of it.
func coded(name string) (string, browse.Bytes) {
	if utf8.ValidString(name) {
		return name, ""
	}
	text, _ := term.Text(name)
	return text, browse.Bytes(name)
}

func decoded(text string, raw browse.Bytes) string {
	if raw != "" {
		return string(raw)
	}
	return text
}

// node is a Node as commands see it.
func (n *Node) node() browse.Node {
	out := browse.Node{ID: n.ID, Name: decoded(n.Name, n.NameB64), Target: decoded(n.Target, n.TargetB64), Extents: n.Extents, Snapshot: n.Snapshot, Recorded: n.Recorded,
		Attr: view.Attr{Ino: n.Ino, Mode: n.Mode, UID: n.UID, GID: n.GID, Nlink: n.Nlink, Size: n.Size, MTime: n.MTime}}
	if n.Sparse && out.Extents == nil {
		out.Extents = []backup.Extent{}
	}
	for _, x := range n.Xattrs {
		out.Xattrs = append(out.Xattrs, backup.Xattr{Name: string(x.Name), Value: string(x.Value)})
	}
	return out
}
