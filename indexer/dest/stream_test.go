package dest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"slotfs/indexer/dest"
	"slotfs/indexer/dest/desttest"
)

func open(t *testing.T, content []byte) (*desttest.Fake, dest.File) {
	t.Helper()
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "f"), content, 0o644); err != nil {
		t.Fatal(err)
	}
	d := desttest.Dir(root)
	f, err := d.Open(context.Background(), "f")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return d, f
}

func noise(n int) []byte {
	p := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(p)
	return p
}

func TestStreamKeepsOrderWhateverOrderTheReadsEndIn(t *testing.T) {
	content := noise(5<<20 + 123)
	d, f := open(t, content)
	later := make(chan struct{})
	var once sync.Once
	d.SetFault(func(ctx context.Context, c desttest.Call) error {
		if c.Op == desttest.OpRead && c.Off >= 1<<20 {
			once.Do(func() { close(later) })
			return nil
		}
		if c.Op == desttest.OpRead {
			<-later // the first read answers after a later one
		}
		return nil
	})
	s := dest.NewStream(context.Background(), f, 7, int64(len(content))-7, 3)
	defer s.Close()
	got, err := io.ReadAll(s)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, content[7:]) {
		t.Error("bytes differ")
	}
}

func TestStreamReadsNoFurtherAheadThanAsked(t *testing.T) {
	d, f := open(t, noise(8<<20))
	s := dest.NewStream(context.Background(), f, 0, 8<<20, 2)
	if _, err := io.ReadFull(s, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if c := d.Counts(); c.Read > 2 {
		t.Errorf("%d reads for 10 bytes, want at most 2", c.Read)
	}
}

func TestStreamOfShrunkenFileIsUnexpectedEOF(t *testing.T) {
	_, f := open(t, noise(1<<20+5))
	s := dest.NewStream(context.Background(), f, 0, 3<<20, 4)
	defer s.Close()
	got, err := io.ReadAll(s)
	if !errors.Is(err, io.ErrUnexpectedEOF) || len(got) != 1<<20+5 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestStreamFaultComesAfterTheBytesBeforeIt(t *testing.T) {
	d, f := open(t, noise(3<<20))
	broken := errors.New("cable cut")
	d.SetFault(func(_ context.Context, c desttest.Call) error {
		if c.Off == 2<<20 {
			return broken
		}
		return nil
	})
	s := dest.NewStream(context.Background(), f, 0, 3<<20, 4)
	defer s.Close()
	got, err := io.ReadAll(s)
	if !errors.Is(err, broken) || len(got) != 2<<20 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestStreamCloseFreesReaderAndReads(t *testing.T) {
	d, f := open(t, noise(3<<20))
	entered := make(chan struct{}, 8)
	d.SetFault(func(ctx context.Context, c desttest.Call) error {
		entered <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	})
	s := dest.NewStream(context.Background(), f, 0, 3<<20, 2)
	failed := make(chan error)
	go func() { _, err := s.Read(make([]byte, 1)); failed <- err }()
	<-entered
	s.Close()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("Read: %v", err)
	}
}

func TestConcatReadsAcrossPieces(t *testing.T) {
	whole := noise(1000)
	cuts := [][2]int{{0, 300}, {300, 300}, {300, 301}, {301, 1000}}
	var files []dest.File
	var sizes []int64
	for _, c := range cuts {
		_, f := open(t, whole[c[0]:c[1]])
		files, sizes = append(files, f), append(sizes, int64(c[1]-c[0]))
	}
	f := dest.Concat(files, sizes)
	for _, r := range [][2]int{{0, 1000}, {0, 300}, {299, 2}, {300, 1}, {300, 700}, {999, 1}, {1000, 0}} {
		p := make([]byte, r[1])
		n, err := f.ReadAt(context.Background(), p, int64(r[0]))
		if n != r[1] || err != nil || !bytes.Equal(p, whole[r[0]:r[0]+r[1]]) {
			t.Errorf("ReadAt %v: %d, %v", r, n, err)
		}
	}
	p := make([]byte, 50)
	if n, err := f.ReadAt(context.Background(), p, 970); n != 30 || err != io.EOF {
		t.Errorf("ReadAt over the end: %d, %v", n, err)
	}
	if n, err := f.ReadAt(context.Background(), p, 5000); n != 0 || err != io.EOF {
		t.Errorf("ReadAt beyond the end: %d, %v", n, err)
	}
	info, err := f.Stat(context.Background())
	if err != nil || info.Size != 1000 {
		t.Errorf("Stat: %+v, %v", info, err)
	}
}

func TestConcatOfShrunkenPieceIsNoShorterFile(t *testing.T) {
	_, a := open(t, noise(10))
	_, b := open(t, noise(10))
	f := dest.Concat([]dest.File{a, b}, []int64{20, 10})
	if n, err := f.ReadAt(context.Background(), make([]byte, 30), 0); n != 10 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%d, %v", n, err)
	}
}
