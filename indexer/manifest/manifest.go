// Package manifest is the format of what lies beside the data of a slot: state.json, the manifest and the journal. It
// is pure: it knows neither destinations nor how slots are written.
//
// A slot is a directory `<directory>/<job>/<account>/slot-NN/` with
//
//	state.json                        State as JSON, at most 4 KiB, replaced atomically: the commit point
//	state.json.prior                  the state before, on servers that cannot replace a file by renaming it: it counts
//	                                  only where state.json is missing
//	data/...                          the files under their own names (mode "incremental")
//	archive/ACCOUNT.g000017.tar.gz    or one archive of independent gzip members (mode "compressed")
//	meta/manifest.g000017.jsonl.zst   one Entry a line as JSON, sorted by path in byte order, zstd frames
//	meta/members.g000017.jsonl.zst    the gzip members of the archive, see below
//	meta/kept.g000017.tar.zst         copies of small files of the archive that say what the account consists of
//	meta/journal.g000018.000003       lines of the same form: what this run has put into place so far
//	meta/checkpoint.g000018.json      how an archive can be gone on with that a run did not finish
//	meta/segment.g000018.ID           what is in that archive: lines as in a journal, and behind them a list of members
//	tmp/...                           uploads in progress
//
// A slot is complete if its state says so and the manifest that the state names has the size and SHA-256 that
// the state gives. Everything else is no backup.
//
// # The state
//
// state.json is one JSON object with the fields of State under the names in their tags, ended by "check", 0 to 15
// spaces and a newline. check is the first 16 hexadecimal digits of the SHA-256 of the line with an empty check and no
// spaces, newline included. The spaces make the length of the file, modulo 16, twice the epoch, and one more for a
// complete slot: SFTP tells times in seconds, and states that follow each other within one differ in length.
//
// # The lines
//
// Manifests and journals are zstd (RFC 8878) frames of at most about 1 MiB of text each, so `zstdcat` shows them. The
// text is a line that says what it is, the entries, and a last line that tells a whole file from one that was cut:
//
//	{"slotfs":"manifest","format":1}
//	{"path":"","type":"dir","mode":"0711","uid":1001,"gid":1001,"user":"alice","mtime":"1767225600.25"}
//	{"path":"a.txt","type":"file","mode":"0644","uid":1001,"gid":1001,"size":6,"mtime":"1767225600","sha256":"58..."}
//	{"end":true,"entries":2,"bytes":6,"sha256":"..."}
//
// The sha256 of the last line is that of all text before it; entries counts lines, and bytes adds the sizes of
// regular files, missing ones and further names of hard-linked ones left out, up to 2^63-1. An entry has these fields in this order:
//
//	path     from the account's directory, without leading '/'; "" is the directory itself
//	type     file, dir, symlink, fifo, socket, block, char; none for what a journal says is removed
//	mode     permission bits with set-id and sticky, four octal digits
//	uid, gid, user, group             numbers, and their names on the source host
//	size     bytes; of a sparse file the logical size
//	mtime, ctime                      seconds since 1970-01-01 UTC with up to nine decimals, as a string
//	nlink, inode, device, rdev        as stat(2) gives them
//	offset   where the content stands, or would stand, in the archive (mode "compressed"), uncompressed
//	target   text of a symlink
//	link     of further names of a hard-linked file: the path of the first one
//	stored   name of the entry in data/, if that is an escaped one; see below
//	xattrs   [{"name":N,"value":V}, ...], both in base64, sorted by name; ACLs are among them
//	sparse   [[offset,length], ...]: regions with data, ascending; all else is holes. Without it all is data
//	sha256   of a regular file's content, hexadecimal; without it the content was never read, or has more holes than a
//	         run computes checksums of (128 GiB of them)
//	crc32c   of the content's blocks, 8 hexadecimal digits each, one behind the other: of files over 1 MiB in a tree that
//	         have a sha256. A block has 240 KiB (245,760 bytes), doubled until a file has 65,536 blocks at most; the last
//	         block is shorter. Files of more than 1.875 TiB have none, and none has what earlier versions wrote
//	flags    any of changed, stale, racy, missing; in journals also removed, durable
//
// Fields that are zero or empty are left out, but for path, type, mode, uid and gid. Names are raw bytes: what is no
// valid UTF-8 stands in base64 (RFC 4648, padded) under the field's name with 64 behind it (path64, user64, group64,
// target64, link64). There is one way to write a line: no spaces, numbers in decimal, and in strings only '"' and '\'
// (with a backslash) and what is below U+0020 (as \u00xx) escaped. Readers refuse all others, and lines over 8 MiB.
//
// # Escaped names
//
// A server may refuse a name (.htaccess, a:b, one of 200 bytes), change it, or take it for another one (Logo.png and logo.png).
// Then the entry has an escaped name in data/: each byte but a to z, 0 to 9, '_', and '-' and '.' inside, as '=' and two
// hexadecimal digits (also the first byte of what is a device for DOS), and behind all that '=' and the first 8 hexadecimal digits of the SHA-256 of the name. If that has more
// than 113 bytes, it is as much of the former as fits into 80 bytes, "==" and the first 32 digits. Logo.png is
// "=4cogo.png=" and 8 digits. Names that have such a form themselves are escaped too. What is below an escaped directory lies
// in the directory of that name. An entry with the flag missing is not in data/: the server takes it under no name.
//
// # The members of an archive
//
// With these and the manifest any file is found in the archive without reading what comes before it. The list is zstd
// too: a first line, and a line for each gzip member with its bytes as stored and as text, and CRC-32C sums (8
// hexadecimal digits each, one behind the other) of each 128 KiB of that text:
//
//	{"slotfs":"members","format":1}
//	{"size":81234,"length":262144,"crc32c":"0a1b2c3d4e5f6071"}
//
// # The checkpoint
//
// A checkpoint is one JSON object that a run which goes on with an archive reads, and nobody else:
//
//	temp      the archive so far, in tmp/
//	settled   true if its writer ended in good order: nothing that it asked for can still be done
//	segments  what is in it: name, size and sha256 of files in meta/, list (bytes of lines at the beginning of the file, as in
//	          a journal; the rest is a list of members) and pass (lines of one pass are sorted by path, and hold instead of
//	          those of a lower one)
//	stops     one or two places to go on from, the last one preferred: size and content (bytes before it, stored and
//	          uncompressed), sum (the state of crypto/sha256 there, in base64), segments (how many are about what is before it),
//	          and for a place inside a file inside, with entry (its line, as a journal) and sum, both in base64
//
// Lines of the same path may come again in later segments. A place inside a file is of use while that file is as it was.
package manifest

import (
	"encoding/hex"
	"time"

	"slotfs/indexer/backup"
)

// Format is the number of the layout of states and lines. Another one is refused.
const Format = 1

// Phase is where a slot stands.
type Phase string

// The phases of a slot; see State.
const (
	Filling  Phase = "filling"  // first full backup under way
	Updating Phase = "updating" // a later backup under way over an older one
	Complete Phase = "complete"
	Damaged  Phase = "damaged"  // verification found a difference; the next run repairs it
	Deleting Phase = "deleting" // retention was lowered
)

// Mode is how a slot holds its data.
type Mode string

// The modes of a job and its slots.
const (
	Incremental Mode = "incremental" // a plain tree
	Compressed  Mode = "compressed"  // one .tar.gz
)

// State is the content of state.json.
type State struct {
	Format     int       `json:"format"` // 1
	Slot       int       `json:"slot"`   // NN of the directory
	Gen        uint64    `json:"gen"`    // grows with every run of the account: the order of slots, whatever clocks say
	Phase      Phase     `json:"phase"`
	Mode       Mode      `json:"mode"`
	Run        string    `json:"run"`   // id of the run that wrote this, random
	Epoch      uint64    `json:"epoch"` // fencing: grows whenever another run takes the slot over
	Started    time.Time `json:"started"`
	Finished   time.Time `json:"finished,omitzero"`  // of the backup: when it was complete
	BaseGen    uint64    `json:"base_gen,omitempty"` // the backup that this one is written over
	Manifest   *File     `json:"manifest,omitempty"` // of the newest complete backup in this slot
	Durability string    `json:"durability"`         // "fsync", or "none" where the server cannot
	Times      string    `json:"times,omitempty"`    // NoTimes, or empty where files have those of the manifest, in seconds
	Host       string    `json:"host"`
	Account    string    `json:"account"`
	Job        string    `json:"job"`
	Tool       string    `json:"tool"`
	Pinned     bool      `json:"pinned,omitempty"`  // never overwritten
	Suspect    bool      `json:"suspect,omitempty"` // a backup is under way over a damaged one: what is there was not read yet
	Verified   time.Time `json:"verified,omitzero"`
	Archive    *Archive  `json:"archive,omitempty"` // what the manifest lists, in mode "compressed"
	Traits     Traits    `json:"names,omitempty"`   // what the server does to names; empty: nothing, or an older version wrote this
	Missing    int64     `json:"missing,omitempty"` // entries of the manifest that are not in data/
	Extra      int64     `json:"extra,omitempty"`   // names in data/ that are no entry's: the next run lists data/ and tries to delete them
	Machine    string    `json:"machine,omitempty"` // id of the machine that wrote this; empty: an older version did
}

// Archive is what a slot has in place of a tree.
type Archive struct {
	File          // in archive/
	Content int64 `json:"content"`        // bytes of it, uncompressed
	Members File  `json:"members"`        // in meta/: its gzip members
	Kept    *File `json:"kept,omitempty"` // in meta/: copies of small files of it, as a tar archive
}

// NoTimes says that the server keeps no times that it is told: those of files in data/ mean nothing.
const NoTimes = "none"

// File names a file in meta/ (or the archive) and says what it must be.
type File struct {
	Name    string `json:"name"`
	Size    int64  `json:"size"`
	SHA256  string `json:"sha256"` // hexadecimal
	Entries int64  `json:"entries,omitempty"`
	Bytes   int64  `json:"bytes,omitempty"` // sum of the sizes of regular files
}

// Entry is one line of a manifest: a path with everything that the server may not be able to hold.
type Entry struct {
	Path         string // from the account's directory, raw bytes, '/'-separated; "" is the directory itself
	backup.Entry        // Name is the last element; Size, MTime (ns), Mode, owners, Xattrs, Sparse, Rdev, Target, Nlink; Link: first path of the hard-link group
	User         string // name of UID on the source host, if it has one
	Group        string
	CTime        int64 // ns
	Inode        uint64
	Device       uint64
	Digest
	Flags Flags
}

// Digest is what the content of a regular file adds up to.
type Digest struct {
	Hash   string // SHA-256, hexadecimal; empty: never read
	Blocks string // CRC-32C of each block, 4 bytes each; see backup.Checksums. Empty: not known
}

// DigestOf is what a summer found of a file of that size.
func DigestOf(s *backup.Summer, size int64) Digest {
	sum := s.SHA256()
	return Digest{Hash: hex.EncodeToString(sum[:]), Blocks: s.Blocks(size)}
}

// Flags tell what is special about an entry.
type Flags uint8

// The flags of an entry.
const (
	Changed Flags = 1 << iota // the file changed while it was read, more than once
	Stale                     // its directory could not be read in this run: what an earlier run saw
	Racy                      // changed so shortly before the run that its times prove nothing: read again next time
	Removed                   // journals only: the path was taken away. The entry may have no type
	Durable                   // journals only: it is on the server's disk
	Missing                   // the server takes it under no name: it is not in data/
	flagsEnd
)

// flagNames are those of the bits of Flags, the lowest one first.
var flagNames = [...]string{"changed", "stale", "racy", "removed", "durable", "missing"}

// journalOnly are flags that no manifest has.
const journalOnly = Removed | Durable
