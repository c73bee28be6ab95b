package sftpdest

import (
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/sshdtest"
	"slotfs/sftpdest/wire"
)

// slow is a server that opens files at once and answers nothing else before it was left alone for a while.
type slow struct {
	mu            sync.Mutex // guards what follows
	held          []byte     // answers
	waiting, most int        // bytes of content that were not answered
	opened        int
	let           bool // answers go out
}

func (s *slow) answer(r wire.Reply) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Type == wire.Open {
		s.opened++
		return packet(wire.Handle, r.ID, "h")
	}
	if r.Type == wire.Write && !s.let {
		s.waiting += len(r.Body) - len(packet(0, 0, "h", 0, 0, 0)) + len(packet(0, 0))
		s.most = max(s.most, s.waiting)
	}
	s.held = append(s.held, packet(wire.Status, r.ID, wire.StatusOK, "", "")...)
	return s.release()
}

// release needs s.mu.
func (s *slow) release() (out []byte) {
	if s.let {
		out, s.held = s.held, nil
	}
	return out
}

func TestNewFilesDoNotPileUpInASession(t *testing.T) {
	t.Parallel()
	const files, size = 400, 4096
	var server slow
	l := startLocal(t, sshdtest.LocalOptions{Password: secret, MaxSessions: 1, Serve: func(rw io.ReadWriteCloser) error {
		go func() {
			for came, quiet := 0, 0; quiet < 10; {
				time.Sleep(20 * time.Millisecond)
				server.mu.Lock()
				if quiet++; server.opened < files || server.waiting != came {
					came, quiet = server.waiting, 0
				}
				server.mu.Unlock()
			}
			server.mu.Lock()
			server.let = true
			out := server.release()
			server.mu.Unlock()
			_, _ = rw.Write(out) // nothing else is written: everything that was asked for is in it
		}()
		return sshdtest.Play(rw, server.answer)
	}})
	settings := localSettings(l)
	settings.Password, settings.MaxConnections = secret, 1
	d := newDest(t, settings, Options{})
	g, ctx := errgroup.WithContext(t.Context())
	for i := range files {
		g.Go(func() error {
			_, err := d.Put(ctx, fmt.Sprint(i), make([]byte, size), dest.Attributes{}, false)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if want := 512 << 10; server.most > want || server.most < want/2 {
		t.Errorf("%d bytes waited in a session, at most %d should", server.most, want)
	}
}
