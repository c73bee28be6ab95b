package browse

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"slotfs/fs"
	"slotfs/fs/restore/live/dump"
	"slotfs/indexer/sqldump"
)

// Tabled is a Tree that may know where the tables of SQL dumps lie.
type Tabled interface {
	// Tables tells where the tables lie of the dump that is the file n; nil: nobody has looked.
	Tables(ctx context.Context, n *Node) (*sqldump.Contents, error)
}

// ErrNoTables says that a file does not tell where its tables are.
var ErrNoTables = errors.New("no dump of mysqldump, mariadb-dump or phpMyAdmin that says where its tables begin")

// KnownTables tells where the tables of a dump lie if the index knows it, else nil.
func KnownTables(ctx context.Context, t Tree, n *Node) (*sqldump.Contents, error) {
	if tabled, ok := t.(Tabled); ok {
		return tabled.Tables(ctx, n)
	}
	return nil, nil
}

// FindTables reads a dump and tells where its tables lie: of one that is compressed, in the text.
func FindTables(ctx context.Context, t Tree, n *Node) (*sqldump.Contents, error) {
	r, err := openText(ctx, t, n)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	s := sqldump.NewScanner()
	if _, err := io.CopyBuffer(s, struct{ io.Reader }{r}, make([]byte, dumpBuffer)); err != nil {
		return nil, err
	}
	found, ok := s.End()
	if !ok {
		return nil, ErrNoTables
	}
	return found, nil
}

// OpenSections reads some ranges of a dump, ascending, as if they followed one another. Of a compressed one they are in the text.
func OpenSections(ctx context.Context, t Tree, n *Node, all []sqldump.Section) (io.ReadCloser, error) {
	r, err := openText(ctx, t, n)
	if err != nil {
		return nil, err
	}
	return NewSections(r, r, all), nil
}

// NewSections reads ranges of what text reads, ascending, as if they followed one another.
func NewSections(text Skipper, c io.Closer, all []sqldump.Section) io.ReadCloser {
	return &sections{text: text, Closer: c, rest: all}
}

// Skipper is a text that is read from front to back, or passed over.
type Skipper interface {
	io.Reader
	// Skip passes over n bytes, which exist.
	Skip(n int64) error
}

// dumpBuffer is what is read of a dump at once: large enough to be spread over many requests.
const dumpBuffer = 1 << 20

// text is a dump from front to back, decompressed.
type text struct {
	Skipper
	done []io.Closer
}

func openText(ctx context.Context, t Tree, n *Node) (*text, error) {
	f, err := t.Open(ctx, n)
	if err != nil {
		return nil, err
	}
	r := NewFileReader(ctx, f, n.Attr.Size)
	begin := make([]byte, min(4, n.Attr.Size))
	if _, err := f.ReadAt(ctx, begin, 0); err != nil && !errors.Is(err, io.EOF) {
		f.Close()
		return nil, err
	}
	if !dump.Compressed(begin) {
		return &text{r, []io.Closer{f}}, nil
	}
	z, err := dump.Decompress(bufio.NewReaderSize(r, dumpBuffer))
	if err != nil {
		f.Close()
		return nil, err
	}
	return &text{unpacked{z}, []io.Closer{z, f}}, nil
}

// Close gives the file up.
func (t *text) Close() (err error) {
	for _, c := range t.done {
		err = errors.Join(err, c.Close())
	}
	return err
}

// unpacked is what a decoder reads.
type unpacked struct{ io.Reader }

// Skip implements Skipper.
func (u unpacked) Skip(n int64) error {
	_, err := io.CopyN(io.Discard, u.Reader, n)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// sections are ranges of a text that are read one after the other.
type sections struct {
	io.Closer
	text Skipper
	at   int64
	rest []sqldump.Section
}

// Read reads on.
func (s *sections) Read(p []byte) (int, error) {
	for len(s.rest) > 0 && s.at >= s.rest[0].To {
		s.rest = s.rest[1:]
	}
	if len(s.rest) == 0 {
		return 0, io.EOF
	}
	if gap := s.rest[0].From - s.at; gap > 0 {
		if err := s.text.Skip(gap); err != nil {
			return 0, err
		}
		s.at += gap
	}
	n, err := s.text.Read(p[:min(int64(len(p)), s.rest[0].To-s.at)])
	s.at += int64(n)
	if errors.Is(err, io.EOF) {
		err = nil
		if n == 0 {
			err = io.ErrUnexpectedEOF
		}
	}
	return n, err
}

// FileReader reads a file from front to back.
type FileReader struct {
	ctx      context.Context
	file     fs.File
	at, size int64
}

// NewFileReader begins with a file of size bytes, which stays the caller's to close.
func NewFileReader(ctx context.Context, f fs.File, size int64) *FileReader {
	return &FileReader{ctx: ctx, file: f, size: size}
}

// Read reads on. A file that ends early is io.ErrUnexpectedEOF.
func (r *FileReader) Read(p []byte) (int, error) {
	p = p[:min(int64(len(p)), r.size-r.at)]
	if len(p) == 0 {
		return 0, io.EOF
	}
	n, err := r.file.ReadAt(r.ctx, p, r.at)
	r.at += int64(n)
	if n == len(p) {
		return n, nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// Skip implements Skipper: what is skipped is not read.
func (r *FileReader) Skip(n int64) error {
	if n < 0 || n > r.size-r.at {
		return fmt.Errorf("skip %d bytes: %w", n, io.ErrUnexpectedEOF)
	}
	r.at += n
	return nil
}
