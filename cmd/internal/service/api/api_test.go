package api

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/login"
	"slotfs/cmd/internal/progress"
	"slotfs/cmd/internal/service/alarm"
	"slotfs/cmd/internal/service/audit"
	"slotfs/cmd/internal/service/browse"
	"slotfs/cmd/internal/service/jobs"
	"slotfs/cmd/internal/service/passes"
	"slotfs/cmd/internal/service/scrubs"
	"slotfs/cmd/internal/state"
	"slotfs/indexer/backup"
	"slotfs/indexer/scrub"
	"slotfs/sftpdest"
)

// owner is a fake that records what it is asked.
type owner struct {
	mu     sync.Mutex
	asked  []string // guarded by mu
	events []progress.Event
	err    error
	hang   bool
	ended  chan struct{}
	tree   browse.Paged
	state  state.Dir
	conf   config.Config
	all    []*backup.Snapshot
	remote *sftpdest.Settings // of each destination; nil: there is none
}

func (o *owner) ask(what string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked = append(o.asked, what)
}

func (o *owner) Index(ctx context.Context, q passes.Request, emit func(progress.Event)) error {
	o.ask("index " + q.Destinations[0] + " " + q.Account)
	for _, e := range o.events {
		emit(e)
	}
	if o.hang {
		<-ctx.Done()
		close(o.ended)
	}
	return o.err
}

func (o *owner) Command(ctx context.Context, args ...string) (*exec.Cmd, error) {
	o.ask(strings.Join(args, " "))
	return exec.CommandContext(ctx, "true"), nil
}

func (o *owner) Report(_ context.Context, brief bool) (*Report, error) {
	if brief {
		return &Report{PID: 8, Destinations: []DestinationReport{}}, o.err
	}
	return &Report{PID: 7, Destinations: []DestinationReport{}}, o.err
}

func (o *owner) Find(_ context.Context, _ login.Identity, q browse.Query, yield func(browse.Match) error) error {
	o.ask(string("find " + q.Pattern + " " + q.Below))
	for range 2 {
		if err := yield(browse.Match{Path: "a/" + q.Pattern, Size: 7}); err != nil {
			return err
		}
	}
	return o.err
}

func (o *owner) Diff(_ context.Context, _ login.Identity, q browse.Pair, yield func(browse.Change) error) error {
	o.ask(string("diff " + q.Old + " " + q.New))
	for _, path := range []string{"a", "b\xff"} {
		if err := yield(browse.Change{Path: []byte(path), New: &browse.Side{Size: 7}}); err != nil {
			return err
		}
	}
	return o.err
}

func (o *owner) Verify(_ context.Context, q scrubs.Request, emit func(scrubs.Event)) error {
	o.ask(fmt.Sprintf("verify %s %s %v %d", q.Destination, q.Account, q.Share, q.Rate))
	if o.err == nil {
		emit(scrubs.Event{Difference: &scrub.Difference{Account: "alice", What: "w"}})
		emit(scrubs.Event{Finished: &scrubs.Finished{Summary: scrub.Summary{Read: 7}}})
	}
	return o.err
}

func (o *owner) Reload(context.Context) error { o.ask("reload"); return o.err }
func (o *owner) Seen(context.Context) (alarm.Seen, error) {
	return alarm.Seen{Holdings: map[string][]alarm.Account{"b&c": {{Name: "alice", Newest: time.Unix(5, 0).UTC()}}}, Watching: true}, nil
}

func (o *owner) Health(ctx context.Context) (*Report, error) { return o.Report(ctx, false) }
func (o *owner) ExportPacks(context.Context, ExportRequest) ([]ExportedPack, error) {
	return []ExportedPack{{Name: "x.pack", Destination: "box", Account: "alice", Snapshots: 1, Fresh: true}}, nil
}
func (o *owner) ImportPacks(context.Context, ImportRequest) (*ImportedPacks, error) {
	return &ImportedPacks{Packs: 2, New: 1, Failures: []PackFailure{{Name: "y.pack", Error: "damaged"}}}, nil
}
func (o *owner) Config() (*config.Config, error) { return &o.conf, nil }
func (o *owner) StateDir() state.Dir             { return o.state }
func (o *owner) Record(r audit.Record) {
	o.ask(fmt.Sprintf("record %s %s %s %q %d %s", r.Who, r.From, r.Action, r.Paths, r.Bytes, r.Error))
}

func (o *owner) Catalog(context.Context, login.Identity) (*Catalog, error) {
	return &Catalog{Snapshots: o.all}, o.err
}

func (o *owner) OpenStore(*config.Destination) (jobs.Store, error) {
	return nil, errors.New("no destination in this test")
}

func (o *owner) ConnectionSettings(*config.Destination) (sftpdest.Settings, error) {
	if o.remote == nil {
		return sftpdest.Settings{}, errors.New("no destination in this test")
	}
	return *o.remote, nil
}

func (o *owner) ConnectionOptions(*config.Destination) sftpdest.Options { return sftpdest.Options{} }

func (o *owner) Forget(_ context.Context, name string) error {
	o.ask("forget " + name)
	return o.err
}

// serve runs a server for o and returns a client of it.
func serve(t *testing.T, o *owner) *Client {
	t.Helper()
	path := filepath.Join(t.TempDir(), "control.sock")
	s, err := Listen(context.Background(), path, New(context.Background(), o, "test").ForRoot())
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve() }()
	t.Cleanup(func() {
		s.Close()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the socket stayed behind: %v", err)
		}
	})
	return NewClient(path)
}

func TestRequestsReachTheOwner(t *testing.T) {
	o := &owner{events: []progress.Event{{Kind: progress.Started, Destination: "a"}, {Kind: progress.Finished, Destination: "a", Code: 3}}}
	c, ctx := serve(t, o), context.Background()
	var got []progress.Event
	if err := c.Index(ctx, passes.Request{Destinations: []string{"a"}, Account: "x"}, func(e progress.Event) { got = append(got, e) }); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, o.events) {
		t.Errorf("events %v, want %v", got, o.events)
	}
	if seen, err := c.Seen(ctx); err != nil || !seen.Watching || !seen.Holdings["b&c"][0].Newest.Equal(time.Unix(5, 0)) {
		t.Errorf("seen %+v, %v", seen, err)
	}
	if err := c.Forget(ctx, "b&c"); err != nil {
		t.Error(err)
	}
	if err := c.Reload(ctx); err != nil {
		t.Error(err)
	}
	if want := []string{"index a x", "forget b&c", "reload"}; !reflect.DeepEqual(o.asked, want) {
		t.Errorf("asked %v, want %v", o.asked, want)
	}
	if report, err := c.Report(ctx, false); err != nil || report.PID != 7 {
		t.Errorf("report %v, %v", report, err)
	}
	if report, err := c.Report(ctx, true); err != nil || report.PID != 8 {
		t.Errorf("brief report %v, %v", report, err)
	}
}

func TestErrorsKeepCodeAndHint(t *testing.T) {
	c := serve(t, &owner{err: exit.With(errors.New("no"), exit.Busy, "wait")})
	err := c.Reload(context.Background())
	if err == nil || err.Error() != "no" || exit.Code(err) != exit.Busy || exit.Hint(err) != "wait" {
		t.Errorf("error %v, code %d, hint %q", err, exit.Code(err), exit.Hint(err))
	}
	err = c.Index(context.Background(), passes.Request{Destinations: []string{"a"}}, func(progress.Event) {})
	if exit.Code(err) != exit.Busy {
		t.Errorf("index: %v", err)
	}
}

func TestMatchesComeWithTheErrorThatEndsThem(t *testing.T) {
	for _, fault := range []error{nil, exit.With(errors.New("no"), exit.Busy, "wait")} {
		c := serve(t, &owner{err: fault})
		n := 0
		err := c.Find(context.Background(), browse.Query{Pattern: "x"}, func(m browse.Match) error {
			if n++; m.Path != "a/x" || m.Size != 7 {
				t.Errorf("match %+v", m)
			}
			return nil
		})
		if n != 2 || exit.Code(err) != exit.Code(fault) || exit.Hint(err) != exit.Hint(fault) {
			t.Errorf("%d matches and %v, want %v", n, err, fault)
		}
	}
	enough := errors.New("enough")
	if err := serve(t, &owner{}).Find(context.Background(), browse.Query{}, func(browse.Match) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("an error of who listens became %v", err)
	}
}

func TestHangingUpEndsThePass(t *testing.T) {
	o := &owner{hang: true, ended: make(chan struct{}), events: []progress.Event{{Kind: progress.Started}}}
	c := serve(t, o)
	ctx, cancel := context.WithCancel(context.Background())
	err := c.Index(ctx, passes.Request{Destinations: []string{"a"}}, func(progress.Event) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("index: %v", err)
	}
	<-o.ended
}

func TestSocketOfADeadProcessIsReplacedAndThatOfALiveOneIsNot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	if err := NewClient(path).Reload(context.Background()); !errors.Is(err, ErrNoOwner) {
		t.Errorf("without a socket: %v", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	if err := NewClient(path).Reload(context.Background()); !errors.Is(err, ErrNoOwner) {
		t.Errorf("with a dead socket: %v", err)
	}
	s, err := Listen(context.Background(), path, New(context.Background(), &owner{}, "test").ForRoot())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("socket: %v, %v", info.Mode(), err)
	}
	if _, err := Listen(context.Background(), path, New(context.Background(), &owner{}, "test").ForRoot()); !errors.Is(err, ErrOwned) || exit.Code(err) != exit.Busy {
		t.Errorf("a live socket: %v", err)
	}
}

func TestDifferencesCrossTheSocketByteForByte(t *testing.T) {
	o := &owner{}
	c := serve(t, o)
	ask := func() (paths []string, err error) {
		err = c.Diff(context.Background(), browse.Pair{Old: "x", New: "y"}, func(d browse.Change) error {
			if d.Old != nil || d.New == nil || d.New.Size != 7 {
				t.Errorf("got %+v", d)
			}
			paths = append(paths, string(d.Path))
			return nil
		})
		return paths, err
	}
	want := []string{"a", "b\xff"}
	if got, err := ask(); err != nil || !reflect.DeepEqual(got, want) || o.asked[0] != "diff x y" {
		t.Errorf("got %q, %v, asked %q", got, err, o.asked)
	}
	o.err = exit.With(errors.New("index damaged"), exit.Busy, "cure")
	if got, err := ask(); !reflect.DeepEqual(got, want) || exit.Code(err) != exit.Busy || exit.Hint(err) != "cure" {
		t.Errorf("got %q, %v", got, err)
	}
	if err := NewClient("/nonexistent").Diff(context.Background(), browse.Pair{}, nil); !errors.Is(err, ErrNoOwner) {
		t.Errorf("without an owner: %v", err)
	}
}
