package desttest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestFaultsReachTheCallerAndCallsAreCounted(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "a"), []byte("hello"), 0o644); err != nil {
		t.Fatal(err)
	}
	d := Dir(root)
	ctx := context.Background()
	f, err := d.Open(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("cable cut")
	d.SetFault(func(_ context.Context, c Call) error {
		if c.Op == OpRead && c.Off == 1 {
			return broken
		}
		return nil
	})
	p := make([]byte, 3)
	if n, err := f.ReadAt(ctx, p, 0); n != 3 || err != nil {
		t.Errorf("ReadAt 0: %d, %v", n, err)
	}
	if _, err := f.ReadAt(ctx, p, 1); !errors.Is(err, broken) {
		t.Errorf("ReadAt 1: %v, want the fault", err)
	}
	c := d.Counts()
	if c.Open != 1 || c.Read != 2 || c.Bytes != 3 || c.Handles != 1 || c.RoundTrips() != 3 ||
		len(c.Opened) != 1 || c.Opened[0] != "a" {
		t.Errorf("counts %+v", c)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if c := d.Counts(); c.Handles != 0 {
		t.Errorf("%d handles after Close", c.Handles)
	}
}

func TestFaultThatWaitsIsLeftByACancelledCall(t *testing.T) {
	d := Dir(t.TempDir())
	release := make(chan struct{})
	defer close(release)
	entered := make(chan struct{})
	d.SetFault(func(context.Context, Call) error { close(entered); <-release; return nil })
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-entered; cancel() }()
	if _, err := d.List(ctx, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("List: %v, want context.Canceled", err)
	}
}
