package backup

import "math"

// File types of Entry.Mode, as in st_mode of Linux (inode(7)).
const (
	ModeType    = 0o170000
	ModeSocket  = 0o140000
	ModeSymlink = 0o120000
	ModeRegular = 0o100000
	ModeBlock   = 0o060000
	ModeDir     = 0o040000
	ModeChar    = 0o020000
	ModeFIFO    = 0o010000
	ModePerm    = 0o007777 // permission bits with set-id and sticky
)

// NestedSuffix ends the name of the hidden directory that holds the members of an archive inside the
// archive: beside the file `homedir.tar` stands the directory "homedir.tar\x00". No file system and no
// tar member can have such a name, so it collides with nothing; listings leave such names out.
const NestedSuffix = "\x00"

// MaxTarget is the longest text of a symbolic link, in bytes, that Linux can read: PATH_MAX without its NUL.
const MaxTarget = 4095

// Entry is one name in a directory of a snapshot.
type Entry struct {
	Name  string // raw bytes, never empty but for the root, no '/'
	Mode  uint32 // st_mode: type and permission bits
	UID   uint32
	GID   uint32
	Size  int64  // bytes; of a sparse file the logical size; 0 for directories
	MTime int64  // nanoseconds since 1970-01-01 UTC; may be negative. See Far
	Nlink uint32 // 2 + child directories for a directory; hard links of a file, at least 1

	// Offset is where the content (of a directory: its first header) stands in the uncompressed
	// archive, in bytes. Stored nodes hold it relative to the directory; see package tree. Zero
	// in the snapshots of trees, which are read by path.
	Offset int64

	Target string // of a symlink: its text, raw bytes
	// Link is set for a hard link that is not the first name of its file: the path of the first
	// one from the tree's root. Attributes and Offset are those of the first name.
	Link   string
	Rdev   uint64   // of a device node: makedev(3) number
	Xattrs []Xattr  // sorted by name
	Sparse []Extent // data regions of a sparse file, ascending; nil: everything is data

	Child Hash   // of a directory: its node; zero: empty
	Count uint64 // of a directory: entries anywhere below it, itself not counted
	// Attributed says that entries anywhere below a directory have extended attributes.
	Attributed bool

	// Stored is the name that e has on the destination, in the snapshot of a tree, if that is not Name: servers refuse
	// names, or take two for one.
	Stored string

	// Checksums prove the content of a regular file of a slot. Members of archives are proven by their archive.
	Checksums Checksums

	// Far is the modification time in Unix seconds if nanoseconds in MTime do not reach it; MTime has the fraction then, in the
	// last second that it can hold. Otherwise Far is 0. See Time and SetTime.
	Far int64
}

// IsDir reports whether e is a directory.
func (e *Entry) IsDir() bool { return e.Mode&ModeType == ModeDir }

// IsRegular reports whether e is a regular file, hard links included.
func (e *Entry) IsRegular() bool { return e.Mode&ModeType == ModeRegular }

// IsSymlink reports whether e is a symbolic link.
func (e *Entry) IsSymlink() bool { return e.Mode&ModeType == ModeSymlink }

// RemoteMTime is the modification time that a destination has for a copy of e, in Unix seconds: SFTP version 3 knows
// whole seconds only, from 1970 to 2106.
func (e *Entry) RemoteMTime() int64 { return min(max(e.Seconds(), 0), math.MaxUint32) }

// Seconds is the modification time in whole Unix seconds, rounded down.
func (e *Entry) Seconds() int64 { return e.Time().Sec }

// Xattr is one extended attribute with its raw value.
type Xattr struct{ Name, Value string }

// Extent is a region of a sparse file that holds data. The data of all extents stands packed, one
// after the other, from Entry.Offset on.
type Extent struct {
	Offset int64 `json:"offset"`
	Length int64 `json:"length"`
}
