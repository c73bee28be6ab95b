package content_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"slotfs/fs/content"
	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/indexer/dest/desttest"
)

// clock is a time that tests move.
type clock struct{ passed atomic.Int64 }

func (c *clock) now() time.Time { return time.Unix(1_800_000_000, c.passed.Load()) }

func (c *clock) advance(d time.Duration) { c.passed.Add(int64(d)) }

func TestChangedRemoteIsStale(t *testing.T) {
	plain := makeTar(t, members(6, 60_000))
	changes := map[string]func(path string) error{
		"deleted":   os.Remove,
		"truncated": func(path string) error { return os.Truncate(path, 100) },
		"touched":   func(path string) error { return os.Chtimes(path, time.Now(), time.Now()) },
		"replaced": func(path string) error {
			if err := os.WriteFile(path+".new", bytes.Repeat([]byte("x"), 1000), 0o600); err != nil {
				return err
			}
			return os.Rename(path+".new", path)
		},
		"a link now": func(path string) error {
			if err := os.Rename(path, path+".old"); err != nil {
				return err
			}
			return os.Symlink(path+".old", path)
		},
	}
	for change, do := range changes {
		for name, x := range sorts(t, plain, content.Options{}) {
			t.Run(change+" before/"+name, func(t *testing.T) {
				f := x.open(t, "file0001")
				if err := do(filepath.Join(x.root, x.snap.Files[len(x.snap.Files)-1].Path)); err != nil {
					t.Fatal(err)
				}
				_, err := f.ReadAt(t.Context(), make([]byte, 1000), 0)
				if !errors.Is(err, backup.ErrStale) {
					t.Errorf("error is %v", err)
				}
			})
		}
		c := new(clock)
		for name, x := range sorts(t, plain, content.Options{Memory: 1, Now: c.now}) {
			t.Run(change+" while open/"+name, func(t *testing.T) {
				f := x.open(t, "file0001")
				if _, err := f.ReadAt(t.Context(), make([]byte, 1000), 0); err != nil {
					t.Fatal(err)
				}
				if err := do(filepath.Join(x.root, x.snap.Files[0].Path)); err != nil {
					t.Fatal(err)
				}
				c.advance(time.Minute)
				_, err := x.open(t, "file0005").ReadAt(t.Context(), make([]byte, 1000), 0)
				if !errors.Is(err, backup.ErrStale) {
					t.Errorf("error is %v", err)
				}
			})
		}
	}
}

func TestDamagedRemoteNeverGivesWrongBytes(t *testing.T) {
	all := members(8, 200_000)
	stored := compress(t, makeTar(t, all))
	x := serve(t, stored, backup.TarGzip, 1, content.Options{})
	path := filepath.Join(x.root, x.snap.Files[0].Path)
	stamp := time.Unix(x.snap.Files[0].MTime, 0)
	caught := 0
	for at := len(stored) / 20; at < len(stored); at += len(stored) / 20 {
		bad := bytes.Clone(stored)
		bad[at] ^= 16
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, stamp, stamp); err != nil {
			t.Fatal(err)
		}
		r := content.NewReader(x.fake, &x.scan.points, content.Options{})
		for _, it := range x.scan.items {
			f, err := r.Open(t.Context(), x.snap, nil, it)
			if err != nil {
				t.Fatal(err)
			}
			got, err := read(t.Context(), f, 50_000)
			if !bytes.HasPrefix(all["alice/"+it.Name], got) {
				t.Fatalf("byte %d: wrong bytes in %s", at, it.Name)
			}
			if errors.Is(err, backup.ErrCorrupt) {
				caught++
			} else if err != nil {
				t.Errorf("byte %d: %v", at, err)
			}
			f.Close()
		}
		r.Close()
	}
	if caught < 10 {
		t.Errorf("%d reads of damaged data ended with an error", caught)
	}
}

func TestCancelledReadReturnsAtOnceAndOthersGoOn(t *testing.T) {
	all := members(3, 100_000)
	for name, x := range sorts(t, makeTar(t, all), content.Options{}) {
		t.Run(name, func(t *testing.T) {
			gate := make(chan struct{})
			started := make(chan struct{}, 1000)
			x.fake.SetFault(func(ctx context.Context, c desttest.Call) error {
				if c.Op == desttest.OpRead {
					started <- struct{}{}
					select {
					case <-gate:
					case <-ctx.Done():
					}
				}
				return nil
			})
			f := x.open(t, "file0001")
			patient := make(chan error, 1)
			go func() {
				got, err := read(t.Context(), f, 100_000)
				if err == nil && !bytes.Equal(got, all["alice/file0001"]) {
					err = errors.New("wrong bytes")
				}
				patient <- err
			}()
			<-started
			ctx, cancel := context.WithCancel(t.Context())
			hasty := make(chan error, 1)
			go func() {
				_, err := f.ReadAt(ctx, make([]byte, 1000), 0)
				hasty <- err
			}()
			cancel()
			if err := <-hasty; !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled read: %v", err)
			}
			close(gate)
			if err := <-patient; err != nil {
				t.Errorf("other read: %v", err)
			}
		})
	}
}

func TestReadThatNobodyWaitsForIsGivenUp(t *testing.T) {
	for name, x := range sorts(t, makeTar(t, members(3, 100_000)), content.Options{}) {
		t.Run(name, func(t *testing.T) {
			started, ended := make(chan struct{}, 100), make(chan struct{}, 100)
			x.fake.SetFault(func(ctx context.Context, c desttest.Call) error {
				if c.Op == desttest.OpRead {
					started <- struct{}{}
					<-ctx.Done()
					ended <- struct{}{}
				}
				return nil
			})
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				<-started
				cancel()
			}()
			if _, err := x.open(t, "file0001").ReadAt(ctx, make([]byte, 1000), 0); !errors.Is(err, context.Canceled) {
				t.Errorf("error is %v", err)
			}
			<-ended
		})
	}
}

// TestSilentDestinationIsGivenUp runs on a time of its own.
func TestSilentDestinationIsGivenUp(t *testing.T) {
	for _, op := range []desttest.Op{desttest.OpOpen, desttest.OpFileStat, desttest.OpRead} {
		for name, x := range sorts(t, makeTar(t, members(3, 100_000)), content.Options{}) {
			t.Run(string(op)+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					x.fake.SetFault(func(ctx context.Context, c desttest.Call) error {
						if c.Op == op {
							<-ctx.Done()
						}
						return nil
					})
					r := content.NewReader(x.fake, &x.scan.points, content.Options{})
					f, err := r.Open(t.Context(), x.snap, nil, x.scan.items[1])
					if err != nil {
						t.Fatal(err)
					}
					began := time.Now()
					_, err = f.ReadAt(t.Context(), make([]byte, 1000), 0)
					if !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("error is %v", err)
					}
					if waited := time.Since(began); waited > 3*time.Minute {
						t.Errorf("waited %v", waited)
					}
					f.Close()
					r.Close()
				})
			})
		}
	}
}

func TestLostConnectionIsNoReasonToFail(t *testing.T) {
	all := members(3, 100_000)
	for name, x := range sorts(t, makeTar(t, all), content.Options{}) {
		t.Run(name, func(t *testing.T) {
			var failed atomic.Bool
			x.fake.SetFault(func(ctx context.Context, c desttest.Call) error {
				if c.Op == desttest.OpRead && !failed.Swap(true) {
					return dest.ErrConnectionLost
				}
				return nil
			})
			got, err := read(t.Context(), x.open(t, "file0001"), 1<<20)
			if err != nil || !bytes.Equal(got, all["alice/file0001"]) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			x.fake.SetFault(func(ctx context.Context, c desttest.Call) error {
				return os.ErrPermission
			})
			r := content.NewReader(x.fake, &x.scan.points, content.Options{})
			defer r.Close()
			f, _ := r.Open(t.Context(), x.snap, nil, x.scan.items[1])
			if _, err := f.ReadAt(t.Context(), make([]byte, 10), 0); !errors.Is(err, os.ErrPermission) {
				t.Errorf("lasting error: %v", err)
			}
		})
	}
}

func TestCloseEndsEverything(t *testing.T) {
	for name, x := range sorts(t, makeTar(t, members(6, 600_000)), content.Options{}) {
		t.Run(name, func(t *testing.T) {
			f := x.open(t, "file0000")
			for i := range 6 {
				if _, err := f.ReadAt(t.Context(), make([]byte, 50_000), int64(50_000*i)); err != nil {
					t.Fatal(err)
				}
			}
			if err := x.reader.Close(); err != nil {
				t.Fatal(err)
			}
			if n := x.fake.Counts().Handles; n != 0 {
				t.Errorf("%d handles open", n)
			}
			// Close waits for the work; a goroutine that said that it is done may still be on its last line.
			stacks := goroutines()
			for i := 0; i < 1000 && strings.Contains(stacks, "content.(*"); i++ {
				time.Sleep(time.Millisecond)
				stacks = goroutines()
			}
			if strings.Contains(stacks, "content.(*") {
				t.Errorf("goroutines left:\n%s", stacks)
			}
			if _, err := x.openFirst(t); err == nil {
				t.Error("a closed Reader opens files")
			}
			if _, err := f.ReadAt(t.Context(), make([]byte, 100), 0); err == nil || err == io.EOF {
				t.Errorf("read after Close: %v", err)
			}
		})
	}
}

func goroutines() string {
	buf := make([]byte, 1<<20)
	return string(buf[:runtime.Stack(buf, true)])
}

func (x *fixture) openFirst(t *testing.T) (*content.File, error) {
	return x.reader.Open(t.Context(), x.snap, nil, x.scan.items[0])
}
