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

	"github.com/klauspost/compress/zstd"

	"slotfs/cache/index"
	"slotfs/indexer/backup"
	"slotfs/indexer/durable"
	"slotfs/indexer/tree"
)

// Write writes a pack with snapshots into a directory. fresh is false where it was there already. The file has its name when it is whole
// and on the disk.
func Write(ctx context.Context, from Source, all []*backup.Snapshot, dir string) (name string, fresh bool, err error) {
	temp, err := os.CreateTemp(dir, ".slotfs-pack-")
	if err != nil {
		return "", false, err
	}
	defer func() {
		temp.Close()
		if rest := os.Remove(temp.Name()); err == nil && rest != nil && !errors.Is(rest, fs.ErrNotExist) {
			err = rest
		}
	}()
	sum := sha256.New()
	w := &writer{from: from, seen: map[mark]struct{}{}}
	if err := w.write(ctx, io.MultiWriter(temp, sum), all); err != nil {
		return "", false, err
	}
	name = hex.EncodeToString(sum.Sum(nil)) + Suffix
	final := filepath.Join(dir, name)
	if _, err := os.Lstat(final); err == nil {
		return name, false, nil
	}
	if err := temp.Chmod(0o600); err != nil {
		return "", false, err
	}
	if err := temp.Sync(); err != nil {
		return "", false, err
	}
	if err := os.Rename(temp.Name(), final); err != nil {
		return "", false, err
	}
	return name, true, durable.SyncDir(dir)
}

// writer writes one pack.
type writer struct {
	from Source
	out  *bufio.Writer
	seen map[mark]struct{} // nodes that are in it
}

func (w *writer) write(ctx context.Context, to io.Writer, all []*backup.Snapshot) error {
	if _, err := io.WriteString(to, magic); err != nil {
		return err
	}
	packer, err := zstd.NewWriter(to, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(8<<20))
	if err != nil {
		return err
	}
	w.out = bufio.NewWriterSize(packer, 1<<16)
	for _, s := range all {
		if err := w.snapshot(ctx, s); err != nil {
			return fmt.Errorf("pack %s/%s: %w", s.Destination, s.Key(), err)
		}
	}
	w.record(kindEnd, binary.AppendUvarint(nil, uint64(len(all))))
	return errors.Join(w.out.Flush(), packer.Close())
}

// record writes a record. What goes wrong is told by the next Flush.
func (w *writer) record(kind byte, data ...[]byte) {
	length := 0
	for _, d := range data {
		length += len(d)
	}
	_ = w.out.WriteByte(kind)
	_, _ = w.out.Write(binary.AppendUvarint(nil, uint64(length)))
	for _, d := range data {
		_, _ = w.out.Write(d)
	}
}

func (w *writer) snapshot(ctx context.Context, s *backup.Snapshot) error {
	record := *s
	record.Serial, record.Verified = 0, backup.Verification{} // what was found here says nothing of the other machine's reads
	w.record(kindSnapshot, index.EncodeSnapshot(&record))
	if !s.Parts.IsZero() {
		if err := w.node(ctx, s.Parts, nil); err != nil {
			return err
		}
	}
	if err := w.tree(ctx, s.Root.Child); err != nil {
		return err
	}
	err := w.from.Attached(ctx, s.Serial, func(kind index.Attachment, at uint64, data []byte) error {
		w.record(byte(kind), binary.BigEndian.AppendUint64(nil, at), data)
		return nil
	})
	w.record(kindWhole)
	return err
}

// tree writes a node and all below it.
func (w *writer) tree(ctx context.Context, root backup.Hash) error {
	if root.IsZero() {
		return nil
	}
	for waiting := []backup.Hash{root}; len(waiting) > 0; {
		h := waiting[len(waiting)-1]
		waiting = waiting[:len(waiting)-1]
		err := w.node(ctx, h, func(data []byte) error {
			below, err := tree.References(data)
			waiting = append(waiting, below...)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// node writes a node that is not in the pack yet, and hands it to learn.
func (w *writer) node(ctx context.Context, h backup.Hash, learn func(data []byte) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, ok := w.seen[markOf(h)]; ok {
		return nil
	}
	w.seen[markOf(h)] = struct{}{}
	data, err := w.from.Get(ctx, h)
	if err != nil {
		return err
	}
	w.record(kindNode, data)
	if learn == nil {
		return nil
	}
	return learn(data)
}
