package pack

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"

	"slotfs/cache/index"
	"slotfs/indexer/backup"
	"slotfs/indexer/contain"
	"slotfs/indexer/tree"
)

// Result counts the snapshots of packs.
type Result struct {
	New   int `json:"new"`   // taken in
	Known int `json:"known"` // that the index had
}

// Read takes the snapshots of a pack into an index. name says what a destination of the pack is called in the index, or why its snapshots
// are not wanted. A snapshot that the index has of the same backup, or a newer one of its place, stays as it is. The file's name must be that
// of its content.
func Read(ctx context.Context, into Target, file string, name func(destination string) (string, error)) (Result, error) {
	f, err := os.Open(file)
	if err != nil {
		return Result{}, err
	}
	defer f.Close()
	if err := checkName(f, filepath.Base(file)); err != nil {
		return Result{}, fmt.Errorf("%s: %w", file, err)
	}
	r := &reader{into: into, name: name, whole: map[mark]int{}}
	err = contain.Do(func() error { return r.read(ctx, f) })
	if err != nil {
		err = fmt.Errorf("%s: %w", file, err)
	}
	return r.result, err
}

// checkName compares a pack's name with its content, and goes back to its beginning.
func checkName(f *os.File, name string) error {
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return err
	}
	if hex.EncodeToString(sum.Sum(nil))+Suffix != name {
		return fmt.Errorf("%w: its name is not that of its content", ErrDamaged)
	}
	_, err := f.Seek(0, io.SeekStart)
	return err
}

// reader reads one pack.
type reader struct {
	into   Target
	name   func(string) (string, error)
	in     *bufio.Reader
	result Result

	snapshot *backup.Snapshot // that is being read; nil: none
	serial   uint64           // of it; 0: the index has it
	whole    map[mark]int     // nodes of which all below is known to be there, and how many levels those are
}

func (r *reader) read(ctx context.Context, f *os.File) error {
	head := make([]byte, len(magic))
	if _, err := io.ReadFull(f, head); err != nil || string(head) != magic {
		return ErrFormat
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	unpacker, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
	if err != nil {
		return err
	}
	defer unpacker.Close()
	most := freeBytes + maxRatio*info.Size()
	r.in = bufio.NewReaderSize(&io.LimitedReader{R: unpacker, N: most}, 1<<16)
	// Nodes that are put stay until the pack is read, also those of snapshots that the index has.
	guard, err := r.into.NextSerial()
	if err != nil {
		return err
	}
	defer r.into.ReleaseSerial(guard)
	defer func() {
		if r.serial != 0 {
			r.into.ReleaseSerial(r.serial)
		}
	}()
	for {
		kind, data, err := r.record()
		if err != nil {
			return err
		}
		if kind == kindEnd {
			return r.end(data)
		}
		if err := r.take(ctx, kind, data); err != nil {
			return err
		}
	}
}

// record reads one record.
func (r *reader) record() (kind byte, data []byte, err error) {
	kind, err = r.in.ReadByte()
	if err != nil {
		return 0, nil, cut(err)
	}
	length, err := binary.ReadUvarint(r.in)
	if err != nil {
		return 0, nil, cut(err)
	}
	if length > maxRecord {
		return 0, nil, fmt.Errorf("%w: a record of %d bytes", ErrDamaged, length)
	}
	data = make([]byte, length)
	if _, err := io.ReadFull(r.in, data); err != nil {
		return 0, nil, cut(err)
	}
	return kind, data, nil
}

// cut is what the end of a pack means where it is not expected.
func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends early, or unpacks to too much", ErrDamaged)
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

// end checks that nothing is missing.
func (r *reader) end(data []byte) error {
	n, size := binary.Uvarint(data)
	if size <= 0 || r.snapshot != nil || n != uint64(r.result.New+r.result.Known) {
		return fmt.Errorf("%w: snapshots are missing", ErrDamaged)
	}
	return nil
}

// take takes a record in.
func (r *reader) take(ctx context.Context, kind byte, data []byte) error {
	if (kind == kindSnapshot) == (r.snapshot != nil) {
		return fmt.Errorf("%w: a record %q out of order", ErrDamaged, kind)
	}
	switch kind {
	case kindSnapshot:
		return r.begin(ctx, data)
	case kindNode:
		return r.into.Put(ctx, tree.Sum(data), data)
	case kindWhole:
		return r.commit(ctx)
	}
	if len(data) < 8 {
		return fmt.Errorf("%w: a record %q of %d bytes", ErrDamaged, kind, len(data))
	}
	if r.serial == 0 {
		return nil
	}
	err := r.into.Attach(ctx, r.serial, index.Attachment(kind), binary.BigEndian.Uint64(data), data[8:])
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return nil
}

// begin begins a snapshot.
func (r *reader) begin(ctx context.Context, data []byte) error {
	s, err := index.DecodeSnapshot(data)
	if err == nil {
		err = check(s)
	}
	if err != nil {
		return fmt.Errorf("%w: snapshot: %w", ErrDamaged, err)
	}
	if err := r.place(s); err != nil {
		return err
	}
	r.snapshot, r.serial = s, 0
	known, err := r.into.Snapshot(ctx, s.Destination, s.Key())
	if err == nil && (known.Indexed.After(s.Indexed) || known.Fingerprint == s.Fingerprint && known.Reader >= s.Reader) && known.Readable() {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	r.serial, err = r.into.NextSerial()
	return err
}

// place says under which destination's name a snapshot is kept.
func (r *reader) place(s *backup.Snapshot) error {
	name, err := r.name(s.Destination)
	s.Destination = name
	return err
}

// commit makes a snapshot visible of which everything is there.
func (r *reader) commit(ctx context.Context) error {
	s, serial := r.snapshot, r.serial
	r.snapshot = nil
	if serial == 0 {
		r.result.Known++
		return nil
	}
	if !s.Parts.IsZero() {
		if _, err := r.into.Get(ctx, s.Parts); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrDamaged, s.Key(), err)
		}
	}
	if _, err := r.complete(ctx, s.Root.Child, 0); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrDamaged, s.Key(), err)
	}
	s.Serial = serial
	if err := r.into.PutSnapshot(ctx, s); err != nil {
		return err
	}
	r.serial = 0
	r.result.New++
	return nil
}

// complete makes sure that a node and all below it are there and can be decoded, and tells how many levels they are.
func (r *reader) complete(ctx context.Context, h backup.Hash, depth int) (levels int, err error) {
	if h.IsZero() {
		return 0, nil
	}
	levels, known := r.whole[markOf(h)]
	if depth+max(levels, 1) > maxDepth {
		return 0, errors.New("directories too deep")
	}
	if known {
		return levels, nil
	}
	data, err := r.into.Get(ctx, h)
	if err != nil {
		return 0, err
	}
	below, err := tree.References(data)
	if err != nil {
		return 0, err
	}
	for _, b := range below {
		n, err := r.complete(ctx, b, depth+1)
		if err != nil {
			return 0, err
		}
		levels = max(levels, n)
	}
	r.whole[markOf(h)] = levels + 1
	return levels + 1, nil
}

// check refuses snapshots whose names no pass could have found.
func check(s *backup.Snapshot) error {
	if len(s.Files) == 0 || !s.Readable() {
		return errors.New("it has no files")
	}
	for i := range s.Files {
		if err := checkPath(s.Files[i].Path); err != nil {
			return err
		}
	}
	if s.Origin != "" {
		if err := checkPath(s.Origin); err != nil {
			return err
		}
	}
	if s.Account != "" && strings.Contains(s.Account, "/") || strings.Contains(s.Name, "/") {
		return errors.New("a name with a slash")
	}
	for _, name := range []string{s.Account, s.Name} {
		if name == "" && !(name == s.Account && s.System) {
			continue
		}
		if err := checkPath(name); err != nil {
			return err
		}
	}
	return nil
}

// checkPath refuses what is no path below a directory.
func checkPath(p string) error {
	for element := range strings.SplitSeq(p, "/") {
		if element == "" || element == "." || element == ".." || len(element) > maxElement || strings.Contains(element, "\x00") {
			return fmt.Errorf("path %.80q", p)
		}
	}
	return nil
}
