package slots

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"

	"github.com/klauspost/compress/zstd"

	"slotfs/indexer/archive/gzseek"
	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/indexer/engine"
	"slotfs/indexer/manifest"
)

// A member's sums are those of a seek point: neither constant may change without the other.
const (
	_ uint = gzseek.BlockSize - manifest.SumBlock
	_ uint = manifest.SumBlock - gzseek.BlockSize
)

const (
	// maxAbout bounds what is read of a file about an archive, in bytes.
	maxAbout = 64 << 20
	// maxKept bounds what copies of an archive's files are unpacked to.
	maxKept = 64 << 20
)

// about reads what the writer of an archive noted down beside it.
type about struct {
	dest    dest.Reader
	meta    string
	archive *manifest.Archive
	kept    map[string][]byte // nil: not read yet
}

// describeArchive enters into a record what its writer noted down of a complete archive.
func describeArchive(r *engine.SelfDescription, d dest.Reader, meta string, state *manifest.State, s *backup.Source) {
	if r.Status != backup.Complete || state.Archive == nil || state.Manifest == nil {
		return
	}
	s.Files = slices.Clone(s.Files)
	s.Files[0].Checksums = backup.NewChecksums(state.Archive.SHA256, "")
	r.Names = backup.CollectNames(backup.Names{})
	l := lister{dest: d, meta: meta, state: state, names: r.Names, offsets: true}
	a := &about{dest: d, meta: meta, archive: state.Archive}
	r.List = l.list
	r.Archive = &engine.Archive{Content: a.archive.Content, Points: a.points, Read: a.read}
}

// load reads a file that the state names, and proves that it is that one.
func (a *about) load(ctx context.Context, want *manifest.File) ([]byte, error) {
	if want.Size > maxAbout {
		return nil, fmt.Errorf("%s: %d bytes: %w", want.Name, want.Size, engine.ErrDamaged)
	}
	f, err := a.dest.Open(ctx, path.Join(a.meta, want.Name))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", want.Name, missing(err))
	}
	defer f.Close()
	var data bytes.Buffer // grows with what is there, whatever the state says
	stream := dest.NewStream(ctx, f, 0, want.Size, 0)
	defer stream.Close()
	_, err = data.ReadFrom(stream)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("%s: %w: %w", want.Name, engine.ErrDamaged, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", want.Name, err)
	}
	if sum := sha256.Sum256(data.Bytes()); hex.EncodeToString(sum[:]) != want.SHA256 {
		return nil, fmt.Errorf("%s: %w: it is not the file that the state names", want.Name, engine.ErrDamaged)
	}
	return data.Bytes(), nil
}

// points makes a seek point of each gzip member.
func (a *about) points(ctx context.Context, add func(p *gzseek.Point) error) error {
	data, err := a.load(ctx, &a.archive.Members)
	if err != nil {
		return err
	}
	if err := a.fit(data); err != nil {
		return fmt.Errorf("%s: %w: %w", a.archive.Members.Name, engine.ErrDamaged, err)
	}
	var in, out int64
	return manifest.DecodeMembers(data, func(m manifest.Member) error {
		p := gzseek.Point{Bit: in << 3, Out: out, Header: true, Length: m.Length, Sums: m.Sums, End: in + m.Size}
		in, out = in+m.Size, out+m.Length
		return add(&p)
	})
}

// fit proves that the members are those of an archive of this size.
func (a *about) fit(data []byte) error {
	var in, out int64
	err := manifest.DecodeMembers(data, func(m manifest.Member) error {
		in, out = in+m.Size, out+m.Length
		return nil
	})
	if err == nil && (in != a.archive.Size || out != a.archive.Content) {
		err = fmt.Errorf("members of %d and %d bytes, not %d and %d", in, out, a.archive.Size, a.archive.Content)
	}
	return err
}

// read returns the copy of a small file. Without one, parts show less.
func (a *about) read(ctx context.Context, name string) ([]byte, error) {
	if a.kept == nil {
		a.kept = map[string][]byte{}
		if err := a.unpack(ctx); err != nil && !errors.Is(err, engine.ErrDamaged) {
			return nil, err
		}
	}
	content, ok := a.kept[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return content, nil
}

// unpack reads all copies.
func (a *about) unpack(ctx context.Context) error {
	if a.archive.Kept == nil {
		return nil
	}
	data, err := a.load(ctx, a.archive.Kept)
	if err != nil {
		return err
	}
	decoder, err := zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20))
	if err != nil {
		return fmt.Errorf("%w: %w", engine.ErrDamaged, err)
	}
	defer decoder.Close()
	all := tar.NewReader(io.LimitReader(decoder, maxKept))
	for {
		h, err := all.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		var content []byte
		if err == nil {
			content, err = io.ReadAll(all)
		}
		if err != nil {
			return fmt.Errorf("%w: %w", engine.ErrDamaged, err)
		}
		a.kept[h.Name] = content
	}
}
