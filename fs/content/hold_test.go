package content_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"slotfs/fs/content"
	"slotfs/indexer/backup"
	"slotfs/indexer/engine/slots/slottest"
)

// holder counts holds.
type holder struct {
	taken, given atomic.Int64
	event        chan string
	err          error
}

func (h *holder) hold(context.Context, *backup.Snapshot) (func(context.Context) error, error) {
	h.taken.Add(1)
	h.event <- "taken"
	if h.err != nil {
		return nil, h.err
	}
	return func(context.Context) error {
		h.given.Add(1)
		h.event <- "given"
		return nil
	}, nil
}

func (h *holder) expect(t *testing.T, want string) {
	t.Helper()
	if got := <-h.event; got != want {
		t.Fatalf("hold %s, want %s", got, want)
	}
}

func TestSlotIsHeldWhileItIsRead(t *testing.T) {
	h := &holder{event: make(chan string, 10)}
	x := plantSlot(t, content.Options{Hold: h.hold, LeaseTTL: time.Millisecond}, slottest.Dir("", 1), slottest.File("a", "1", 1), slottest.File("b", "2", 1))
	x.snap.Status = backup.Complete
	a := x.openItem(t, "a")
	h.expect(t, "taken")
	b := x.openItem(t, "b")
	a.Close()
	if h.given.Load() != 0 || h.taken.Load() != 1 {
		t.Errorf("%d holds taken, %d given back, while a file is open", h.taken.Load(), h.given.Load())
	}
	b.Close()
	h.expect(t, "given")
	x.openItem(t, "a").Close()
	h.expect(t, "taken")
	h.expect(t, "given")
}

func TestHeldSlotIsGivenBackWhenTheReaderCloses(t *testing.T) {
	h := &holder{event: make(chan string, 10)}
	x := plantSlot(t, content.Options{Hold: h.hold}, slottest.Dir("", 1), slottest.File("a", "1", 1))
	x.snap.Status = backup.Complete
	f := x.openItem(t, "a")
	defer f.Close()
	h.expect(t, "taken")
	x.reader.Close()
	h.expect(t, "given")
}

func TestSlotThatCannotBeHeldIsReadAllTheSame(t *testing.T) {
	h := &holder{event: make(chan string, 10), err: errors.New("read-only")}
	x := plantSlot(t, content.Options{Hold: h.hold}, slottest.Dir("", 1), slottest.File("a", "1", 1))
	x.snap.Status = backup.Complete
	f := x.openItem(t, "a")
	defer f.Close()
	h.expect(t, "taken")
	if got, err := read(t.Context(), f, 10); string(got) != "1" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestIncompleteSlotIsNotHeld(t *testing.T) {
	h := &holder{event: make(chan string, 10)}
	x := plantSlot(t, content.Options{Hold: h.hold}, slottest.Dir("", 1), slottest.File("a", "1", 1))
	x.snap.Status = backup.Incomplete
	x.openItem(t, "a").Close()
	if h.taken.Load() != 0 {
		t.Error("held")
	}
}

// openItem is open for a test that closes the file itself.
func (x *cursor) openItem(t *testing.T, name string) *content.File {
	t.Helper()
	it, err := x.tree.Resolve(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := x.reader.Open(t.Context(), x.snap, x.tree, it)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
