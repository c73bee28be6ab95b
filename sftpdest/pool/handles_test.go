package pool

import (
	"context"
	"runtime"
	"testing"
	"time"

	"slotfs/sftpdest/auth"
	"slotfs/sftpdest/session"
	"slotfs/sftpdest/settings"
)

func TestRoomThatComesWhileSomebodyLooksIsFound(t *testing.T) {
	l := New(settings.Settings{MaxConnections: 1}, settings.Options{}.WithDefaults(), nil, nil, func() bool { return false })
	s := &Session{Session: &session.Session{}, conn: &conn{Connection: &auth.Connection{}, maxSessions: 1, sessions: 1}}
	s.limit.Store(1)
	l.sessions, l.conns = []*Session{s}, []*conn{s.conn}
	t.Cleanup(l.cancel)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for round := range 300_000 {
		s.opened.Store(1)
		found := make(chan error, 1)
		go func() {
			_, _, err := l.acquireHandle(ctx, false)
			found <- err
		}()
		for range round % 64 {
			runtime.Gosched()
		}
		l.FreeHandle(s)
		if err := <-found; err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
	}
}
