// Package archive reads tar archives once, front to back, and says where everything is. It knows tar in all
// the dialects of GNU and POSIX and, through gzseek, gzip; it does not know what the members mean.
package archive

import (
	"context"
	"errors"
	"io"

	"slotfs/indexer/archive/gzseek"
	"slotfs/indexer/backup"
)

// Member is one member of an archive, its extension headers applied. Of a hard link the type is that of a regular file,
// the attributes are those of its own header, and Link need not name anything that came before. The content
// of the last members may be missing if the archive turns out to be cut: Result.Content tells.
type Member struct {
	// Path is normalised: no "." or empty elements, no leading or trailing '/'. "" is the archive's own top. Members
	// of an archive in the archive have an element that ends in backup.NestedSuffix.
	Path         string
	backup.Entry        // Name is the last element; Offset is absolute, of the content; Link is normalised too
	Header       int64  // absolute offset of the first header block that belongs to the member
	Stored       int64  // bytes of content in the archive (less than Size if sparse)
	User, Group  string // names of the owners; empty where the archive has none
}

// ErrRefused is what Handler.Member returns for a member that cannot be kept. It counts as refused, and the
// scan goes on behind it.
var ErrRefused = errors.New("member refused")

// Handler receives what Scan finds, in archive order. An error of any method ends the scan.
type Handler interface {
	// Member is called when a member's headers are complete, before its content passes. What it wants of the content
	// follows as one or more calls of Content (sparse files expanded), the last one with done. That holds for regular
	// files that are no hard links and, if sparse, no larger than 64 MiB and wanted whole. All bytes come of what is to be
	// Unpacked, and a state that is saved in the middle of them does not go on with it. m is valid during the call; what
	// its fields refer to may be kept. ErrRefused is an error that does not end the scan.
	Member(m *Member) (want backup.Excerpt, err error)
	// Content gets what is wanted of the member's content, in order. done comes with the last bytes.
	Content(p []byte, done bool) error
	// Point gets seek points of a gzip stream.
	Point(p *gzseek.Point) error
}

// Watcher may be implemented by a Handler: it sees all of the content of a member of which both ends are wanted.
type Watcher interface {
	// Watch gets content before Content does, in order, and where in the member it begins. Of a plain archive what is skipped is left out.
	Watch(p []byte, at int64)
}

// Options of a Scan.
type Options struct {
	Gzip bool // the archive is compressed
	// Nested reports whether the content of the regular file at path is a tar archive to descend into. One
	// that is wanted is delivered instead, and one level is all there is.
	Nested func(path string) bool
	// Save, if set, is called every Every bytes of uncompressed archive (default 256 MiB) with a state that
	// Resume takes. What the Handler got before is what the state stands for: part of what is wanted of a member too.
	Save  func(state []byte) error
	Every int64
	// Resume is a state from Save. The reader must then start at the offset that Start tells.
	Resume []byte
	// Size of the archive as stored (compressed), in bytes, or 0 if unknown.
	Size int64
}

// Skipper may be implemented by the reader of an archive that is not compressed: content that nobody wants then need
// not be fetched. It is used if Options.Size is set.
type Skipper interface {
	// Skip passes over the next n bytes, which exist if the archive has the Size that it should have.
	Skip(ctx context.Context, n int64) error
}

// Result is what a scan proved.
type Result struct {
	Status  backup.Status // Complete, Truncated, Corrupt or Unreadable
	Detail  string        // what is wrong and at which byte, for people
	Content int64         // bytes of uncompressed archive that were read
	// Sound is how many of them, from the beginning, are what they should be as far as the archive can tell. Of gzip data that
	// end early those are the members whose checksums came.
	Sound   int64
	Refused uint64       // members left out: their names lead outside or cannot exist, or the Handler refused
	Notes   backup.Notes // what was bounded or left out although its bytes are right
}

// Scan reads an archive from r to its end. What is wrong with the archive is told in the Result; an error
// is one of ctx, the reader (other than io.EOF and io.ErrUnexpectedEOF) or the handler.
func Scan(ctx context.Context, r io.Reader, h Handler, o Options) (Result, error) {
	s, inflater, err := newScan(r, h, o)
	if err != nil {
		return Result{}, err
	}
	return s.outcome(ctx, s.run(ctx, inflater))
}

// Start tells at which byte of the stored archive a scan goes on from state.
func Start(state []byte) (int64, error) {
	s, err := parseState(state)
	if err != nil {
		return 0, err
	}
	return s.begin()
}
