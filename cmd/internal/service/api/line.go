package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"sync"
	"syscall"

	"slotfs/cmd/internal/exit"
)

// line is the connection of one request.
type line struct {
	path string

	mu sync.Mutex
	// mu guards what follows.
	conn *net.UnixConn
	over bool
}

func (l *line) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", l.path)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn, _ = c.(*net.UnixConn)
	if l.over {
		c.Close()
		return nil, context.Canceled
	}
	return c, nil
}

// hangUp closes our half: the owner sees that nobody waits any more, and can still say when it is done.
func (l *line) hangUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	if l.conn != nil {
		_ = l.conn.CloseWrite()
	}
}

// do sends a request and gives the body of the answer, or the error that came in its place.
func (l *line) do(ctx context.Context, method, path string, data []byte) (io.ReadCloser, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://slotfs"+Prefix+path, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	client := http.Client{Transport: &http.Transport{DialContext: l.dial, DisableKeepAlives: true}}
	return bodyOf(ctx, &client, r)
}

// bodyOf gives the body of an answer, or the error that came in its place.
func bodyOf(ctx context.Context, client *http.Client, r *http.Request) (io.ReadCloser, error) {
	res, err := client.Do(r)
	if err != nil {
		return nil, dialError(ctx, err)
	}
	if res.StatusCode == http.StatusOK {
		return res.Body, nil
	}
	defer res.Body.Close()
	return nil, failureIn(res)
}

func dialError(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOTDIR):
		return ErrNoOwner
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		return fmt.Errorf("%w: %w", ErrLost, err)
	}
	err = fmt.Errorf("control socket: %w", err)
	if errors.Is(err, fs.ErrPermission) {
		return exit.Hinted(err, "run as root, or choose places of your own with --state-dir and --config")
	}
	return err
}
