package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"slotfs/indexer/dest"
	"slotfs/indexer/dest/desttest"
	"slotfs/sftpdest/slot/lease"
)

func options(run string, writers int) Options {
	return Options{Run: run, Host: "here", Writers: writers, Log: slog.New(slog.DiscardHandler), Poll: time.Millisecond}
}

// leave puts a file of another run into the queue.
func leave(t *testing.T, root, name string, h *lease.Holder, at time.Time) string {
	t.Helper()
	text, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(root, directory, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(file, at, at); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestNoMoreThanTheBoundWriteAndAllGetTheirTurn(t *testing.T) {
	d := desttest.Dir(t.TempDir())
	var mu sync.Mutex
	writing, most, turns := 0, 0, 0
	var runs sync.WaitGroup
	for i := range 12 {
		runs.Go(func() {
			ticket, err := Enter(t.Context(), d, options(fmt.Sprintf("run-%d", i), 3))
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			writing++
			turns++
			most = max(most, writing)
			mu.Unlock()
			time.Sleep(3 * time.Millisecond)
			mu.Lock()
			writing--
			mu.Unlock()
			ticket.Leave(t.Context())
		})
	}
	runs.Wait()
	if most > 3 || turns != 12 {
		t.Errorf("%d of 12 runs had their turn, %d at once; at most 3 may", turns, most)
	}
	left, err := d.List(t.Context(), directory)
	if err != nil || len(left) != 0 {
		t.Errorf("left in the queue: %v, %v", left, err)
	}
}

func TestWhoComesFirstWritesFirst(t *testing.T) {
	d := desttest.Dir(t.TempDir())
	first, err := Enter(t.Context(), d, options("z-first", 1))
	if err != nil {
		t.Fatal(err)
	}
	order := make(chan string, 2)
	var runs sync.WaitGroup
	for _, run := range []string{"y-second", "a-third"} {
		waits := make(chan struct{})
		var once sync.Once
		o := options(run, 1)
		o.Waiting = func(int) { once.Do(func() { close(waits) }) }
		runs.Go(func() {
			ticket, err := Enter(t.Context(), d, o)
			if err != nil {
				t.Error(err)
				return
			}
			order <- run
			ticket.Leave(t.Context())
		})
		<-waits
	}
	first.Leave(t.Context())
	runs.Wait()
	if a, b := <-order, <-order; a != "y-second" || b != "a-third" {
		t.Errorf("the order was %s, %s", a, b)
	}
}

func TestRunsThatDiedHoldNobodyUp(t *testing.T) {
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	killed := lease.Self("killed", "here")
	killed.PID, killed.Start = ended.Process.Pid, "1"
	elsewhere := &lease.Holder{Run: "elsewhere", Host: "there", Boot: "1", Space: "1", PID: 1}
	for name, c := range map[string]struct {
		holder *lease.Holder
		at     time.Time
	}{
		"killed on this machine":                   {killed, time.Now()},
		"not heard of by the server's clock":       {elsewhere, time.Now().Add(-11 * time.Minute)},
		"not heard of, and nobody knows who it is": {nil, time.Now().Add(-time.Hour)},
	} {
		for _, file := range []string{"writer.000000000001.gone", "choosing.gone"} {
			t.Run(name+", "+file, func(t *testing.T) {
				root := t.TempDir()
				left := leave(t, root, file, c.holder, c.at)
				o := options("run", 1)
				o.Waiting = func(int) { t.Error("it waited") }
				ticket, err := Enter(t.Context(), desttest.Dir(root), o)
				if err != nil {
					t.Fatal(err)
				}
				ticket.Leave(t.Context())
				if _, err := os.Stat(left); err == nil {
					t.Error("what the dead run left is still there")
				}
			})
		}
	}
}

func TestATicketFromTheFutureIsTakenForDeadWhenItIsNotWritten(t *testing.T) {
	root := t.TempDir()
	leave(t, root, "writer.000000000001.gone", &lease.Holder{Run: "gone", Host: "there"}, time.Now().AddDate(3, 0, 0))
	synctest.Test(t, func(t *testing.T) {
		o := options("run", 1)
		o.Poll = time.Second
		began := time.Now()
		ticket, err := Enter(t.Context(), desttest.Dir(root), o)
		if err != nil {
			t.Fatal(err)
		}
		ticket.Leave(t.Context())
		if waited := time.Since(began); waited < defaultTTL || waited > defaultTTL+time.Minute {
			t.Errorf("it was watched for %v", waited)
		}
	})
}

func TestARunWaitsNoLongerThanItMay(t *testing.T) {
	d := desttest.Dir(t.TempDir())
	other, err := Enter(t.Context(), d, options("other", 1))
	if err != nil {
		t.Fatal(err)
	}
	o, ahead := options("run", 1), 0
	o.Wait = 20 * time.Millisecond
	o.Waiting = func(n int) { ahead = n }
	if _, err = Enter(t.Context(), d, o); !errors.Is(err, ErrTooLong) || ahead != 1 {
		t.Errorf("behind %d: %v", ahead, err)
	}
	other.Leave(t.Context())
	if left, err := d.List(t.Context(), directory); err != nil || len(left) != 0 {
		t.Errorf("left in the queue: %v, %v", left, err)
	}
}

// A ticket is written again while its run writes: also one that somebody took for dead.
func TestATicketIsRefreshed(t *testing.T) {
	root := t.TempDir()
	o := options("run", 1)
	o.TTL = 60 * time.Millisecond
	ticket, err := Enter(t.Context(), desttest.Dir(root), o)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(root, ticket.name)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(file); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	ticket.Leave(t.Context())
	if _, err := os.Stat(file); err == nil {
		t.Error("the ticket is there after the end")
	}
}

func TestAnInterruptedRunLeavesNothing(t *testing.T) {
	d := desttest.Dir(t.TempDir())
	other, err := Enter(t.Context(), d, options("other", 1))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	o := options("run", 1)
	o.Waiting = func(int) { cancel() }
	if _, err := Enter(ctx, d, o); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	other.Leave(t.Context())
	if left, err := d.List(t.Context(), directory); err != nil || len(left) != 0 {
		t.Errorf("left in the queue: %v, %v", left, err)
	}
}

func TestForeignNamesAreNoTickets(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"writer.", "writer.1", "writer.-5.x", "writer.9999999999999999999999.x", "writer.1099511627777.x", "notes"} {
		leave(t, root, name, nil, time.Now())
	}
	ticket, err := Enter(t.Context(), desttest.Dir(root), options("run", 1))
	if err != nil {
		t.Fatal(err)
	}
	ticket.Leave(t.Context())
}

// A directory that cannot be written is an error that is not about the connection.
func TestAServerThatLetsNobodyQueueIsToldApart(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, parent), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Enter(t.Context(), desttest.Dir(root), options("run", 1))
	if err == nil || errors.Is(err, dest.ErrUnreachable) || !strings.Contains(err.Error(), "queue in") {
		t.Errorf("error %v", err)
	}
}

func FuzzTicketName(f *testing.F) {
	for _, name := range []string{nameOf(1, "run"), "writer.", "writer.1.", "choosing.x", "writer.00.x.y"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		number, run, ok := parse(name)
		if !ok {
			return
		}
		again, sameRun, ok := parse(nameOf(number, run))
		if !ok || again != number || sameRun != run {
			t.Errorf("%q: %d, %q", name, number, run)
		}
	})
}
