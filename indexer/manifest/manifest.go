// Package manifest is the format of what lies beside the data of a slot: state.json, the manifest and the journal. It
// is pure: it knows neither destinations nor how slots are written.
//
// A slot is a folder `<directory>/<job>/<account>/slot-NN/` with
//
//	state.json                        State as JSON, at most 4 KiB, replaced atomically: the commit point
//	data/...                          the files under their own names (mode "incremental")
//	archive/ACCOUNT.tar.gz            or one archive of independent gzip members (mode "compressed")
//	meta/manifest.g000017.jsonl.zst   one Entry a line as JSON, sorted by path in byte order, zstd frames
//	meta/journal.g000018.000003       one Entry a line as JSON: what this run has put into place so far
//	tmp/...                           uploads in progress
//
// A slot is complete if its state says so and the manifest that the state names has the size and SHA-256 that
// the state gives. Everything else is no backup.
package manifest

import (
	"io"
	"time"

	"slotfs/indexer/backup"
)

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
	Slot       int       `json:"slot"`   // NN of the folder
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
	Host       string    `json:"host"`
	Account    string    `json:"account"`
	Job        string    `json:"job"`
	Tool       string    `json:"tool"`
	Pinned     bool      `json:"pinned,omitempty"` // never overwritten
	Verified   time.Time `json:"verified,omitzero"`
}

// File names a file in meta/ (or the archive) and says what it must be.
type File struct {
	Name    string `json:"name"`
	Size    int64  `json:"size"`
	SHA256  string `json:"sha256"` // hexadecimal
	Entries int64  `json:"entries,omitempty"`
	Bytes   int64  `json:"bytes,omitempty"` // sum of the sizes of regular files
}

// Encode gives the bytes of state.json.
func (s *State) Encode() ([]byte, error) { panic("unwritten") }

// DecodeState reads state.json and refuses what is damaged, too long or of another format.
func DecodeState(data []byte) (*State, error) { panic("unwritten") }

// Name is the file name of the manifest of a generation.
func Name(gen uint64) string { panic("unwritten") }

// Entry is one line of a manifest: a path with everything that the server may not be able to hold.
type Entry struct {
	Path         string // from the account's folder, raw bytes, '/'-separated; "" is the folder itself
	backup.Entry        // Name is the last element; Size, MTime (ns), Mode, owners, Xattrs, Sparse, Rdev, Target, Nlink; Link: first path of the hard-link group
	User         string // name of UID on the source host, if it has one
	Group        string
	CTime        int64 // ns
	Inode        uint64
	Device       uint64
	Hash         string // SHA-256 of a regular file's content, hexadecimal; empty: never read
	Flags        Flags
}

// Flags tell what is special about an entry.
type Flags uint8

// The flags of an entry.
const (
	Changed Flags = 1 << iota // the file changed while it was read, more than once
	Stale                     // its folder could not be read in this run: what an earlier run saw
	Racy                      // changed so shortly before the run that its times prove nothing: read again next time
)

// Writer writes a manifest. Entries come sorted by Path in byte order of the path's elements
// (a folder before what is below it).
type Writer struct{}

// NewWriter writes to w.
func NewWriter(w io.Writer) (*Writer, error) { panic("unwritten") }

// Write adds an entry; one out of order is an error.
func (w *Writer) Write(e *Entry) error { panic("unwritten") }

// Close finishes the frame and tells what was written: size, hash and counts, without a name.
func (w *Writer) Close() (File, error) { panic("unwritten") }

// Reader reads a manifest or journal, in order.
type Reader struct{}

// NewReader reads from r. Damage is an error that is never io.EOF.
func NewReader(r io.Reader) (*Reader, error) { panic("unwritten") }

// Next returns the next entry; io.EOF behind the last one.
func (r *Reader) Next() (*Entry, error) { panic("unwritten") }

// Close gives memory back.
func (r *Reader) Close() { panic("unwritten") }

// Compare orders paths as manifests are ordered: element by element, in byte order.
func Compare(a, b string) int { panic("unwritten") }
