package fs

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"slotfs/fs/fstest"
	"slotfs/indexer/backup"
	"slotfs/indexer/tree"
	"slotfs/indexer/tree/treetest"
)

// fileStore keeps nodes in a file, so that the memory of the process is that of the mount.
type fileStore struct {
	f  *os.File
	mu sync.Mutex
	// mu guards what follows.
	at  map[backup.Hash][2]int64
	end int64
}

func (s *fileStore) Put(_ context.Context, h backup.Hash, data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.at[h]; ok {
		return nil
	}
	if _, err := s.f.WriteAt(data, s.end); err != nil {
		return err
	}
	s.at[h] = [2]int64{s.end, int64(len(data))}
	s.end += int64(len(data))
	return nil
}

func (s *fileStore) Get(_ context.Context, h backup.Hash) ([]byte, error) {
	s.mu.Lock()
	at, ok := s.at[h]
	s.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("no node %s", h)
	}
	data := make([]byte, at[1])
	_, err := s.f.ReadAt(data, at[0])
	return data, err
}

// million makes dirs directories of files files, all of them different.
func million(ctx context.Context, store tree.Store, dirs, files int) (backup.Entry, error) {
	var top []backup.Entry
	for d := range dirs {
		entries := make([]backup.Entry, files)
		for i := range entries {
			entries[i] = backup.Entry{Name: fmt.Sprintf("%d.M%dP%d.host,S=%d:2,S", 1700000000+d*i, i*7919%1000000, i, d+i),
				Mode: backup.ModeRegular | 0o640, UID: 1001, GID: 12, Size: int64(d*31 + i*17), MTime: int64(1700000000+d*1000+i) * 1e9,
				Nlink: 1, Offset: int64(i) * 4096}
		}
		w, err := tree.Write(ctx, store, entries)
		if err != nil {
			return backup.Entry{}, err
		}
		top = append(top, backup.Entry{Name: fmt.Sprintf("d%04d", d), Mode: backup.ModeDir | 0o755, Nlink: 2,
			Child: w.Child, Count: w.Count, Offset: int64(d) << 24})
	}
	w, err := tree.Write(ctx, store, top)
	return backup.Entry{Mode: backup.ModeDir | 0o755, Nlink: uint32(dirs + 2), Child: w.Child, Count: w.Count}, err
}

// one is a catalog of one snapshot.
type one struct{ s *backup.Snapshot }

func (o one) Snapshots(context.Context, string) ([]*backup.Snapshot, error) {
	return []*backup.Snapshot{o.s}, nil
}

// benchEnv makes the child of a benchmark mount a million files.
const benchEnv = "SLOTFS_TEST_MILLION"

// millionChild mounts a thousand directories of a thousand files, and serves until it is killed.
func millionChild(dir string) error {
	f, err := os.CreateTemp("", "nodes")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	store := &fileStore{f: f, at: map[backup.Hash][2]int64{}}
	root, err := million(context.Background(), store, 1000, 1000)
	if err != nil {
		return err
	}
	s := fstest.Source("alice", "2026-01-05")
	s.Serial, s.Root = 1, root
	debug.FreeOSMemory()
	m, err := Mount(context.Background(), dir, Config{Catalog: one{&s}, Nodes: store})
	if err != nil {
		return err
	}
	os.Remove(f.Name())
	os.Stdout.WriteString("ok\n")
	m.Wait()
	return nil
}

// BenchmarkFindMillion lists a million files with their attributes, from a mount that nothing was asked of before.
func BenchmarkFindMillion(b *testing.B) {
	for b.Loop() {
		dir := b.TempDir()
		d := daemon(b, dir, benchEnv)
		full := filepath.Join(dir, "box/accounts/alice/2026-01-05/full")
		for _, pass := range []string{"cold", "warm"} {
			began := time.Now()
			cmd := exec.Command("sh", "-c", `find "$1" -printf '%s %T@ %i %p\n' | wc -l`, "sh", full)
			out, err := cmd.Output()
			if err != nil || strings.TrimSpace(string(out)) != "1001001" {
				b.Fatalf("%s, %v", out, err)
			}
			b.ReportMetric(1001001/time.Since(began).Seconds(), pass+"-entries/s")
		}
		b.ReportMetric(peakMiB(b, d.Process.Pid), "peak-RSS-MiB")
		d.Process.Kill()
	}
}

// peakMiB is the most memory that a process ever had.
func peakMiB(b *testing.B, pid int) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	must(b, err)
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	must(b, err)
	return kib / 1024
}

// BenchmarkRead reads a large file from memory through the mount.
func BenchmarkRead(b *testing.B) {
	const size = 256 << 20
	block := make([]byte, 1<<20)
	w := fstest.NewWorld()
	f := fstest.File("f", "")
	f.Size = size
	w.Add(b, fstest.Source("alice", "2026-01-05"), nil, f)
	_, mnt := mount(b, withContent(w, func(_ context.Context, p []byte, _ int64) (int, error) { return copy(p, block), nil }))
	path := mnt + "/" + oneFilePath
	b.SetBytes(size)
	for b.Loop() {
		run(b, "dd", "if="+path, "of=/dev/null", "bs=1M", "status=none")
		run(b, "dd", "if="+path, "of=/dev/null", "count=0", "iflag=nocache", "status=none")
	}
}

// BenchmarkReadDirPlus lists a directory of ten thousand files without a kernel; the time is that of one entry.
func BenchmarkReadDirPlus(b *testing.B) {
	store := treetest.NewStore()
	root, err := million(b.Context(), store, 1, 10_000)
	must(b, err)
	s := fstest.Source("alice", "2026-01-05")
	s.Serial, s.Root = 1, root
	k := &kernel{b, newRaw(b.Context(), Config{Catalog: one{&s}, Nodes: store})}
	_, err = k.r.load(b.Context())
	must(b, err)
	var open fuse.OpenOut
	in := fuse.OpenIn{InHeader: fuse.InHeader{NodeId: k.walk("box/accounts/alice/2026-01-05/full/d0000").NodeId}}
	k.r.OpenDir(nil, &in, &open)
	buf := make([]byte, 32<<10)
	b.ReportAllocs()
	at := uint64(0)
	entries := 0
	for b.Loop() {
		list := fuse.NewDirEntryList(buf, at)
		if status := k.r.ReadDirPlus(nil, &fuse.ReadIn{Fh: open.Fh, Offset: at, Size: 32 << 10}, list); status != fuse.OK {
			b.Fatal(status)
		}
		entries += int(list.Offset - at)
		if at = list.Offset; at > 9_999 {
			at = 0
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(entries), "ns/entry")
}
