// Package export knows how pieces of a backup are written as one archive, .tar.gz, .tar or .zip, from front to back: names, content, holes,
// modes, owners, times, extended attributes, access control lists and links. It must not know where the pieces come from, nor who gets
// the archive.
//
// Nothing is kept on disk, and memory is bounded: files that come next are read ahead within Options.Window. A tar archive has pax
// headers, which GNU tar, bsdtar and Python read. In a ZIP archive nothing is compressed, so that its length is known before the first
// byte: see zip.go.
package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"

	"slotfs/fs/restore"
	"slotfs/indexer/backup"
)

// Format is what an archive is written as. It is also how the name of its file ends.
type Format string

// The formats.
const (
	TarGzip Format = "tar.gz"
	Tar     Format = "tar"
	Zip     Format = "zip"
	// Contents is no archive: the contents of files, one behind the other.
	Contents Format = ""
)

// Formats lists the formats of archives.
func Formats() []Format { return []Format{TarGzip, Tar, Zip} }

// Member is one thing that an archive is to have.
type Member struct {
	Path string // in the archive, '/'-separated
	// Entry is what is there. Its Link counts among the members of one archive.
	Entry restore.Entry
	// Source opens it.
	Source restore.Source
	Origin string // where it comes from, for messages
	// User and Group are the names of its owners; "": the archive has their numbers only.
	User, Group string
}

// Members hands the members of an archive to yield in the order in which they are best read: the same ones each time, since an archive
// is gone through more than once. The Member is valid until yield returns, whose error ends it.
type Members func(ctx context.Context, yield func(*Member) error) error

// Options of an archive.
type Options struct {
	Format Format
	// Files is how many files are read ahead, and Window how many bytes of them.
	Files    int
	Window   int64
	Progress restore.Progress // may be nil
	// LeftOut hears of sockets, and with ZIP of pipes, which an archive has no place for. It may be nil.
	LeftOut func(m *Member)
}

// Summary is what an archive has.
type Summary struct {
	Files       int64 `json:"files"` // with their bytes
	Bytes       int64 `json:"bytes"`
	Directories int64 `json:"directories"`
	Links       int64 `json:"links"` // symbolic and hard
	LeftOut     int64 `json:"left_out,omitempty"`
}

// ReadError is about a member that cannot be read as it was backed up.
type ReadError struct {
	Path string // where it comes from
	Err  error
}

// Error tells what could not be read and why.
func (e *ReadError) Error() string { return e.Path + ": " + e.Err.Error() }

// Unwrap gives the cause.
func (e *ReadError) Unwrap() error { return e.Err }

// errName says that a name has no place in an archive.
var errName = errors.New("no name that an archive can have")

// encoder writes the members of one format.
type encoder interface {
	// add writes a member without content, or what stands before its content. links is the path of the member that is the same file; "":
	// none was before.
	add(m *Member, links string) error
	// content takes the next bytes of the regular file that add began; end ends it.
	content(p []byte) error
	end() error
}

// Write writes an archive. After an error what was written is no archive.
func Write(ctx context.Context, w io.Writer, members Members, o Options) (Summary, error) {
	switch o.Format {
	case Zip:
		return writeZip(ctx, w, members, o)
	case Tar:
		return writeTar(ctx, w, members, o)
	case Contents:
		return run(ctx, members, o, contents{w})
	}
	z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return Summary{}, err
	}
	s, err := writeTar(ctx, z, members, o)
	if err == nil {
		err = z.Close()
	}
	return s, err
}

// Length is how many bytes Write is going to write. That of a compressed archive is not known: -1.
func Length(ctx context.Context, members Members, f Format) (int64, error) {
	switch f {
	case Zip:
		return zipLength(ctx, members)
	case Tar:
		return tarLength(ctx, members)
	case Contents:
		n := int64(0)
		err := members(ctx, func(m *Member) error {
			n += m.Entry.Size
			return ctx.Err()
		})
		return n, err
	}
	return -1, nil
}

// contents writes nothing but the contents of files.
type contents struct{ w io.Writer }

var _ encoder = contents{}

func (c contents) add(*Member, string) error { return nil }

func (c contents) content(p []byte) error {
	_, err := c.w.Write(p)
	return err
}

func (c contents) end() error { return nil }

// names remembers the paths of files with several names.
type names map[uint64]string

// of is the path of the member that is the same file as m; "": m is the first.
func (n names) of(m *Member) string {
	if m.Entry.Link == 0 {
		return ""
	}
	path, known := n[m.Entry.Link]
	if !known {
		n[m.Entry.Link] = m.Path
	}
	return path
}

// check refuses a member that an archive cannot have.
func check(m *Member) error {
	if m.Entry.Fault != nil {
		return &ReadError{m.Origin, m.Entry.Fault}
	}
	if m.Path == "" && m.Entry.Mode&backup.ModeType == backup.ModeDir {
		return nil
	}
	for element := range strings.SplitSeq(m.Path, "/") {
		if element == "" || element == "." || element == ".." || strings.Contains(element, "\x00") {
			return &ReadError{m.Origin, errName}
		}
	}
	return nil
}

func isRegular(m *Member) bool { return m.Entry.Mode&backup.ModeType == backup.ModeRegular }

// count counts a member that has been written.
func (s *Summary) count(m *Member, links string) {
	switch {
	case links != "" || m.Entry.Mode&backup.ModeType == backup.ModeSymlink:
		s.Links++
	case m.Entry.Mode&backup.ModeType == backup.ModeDir:
		s.Directories++
	case isRegular(m):
		s.Files++
	}
}

// holds reports whether an archive of the format has a place for a member.
func (f Format) holds(m *Member) bool {
	switch m.Entry.Mode & backup.ModeType {
	case backup.ModeDir, backup.ModeRegular, backup.ModeSymlink:
		return true
	case backup.ModeFIFO:
		return f != Zip
	}
	return false
}

// stored is how many bytes of a file an archive has.
func stored(e *restore.Entry, f Format) int64 {
	if e.Extents == nil || f == Zip {
		return e.Size
	}
	n := int64(0)
	for _, x := range e.Extents {
		n += x.Length
	}
	return n
}

// failed is an error about reading a member.
func failed(ctx context.Context, m *Member, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return &ReadError{m.Origin, fmt.Errorf("read: %w", err)}
}
