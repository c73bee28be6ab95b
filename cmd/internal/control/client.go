package control

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
	"syscall"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/passes"
	"slotfs/cmd/internal/progress"
)

// Client talks to the owner of the index.
type Client struct{ http *http.Client }

// NewClient talks over the socket at path. It does not connect yet.
func NewClient(path string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}
	return &Client{http: &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}
}

// Status fills report with what the owner tells. ErrNoOwner when there is none.
func (c *Client) Status(ctx context.Context, report any) error {
	return c.status(ctx, "/v1/status", report)
}

// Brief is Status without what takes time to count.
func (c *Client) Brief(ctx context.Context, report any) error {
	return c.status(ctx, "/v1/status?brief", report)
}

func (c *Client) status(ctx context.Context, path string, report any) error {
	body, err := c.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := json.NewDecoder(body).Decode(report); err != nil {
		return fmt.Errorf("control socket: %w", err)
	}
	return nil
}

// Index asks for passes and hands what the owner tells about them to emit. ErrNoOwner when there is none.
func (c *Client) Index(ctx context.Context, q passes.Request, emit func(progress.Event)) error {
	data, err := json.Marshal(q)
	if err != nil {
		return err
	}
	body, err := c.do(ctx, http.MethodPost, "/v1/index", data)
	if err != nil {
		return err
	}
	defer body.Close()
	d := json.NewDecoder(body)
	for {
		var e progress.Event
		err := d.Decode(&e)
		switch {
		case err == nil && e.Kind != "":
			emit(e)
		case errors.Is(err, io.EOF):
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return fmt.Errorf("the mount that made the pass went away: %w", err)
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

// do sends a request and gives the body of the answer, or the error that came in its place.
func (c *Client) do(ctx context.Context, method, path string, data []byte) (io.ReadCloser, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://slotfs"+path, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	res, err := c.http.Do(r)
	if err != nil {
		return nil, dialError(ctx, err)
	}
	if res.StatusCode == http.StatusOK {
		return res.Body, nil
	}
	defer res.Body.Close()
	var f failure
	if err := json.NewDecoder(io.LimitReader(res.Body, maxRequest)).Decode(&f); err != nil || f.Error == "" {
		return nil, fmt.Errorf("control socket: the mount answered %s", res.Status)
	}
	return nil, exit.With(errors.New(f.Error), f.Code, f.Hint)
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
	return fmt.Errorf("control socket: %w", err)
}
