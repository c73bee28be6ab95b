package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"sync"
	"syscall"
	"time"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/progress"
	"slotfs/cmd/internal/service/alarm"
	"slotfs/cmd/internal/service/browse"
	"slotfs/cmd/internal/service/passes"
)

// Client is the service of the process that owns the index, over its socket. ErrNoOwner from its methods says that there is none.
type Client struct {
	path string
	tree *remoteTree
}

var _ Service = (*Client)(nil)

// NewClient talks over the socket at path. It does not connect yet.
func NewClient(path string) *Client { return &Client{path: path, tree: newRemoteTree(path)} }

// Tree is what the owner shows.
func (c *Client) Tree(context.Context) (browse.Tree, error) { return c.tree, nil }

// Close ends the connections that are kept.
func (c *Client) Close() error {
	c.tree.http.CloseIdleConnections()
	return nil
}

// Report tells about the owner; brief leaves out what takes time to count.
func (c *Client) Report(ctx context.Context, brief bool) (*Report, error) {
	path := "/v1/status"
	if brief {
		path += "?brief"
	}
	r := new(Report)
	if err := c.get(ctx, path, r); err != nil {
		return nil, err
	}
	return r, nil
}

// Seen tells what only the owner knows.
func (c *Client) Seen(ctx context.Context) (seen alarm.Seen, err error) {
	err = c.get(ctx, "/v1/seen", &seen)
	return seen, err
}

// get asks for one JSON object.
func (c *Client) get(ctx context.Context, path string, into any) error {
	body, err := c.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := json.NewDecoder(body).Decode(into); err != nil {
		return fmt.Errorf("control socket: %w", err)
	}
	return nil
}

// endTime is how long an interrupted pass may take to end.
const endTime = 10 * time.Second

// Index asks for passes and hands what the owner tells about them to emit. When ctx
// ends it hangs up and returns when the pass has ended too, so that the next one finds nothing in its way.
func (c *Client) Index(ctx context.Context, q passes.Request, emit func(progress.Event)) error {
	data, err := json.Marshal(q)
	if err != nil {
		return err
	}
	patient, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	line := &line{path: c.path}
	stop := context.AfterFunc(ctx, func() {
		line.hangUp()
		time.AfterFunc(endTime, cancel)
	})
	defer stop()
	body, err := line.do(patient, http.MethodPost, "/v1/index", data)
	if err == nil {
		err = events(body, emit)
		body.Close()
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// events reads one event after the other.
func events(body io.Reader, emit func(progress.Event)) error {
	d := json.NewDecoder(body)
	for {
		var e progress.Event
		err := d.Decode(&e)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("%w: %w", ErrLost, err)
		case e.Kind != "":
			emit(e)
		}
	}
}

// Find hands what the owner finds to yield, whose error ends it.
func (c *Client) Find(ctx context.Context, q browse.Query, yield func(browse.Match) error) error {
	return ask(ctx, c, "/v1/find", q, func(m *found) error {
		if m.Failure != nil {
			return m.Failure.err()
		}
		return yield(m.Match)
	})
}

// Diff hands each difference that the owner finds to yield, whose error ends it.
func (c *Client) Diff(ctx context.Context, q browse.Pair, yield func(browse.Change) error) error {
	return ask(ctx, c, "/v1/diff", q, func(m *differs) error {
		if m.Failure != nil {
			return m.Failure.err()
		}
		return yield(m.Change)
	})
}

// ask hands each line of an answer to yield.
func ask[Q, L any](ctx context.Context, c *Client, path string, q Q, yield func(*L) error) error {
	data, err := json.Marshal(q)
	if err != nil {
		return err
	}
	body, err := c.do(ctx, http.MethodPost, path, data)
	if err != nil {
		return err
	}
	return lines(ctx, body, yield)
}

// lines hands each line of an answer to yield.
func lines[L any](ctx context.Context, body io.ReadCloser, yield func(*L) error) error {
	defer body.Close()
	d := json.NewDecoder(body)
	for {
		var line L
		err := d.Decode(&line)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return fmt.Errorf("%w: %w", ErrLost, err)
		}
		if err := yield(&line); err != nil {
			return err
		}
	}
}

// Reload makes the owner read its configuration again.
func (c *Client) Reload(ctx context.Context) error { return c.post(ctx, "/v1/reload") }

// Forget makes the owner forget a destination's snapshots.
func (c *Client) Forget(ctx context.Context, destination string) error {
	return c.post(ctx, "/v1/forget?name="+url.QueryEscape(destination))
}

func (c *Client) post(ctx context.Context, path string) error {
	body, err := c.do(ctx, http.MethodPost, path, nil)
	if err != nil {
		return err
	}
	return body.Close()
}

func (c *Client) do(ctx context.Context, method, path string, data []byte) (io.ReadCloser, error) {
	return (&line{path: c.path}).do(ctx, method, path, data)
}

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
		l.conn.CloseWrite()
	}
}

// do sends a request and gives the body of the answer, or the error that came in its place.
func (l *line) do(ctx context.Context, method, path string, data []byte) (io.ReadCloser, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://slotfs"+path, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	client := http.Client{Transport: &http.Transport{DialContext: l.dial, DisableKeepAlives: true}}
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
