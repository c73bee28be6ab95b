package service

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"slotfs/cmd/internal/state"
)

// address is one of this machine that nobody has.
func address(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// answers reports whether somebody answers at an address.
func answers(address string) bool {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

func TestReloadMovesListenersAtOnce(t *testing.T) {
	dir, err := os.MkdirTemp("", "listen") // short: it has a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	e := &Environment{ConfigPath: filepath.Join(dir, "slotfs.toml"), State: state.Dir(filepath.Join(dir, "state")), Log: slog.New(slog.DiscardHandler)}
	configure := func(page, sftp, metrics string) {
		t.Helper()
		text := fmt.Sprintf("[web]\nlisten = %q\n[sftp-server]\nlisten = %q\n[metrics]\nlisten = %q\n", page, sftp, metrics)
		if err := os.WriteFile(e.ConfigPath, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	old := []string{address(t), address(t), address(t)}
	configure(old[0], old[1], old[2])
	ctx, cancel := context.WithCancel(t.Context())
	v := &Serving{Environment: e, CacheSize: -1, IgnoreHangup: func() {}}
	ready, ended := make(chan error, 1), make(chan error, 1)
	go func() { ended <- v.Serve(ctx, func(err error) { ready <- err }) }()
	select {
	case err = <-ready:
	case err = <-ended:
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range old {
		for !answers(at) && t.Context().Err() == nil {
			time.Sleep(5 * time.Millisecond)
		}
	}

	moved := []string{address(t), address(t), address(t)}
	configure(moved[0], moved[1], moved[2])
	if err := e.Owner().Reload(ctx); err != nil {
		t.Fatal(err)
	}
	for i, what := range []string{"page", "SFTP server", "metrics"} {
		if answers(old[i]) || !answers(moved[i]) {
			t.Errorf("%s: answers at the old address: %t, at the new one: %t", what, answers(old[i]), answers(moved[i]))
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	for _, at := range moved {
		if answers(at) {
			t.Errorf("%s: answers after the end", at)
		}
	}
}
