package slot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"path"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/errgroup"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/source"
)

const (
	// memberText is how much of the archive goes into a gzip member: each can be read without the others.
	memberText = 2 << 20
	// memberLarge is how large a file is that starts a member.
	memberLarge = 256 << 10
	// membersAhead are compressed or on their way at once.
	membersAhead = 8
)

// archive streams the source as one .tar.gz to a temporary name and moves it into place. There is no local copy, and
// nothing to go on with: a broken run starts anew.
func (j *job) archive(ctx context.Context) (manifest.File, error) {
	spool, err := newSpool()
	if err != nil {
		return manifest.File{}, err
	}
	defer spool.Close()
	a := &archiver{j: j, out: &patient{r: j.remote, name: j.temp(j.slot)}, sum: sha256.New(), left: make(map[string]bool)}
	if err := a.run(ctx); err != nil {
		return manifest.File{}, fmt.Errorf("write archive: %w", err)
	}
	durable, err := a.out.finish(ctx)
	if err != nil {
		return manifest.File{}, fmt.Errorf("write archive: %w", err)
	}
	if !durable {
		j.unsynced.Store(true)
	}
	name := path.Base(j.o.Account) + ".tar.gz"
	if err := j.move(ctx, a.out.name, j.slot+"/archive/"+name); err != nil {
		return manifest.File{}, err
	}
	if err := j.syncDir(ctx, j.slot+"/archive"); err != nil {
		return manifest.File{}, err
	}
	w, err := manifest.NewWriter(spool)
	if err != nil {
		return manifest.File{}, err
	}
	now := j.o.Now().UnixNano()
	whole := manifest.Entry{Path: name, Hash: hex.EncodeToString(a.sum.Sum(nil))}
	whole.Entry = backup.Entry{Name: name, Mode: backup.ModeRegular | 0o600, Size: a.out.off, MTime: now, Nlink: 1}
	root := manifest.Entry{Entry: backup.Entry{Mode: backup.ModeDir | 0o700, MTime: now, Nlink: 2}}
	if err := errors.Join(w.Write(&root), w.Write(&whole)); err != nil {
		return manifest.File{}, err
	}
	file, err := w.Close()
	if err != nil {
		return file, err
	}
	file.Name = manifest.Name(j.state.Gen)
	return file, j.putManifest(ctx, spool, &file)
}

// archiver writes tar in gzip members.
type archiver struct {
	j    *job
	out  *patient
	sum  hash.Hash
	text []byte // of the member to come
	left map[string]bool
	jobs chan chan []byte // compressed members, in order
	g    *errgroup.Group
}

func (a *archiver) run(ctx context.Context) error {
	g, inner := errgroup.WithContext(ctx)
	a.g, a.jobs = g, make(chan chan []byte, membersAhead)
	g.Go(func() error {
		defer close(a.jobs)
		return a.walk(inner)
	})
	g.Go(func() error {
		for member := range a.jobs {
			data := <-member
			a.sum.Write(data)
			if err := a.out.write(inner, data); err != nil {
				return err
			}
			a.j.sum.uploadedBytes.Add(int64(len(data)))
		}
		return nil
	})
	return g.Wait()
}

func (a *archiver) walk(ctx context.Context) error {
	for found, err := range a.j.src.Walk(ctx) {
		if err != nil {
			return err
		}
		if found.Frozen {
			a.j.sum.frozen.Add(1)
			a.j.o.Log.Warn("read", "path", found.Path, "error", found.Warning)
			if !found.IsDir() {
				continue
			}
		}
		if err := a.add(ctx, &found.Entry); err != nil {
			return err
		}
	}
	a.text = append(a.text, make([]byte, 2*blockSize)...)
	return a.flush(ctx)
}

// add appends an entry.
func (a *archiver) add(ctx context.Context, e *manifest.Entry) error {
	if a.left[e.Link] {
		e.Link = ""
	}
	if e.IsRegular() && e.Link == "" {
		return a.file(ctx, e)
	}
	a.text = append(a.text, paxHeaders(e, 0, false)...)
	return a.full(ctx)
}

// full ends the member if it has enough.
func (a *archiver) full(ctx context.Context) error {
	if len(a.text) < memberText {
		return nil
	}
	return a.flush(ctx)
}

// flush hands the member over to be compressed.
func (a *archiver) flush(ctx context.Context) error {
	if len(a.text) == 0 {
		return nil
	}
	text := a.text
	a.text = make([]byte, 0, memberText+memberText/4)
	member := make(chan []byte, 1)
	select {
	case a.jobs <- member:
	case <-ctx.Done():
		return ctx.Err()
	}
	a.g.Go(func() error {
		member <- compress(text)
		return nil
	})
	return nil
}

// compress makes a gzip member. Writing to memory does not fail.
func compress(text []byte) []byte {
	var out sink
	w := gzip.NewWriter(&out)
	_, _ = w.Write(text)
	_ = w.Close()
	return out
}

type sink []byte

func (s *sink) Write(p []byte) (int, error) {
	*s = append(*s, p...)
	return len(p), nil
}

// file appends a regular file. One that cannot be read is left out; what changes meanwhile keeps the length that its
// header says.
func (a *archiver) file(ctx context.Context, e *manifest.Entry) error {
	f, err := a.j.src.OpenFile(e.Path, e)
	if err != nil {
		a.left[e.Path] = e.Nlink > 1
		a.j.o.Log.Warn("read", "path", e.Path, "error", err)
		return nil
	}
	defer f.Close()
	if e.Size >= memberLarge {
		if err := a.flush(ctx); err != nil {
			return err
		}
	}
	ranges := []backup.Extent{{Length: e.Size}}
	var head []byte
	size := e.Size
	if e.Sparse != nil {
		ranges, head = e.Sparse, sparseMap(e)
		size = int64(len(head))
		for _, x := range ranges {
			size += x.Length
		}
	}
	a.text = append(append(a.text, paxHeaders(e, size, e.Sparse != nil)...), head...)
	for _, x := range ranges {
		if err := a.content(ctx, f, x.Offset, x.Length); err != nil {
			return err
		}
	}
	a.text = append(a.text, make([]byte, -size&(blockSize-1))...)
	seen := *e
	if unchanged, err := f.Unchanged(&seen); err == nil && !unchanged {
		a.j.sum.changed.Add(1)
	}
	a.j.sum.files.Add(1)
	a.j.sum.bytes.Add(e.Size)
	a.j.sum.uploaded.Add(1)
	a.j.o.Progress.Sent(1, e.Size)
	return a.full(ctx)
}

// content appends a range of a file. What is missing is zeros.
func (a *archiver) content(ctx context.Context, f *source.File, off, length int64) error {
	for length > 0 {
		room := int64(memberText - len(a.text))
		if room <= 0 {
			if err := a.flush(ctx); err != nil {
				return err
			}
			continue
		}
		n := min(room, length)
		old := len(a.text)
		a.text = append(a.text, make([]byte, n)...)
		if _, err := f.ReadAt(a.text[old:], off); err != nil && err != io.EOF {
			return fmt.Errorf("%w: %w", errSource, err)
		}
		off, length = off+n, length-n
	}
	return nil
}

// patient writes a file front to back, and goes on when the connection was lost.
type patient struct {
	r    *remote
	name string
	out  dest.Output
	off  int64
}

func (p *patient) open(ctx context.Context) (err error) {
	if p.out == nil {
		p.out, err = p.r.Create(ctx, p.name, dest.Create{Existing: true})
	}
	return err
}

func (p *patient) write(ctx context.Context, data []byte) error {
	if err := p.r.limit.wait(ctx, len(data)); err != nil {
		return err
	}
	err := again(ctx, func() error {
		err := p.open(ctx)
		if err == nil {
			_, err = p.out.WriteAt(ctx, data, p.off)
		}
		return p.lost(ctx, err)
	})
	p.off += int64(len(data))
	return err
}

// lost lets go of a handle whose connection is gone.
func (p *patient) lost(ctx context.Context, err error) error {
	if err != nil && p.out != nil {
		_ = p.out.Close(ctx)
		p.out = nil
	}
	return err
}

// finish makes all that was written durable.
func (p *patient) finish(ctx context.Context) (durable bool, err error) {
	err = again(ctx, func() error {
		if err := p.open(ctx); err != nil {
			return err
		}
		out := p.out
		p.out = nil
		durable, err = p.r.finish(ctx, out, p.name, dest.Attributes{}, nil)
		return err
	})
	if err != nil {
		return false, err
	}
	info, err := p.r.Stat(ctx, p.name)
	if err == nil && info.Size != p.off {
		err = fmt.Errorf("%d bytes on the server, %d were written: %w", info.Size, p.off, io.ErrUnexpectedEOF)
	}
	return durable, err
}
