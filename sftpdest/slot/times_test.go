package slot

import (
	"context"
	"io/fs"
	"strings"
	"testing"

	"slotfs/indexer/dest"
	"slotfs/indexer/dest/desttest"
	"slotfs/indexer/manifest"
)

// timeless is a server that keeps no time that it is told.
type timeless struct {
	*memory
	refuses bool // and says so, also where it is told to set nothing
}

func (s timeless) take(a dest.Attributes) (dest.Attributes, error) {
	if s.refuses && a.MTime != nil {
		return a, fs.ErrPermission
	}
	a.MTime = nil
	return a, nil
}

func (s timeless) SetAttributes(ctx context.Context, p string, a dest.Attributes) error {
	if s.refuses {
		return fs.ErrPermission
	}
	a.MTime = nil
	return s.memory.SetAttributes(ctx, p, a)
}

func (s timeless) Put(ctx context.Context, p string, content []byte, a dest.Attributes, sync bool) (bool, error) {
	a, err := s.take(a)
	if err != nil {
		return false, err
	}
	return s.memory.Put(ctx, p, content, a, sync)
}

func (s timeless) Copy(ctx context.Context, from, to string, size int64, a dest.Attributes, sync bool) (bool, error) {
	a, err := s.take(a)
	if err != nil {
		return false, err
	}
	return s.memory.Copy(ctx, from, to, size, a, sync)
}

func TestServerThatKeepsNoTimesIsSaidToBeSo(t *testing.T) {
	for _, refuses := range []bool{true, false} {
		a, server := newAccount(t), timeless{newMemory(), refuses}
		server.unsync = true
		o := options(2)
		a.file("large", string(desttest.Content(6<<20)), 1)
		for n := 1; n <= 5; n++ {
			a.edit(n)
			sum := a.mustRun(server, o)
			a.holdsAll(server, o, min(n, 2), sum.Slot)
			slots, err := List(t.Context(), server, o.Directory)
			a.check(err)
			if slots[0].State.Times != manifest.NoTimes {
				t.Errorf("refuses %v: times %q: no reader would find a file", refuses, slots[0].State.Times)
			}
			server.now += 1000
		}
		for range 2 {
			a.mustRun(server, o)
		}
		if sum := a.mustRun(server, o); sum.Uploaded+sum.Copied != 0 {
			t.Errorf("refuses %v: a run without changes sends: %+v", refuses, sum)
		}
	}
}

func TestInterruptedRunOnAServerWithoutTimesGoesOn(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	a.tight = true
	server := timeless{newMemory(), false}
	o := options(2)
	for n := 1; n <= 3; n++ {
		a.edit(n)
		a.mustRun(server, o)
	}
	before := server.clone()
	for k := 40; k < 140; k += 5 {
		server := timeless{before.clone(), false}
		server.killAt = k
		a.edit(10 + 2*k)
		_, _ = a.run(t.Context(), server, o)
		server.dead, server.killAt = false, 0
		server.now += 3600
		a.edit(11 + 2*k)
		sum := a.mustRun(server, o)
		a.holdsAll(server, o, 2, sum.Slot)
	}
}

func TestServerThatKeepsTimesIsNotAskedAgain(t *testing.T) {
	a, server := newAccount(t), newMemory()
	a.edit(1)
	o := options(2)
	first := a.mustRun(server, o)
	a.mustRun(server, o)
	slots, err := List(t.Context(), server, o.Directory)
	a.check(err)
	if slots[0].State.Times != "" || first.Gen != 1 {
		t.Errorf("times %q", slots[0].State.Times)
	}
	left, err := server.List(t.Context(), strings.TrimSuffix(slots[0].Path, "/")+"/tmp")
	a.check(err)
	if len(left) != 0 {
		t.Errorf("%d temporary files are left", len(left))
	}
}
