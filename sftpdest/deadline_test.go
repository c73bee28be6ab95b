package sftpdest

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/sshdtest"
	"slotfs/sftpdest/wire"
)

func TestServersThatNeverLetGoAreGivenUp(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]sshdtest.Oddities{
		"wrong ids": {WrongIDs: true}, "answers twice": {Twice: true}, "dies at once": {DieAfter: 1}, "dies after a few": {DieAfter: 4},
		"silent": {Silent: true}, "drips": {Drip: 50 * time.Millisecond},
		"wrong ids, no limits": {WrongIDs: true, Without: []string{wire.LimitsExtension}},
		"silent, no limits":    {Silent: true, Without: []string{wire.LimitsExtension}},
		"drips, no limits":     {Drip: 50 * time.Millisecond, Without: []string{wire.LimitsExtension}},
	} {
		for _, retries := range []int{2, 0} {
			if retries == 0 && (name == "wrong ids" || o.Silent || o.Drip > 0 || o.DieAfter == 1) {
				continue // no session comes into being: that is waited for as long as the settings say
			}
			t.Run(name, func(t *testing.T) {
				var sessions atomic.Int32
				serve := sshdtest.Odd(t.TempDir(), o)
				l := startLocal(t, sshdtest.LocalOptions{Password: secret, Serve: func(rw io.ReadWriteCloser) error {
					sessions.Add(1)
					return serve(rw)
				}})
				s := localSettings(l)
				s.Password, s.MaxRetries, s.ConnectionTimeout = secret, retries, 300*time.Millisecond
				d := newDest(t, s, Options{Backoff: time.Millisecond, Idle: 300 * time.Millisecond, KeepAlive: 50 * time.Millisecond, Patience: 10 * time.Millisecond})
				for range 50 {
					_, err := d.List(t.Context(), "")
					hinted(t, err, dest.ErrUnreachable)
				}
				if n := sessions.Load(); n > 80 {
					t.Errorf("%d sessions for 50 calls", n)
				}
			})
		}
	}
}

func TestSetbacksAreForgottenOnceASessionGetsSomewhere(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for i := range 200 {
		if err := os.WriteFile(filepath.Join(root, string(rune('a'+i%26))+string(rune('a'+i/26))), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l := startLocal(t, sshdtest.LocalOptions{Password: secret, Serve: sshdtest.Odd(root, sshdtest.Oddities{DieAfter: 30})})
	s := localSettings(l)
	s.Password, s.MaxRetries = secret, 2
	d := newDest(t, s, Options{Backoff: time.Millisecond})
	for i := range 500 { // a session lasts for less than thirty of them
		if _, err := d.Stat(t.Context(), "aa"); err != nil {
			t.Fatalf("call %d: %v", i, err)
		}
	}
}

// A request that the server passes over ends, though the session goes on.
func TestRequestThatIsPassedOverEnds(t *testing.T) {
	t.Parallel()
	d := hostile(t, func(r wire.Reply) []byte {
		if r.Type == wire.ReadLink {
			return nil
		}
		return packet(wire.Attrs, r.ID, regular(5))
	})
	over := make(chan error)
	go func() {
		_, err := d.ReadLink(t.Context(), "x")
		over <- err
	}()
	for {
		select {
		case err := <-over:
			hinted(t, err, dest.ErrUnreachable)
			return
		default:
			_, _ = d.Stat(t.Context(), "y")
			time.Sleep(time.Millisecond)
		}
	}
}

func TestServerThatSaysNothingIsWaitedForTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var dialed int
		o := Options{Dial: func(context.Context, string, string) (net.Conn, error) {
			dialed++
			here, there := net.Pipe()
			go func() { _, _ = io.Copy(io.Discard, there) }()
			return here, nil
		}}
		d, err := New(Settings{Host: "h", Username: "u", Password: "p", MaxRetries: DefaultMaxRetries}, o)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		began := time.Now()
		if err = d.Connect(t.Context()); !errors.Is(err, dest.ErrUnreachable) {
			t.Error(err)
		}
		if took := time.Since(began); dialed != 2 || took > 70*time.Second {
			t.Errorf("%d attempts in %v", dialed, took)
		}
	})
}
