package backup

import (
	"cmp"
	"time"
)

// Status says what a pass proved about a snapshot.
type Status string

// The statuses of a snapshot. Only Complete may be `latest`.
const (
	Complete   Status = "complete"   // read to the end, every checksum right
	Truncated  Status = "truncated"  // ends early; what arrived is browsable
	Corrupt    Status = "corrupt"    // Detail says where damage showed, which may be late; what came before is browsable
	Unreadable Status = "unreadable" // could not be opened or is no archive at all
	Growing    Status = "growing"    // changed while it was read; left for the next pass
	Incomplete Status = "incomplete" // an empty or half-filled tree
)

// Kind says how a snapshot lies on its destination.
type Kind string

// The kinds of a snapshot.
const (
	TarGzip Kind = "tar.gz"
	Tar     Kind = "tar"
	Tree    Kind = "tree"
	Slot    Kind = "slot" // a tree with a record of what it holds beside it
)

// File is one remote file (or the directory of a tree) that a snapshot is read from.
type File struct {
	Path  string // from the destination's directory, '/'-separated, raw bytes
	Size  int64  // bytes; 0 for a tree
	MTime int64  // Unix seconds; NoTime: whatever the destination says
	// Checksums are what it must add up to, where a record beside it says so.
	Checksums Checksums
}

// Source is a backup that an engine recognised on a destination, before anything of it was read.
type Source struct {
	Origin  string // path between the directory and the date directory
	Account string // empty: a system backup
	System  bool   // shown below system/, not accounts/
	// Loose says that the backup lies outside of a set, where anybody may have put it: its account is that of its name.
	Loose bool
	Name  string // of the snapshot's directory, without the status: "2026-01-04.weekly"
	Time  time.Time
	Kind  Kind
	// Files are the remote file, or the pieces of a split archive in order. A slot has two: the directory that its files
	// lie in, and the record of what it is.
	Files []File
	// Fingerprint changes when the backup does, as far as listings show. For archives it is made
	// of names, sizes and times; for trees also of the listing of their top directory.
	Fingerprint string
	// Mark is what a backup says of itself in a record of its own: as long as it says so, it is the backup that was
	// indexed. Empty where there is no such record.
	Mark string
	// Order tells which of an account's backups is the newest where their layout knows it better than clocks; 0: it
	// does not.
	Order uint64
	// Fault, when set, is why the backup cannot be read: Status and Detail come from here.
	Fault  Status
	Detail string
}

// NoTime is the time of files on destinations that keep none that they are told. No destination shows it of a file:
// SFTP version 3 has no times before 1970.
const NoTime = -1

// Is reports whether a destination can show f as a file of that size and time.
func (f *File) Is(size, mtime int64) bool {
	return f.Size == size && (f.MTime == mtime || f.MTime == NoTime)
}

// Key identifies the source on its destination: the remote path of its first file.
func (s *Source) Key() string { return s.Files[0].Path }

// Compare orders two backups of an account by age, the older one first: by Order where both have it, else by their times. Copies of
// one backup, such as cPanel's daily and weekly ones of a day, are equal.
func (s *Source) Compare(other *Source) int {
	if s.Order != 0 && other.Order != 0 && s.Order != other.Order {
		return cmp.Compare(s.Order, other.Order)
	}
	return s.Time.Compare(other.Time)
}

// Snapshot is the catalog's record of one account (or system backup) at one time. It is written last in
// a pass, so whoever sees it can read all of it.
type Snapshot struct {
	Source
	Destination string
	Serial      uint64 // never reused in the life of an index; names the archive's seek points too
	Status      Status
	Detail      string // what is wrong and where, for people
	// Stable says that two passes in a row saw the same tree. A tree that is not settled is
	// walked again although its fingerprint did not change.
	Stable  bool
	Indexed time.Time

	Root    Entry // of the tree: attributes, Child and Count
	Parts   Hash  // of the Parts blob in the index; zero: none
	Counts  Counts
	Content int64  // bytes of the uncompressed archive; sum of file sizes for a tree
	Refused uint64 // members left out: their names lead outside or cannot exist, or there were too many in a directory
	Owner   *Owner // the account's ids on the server that made the backup

	// Reader is the revision of the program's reader that made the record. What an earlier one could not read to the end
	// is read again.
	Reader uint64
	Notes  Notes
	// Machine is the id of the machine that wrote the backup, where the backup tells: an account's name alone is no
	// identity. Empty: not known.
	Machine string
	// Affected are the files that may be wrong, or are not whole, in an archive that is truncated or corrupt.
	Affected Affected
	// Unclaimed says that the backup belongs to root and is nobody's latest: its name has no account, or another one than
	// its content.
	Unclaimed bool
	Names     Names // of the owners of entries, where the backup tells
	// Concerns are what the backup lacks although its bytes are right.
	Concerns []Concern
	// Verified is what was found when it was read again. A pass leaves it as it is.
	Verified Verification
}

// Affected counts files and names the first of them: paths in the tree as people read them, raw bytes.
type Affected struct {
	Files uint64
	First []string
}

// Owner is a numeric user and group.
type Owner struct {
	UID uint32 `json:"uid"`
	GID uint32 `json:"gid"`
}

// Readable reports whether the snapshot has a tree to browse.
func (s *Snapshot) Readable() bool { return s.Root.Mode != 0 }

// Attributed reports whether anything in the snapshot's tree has extended attributes.
func (s *Snapshot) Attributed() bool { return s.Root.Attributed || len(s.Root.Xattrs) > 0 }

// Unfinished is how far a pass over one archive came, committed so that the next pass goes on from there.
type Unfinished struct {
	Serial      uint64
	Fingerprint string          // of the source when the pass began
	Scan        []byte          // state of the scan, opaque
	Root        Entry           // of the tree so far
	Kept        map[string]Hash // contents kept for the engine, by path: blobs of the index
	Notes       Notes           // about entries of the tree so far
	Names       Names           // of their owners
	Keeping     string          // path of the file of whose content the beginning is kept; empty: of none
	Beginning   []byte          // of it, as far as the engine wants it
	Dump        []byte          // how far the search for tables came in that file, opaque; empty: it is not searched
	DumpAt      int64           // offset of its content in the archive
}
