package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"slotfs/cmd/internal/progress"
	"slotfs/cmd/internal/service/alarm"
	"slotfs/cmd/internal/service/browse"
	"slotfs/cmd/internal/service/passes"
	"slotfs/cmd/internal/service/scrubs"
)

// Client asks the process that owns the index, over its control socket. ErrNoOwner from its methods says that there is none.
type Client struct {
	path string
	tree *remoteTree
	over *http.Client // where it is no socket: what reaches the owner
	base string       // and the address of its API
}

var _ Indexer = (*Client)(nil)

// NewClient talks over the socket at path. It does not connect yet.
func NewClient(path string) *Client { return &Client{path: path, tree: newRemoteTree(path)} }

// NewRemoteClient asks the owner of another machine's index, whose page lies at base, with an HTTP client that is logged in there. Only
// Health, Find and the methods that read as they do work.
func NewRemoteClient(over *http.Client, base string) *Client {
	return &Client{tree: &remoteTree{http: over}, over: over, base: base + Prefix}
}

// Tree is what the owner shows.
func (c *Client) Tree() browse.Tree { return c.tree }

// Close ends the connections that are kept.
func (c *Client) Close() error {
	c.tree.http.CloseIdleConnections()
	return nil
}

// Report tells about the owner; brief leaves out what takes time to count.
func (c *Client) Report(ctx context.Context, brief bool) (*Report, error) {
	query := url.Values{}
	if brief {
		query.Set("brief", "true")
	}
	r := new(Report)
	if err := c.get(ctx, "/status", query, r); err != nil {
		return nil, err
	}
	return r, nil
}

// Health tells about the owner, with what is wrong.
func (c *Client) Health(ctx context.Context) (*Report, error) {
	r := new(Report)
	if err := c.get(ctx, "/status", url.Values{"wrong": {"true"}}, r); err != nil {
		return nil, err
	}
	return r, nil
}

// Seen tells what only the owner knows.
func (c *Client) Seen(ctx context.Context) (seen alarm.Seen, err error) {
	err = c.get(ctx, "/seen", nil, &seen)
	return seen, err
}

// Versions tells what is at a path in each snapshot of its account.
func (c *Client) Versions(ctx context.Context, p string) (all []browse.Version, err error) {
	err = c.get(ctx, "/versions", url.Values{"path": {p}}, &all)
	return all, err
}

// get asks for one JSON value.
func (c *Client) get(ctx context.Context, path string, query url.Values, into any) error {
	body, err := c.do(ctx, http.MethodGet, path+"?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	return valueIn(ctx, body, into)
}

// post sends one JSON value and asks for another one.
func (c *Client) post(ctx context.Context, path string, q, into any) error {
	data, err := json.Marshal(q)
	if err != nil {
		return err
	}
	body, err := c.do(ctx, http.MethodPost, path, data)
	if err != nil {
		return err
	}
	return valueIn(ctx, body, into)
}

// valueIn reads the one JSON value of an answer, and closes it.
func valueIn(ctx context.Context, body io.ReadCloser, into any) error {
	defer body.Close()
	err := json.NewDecoder(body).Decode(into)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return fmt.Errorf("%w: %w", ErrLost, err)
}

// endTime is how long an interrupted pass may take to end.
const endTime = 10 * time.Second

// Index asks for passes and hands what the owner tells about them to emit. When ctx
// ends it hangs up and returns when the pass has ended too, so that the next one finds nothing in its way.
func (c *Client) Index(ctx context.Context, q passes.Request, emit func(progress.Event)) error {
	return follow(ctx, c, "/passes", q, func(l *eventLine) { emit(l.Event) })
}

// Verify asks for a verification, as Index asks for passes.
func (c *Client) Verify(ctx context.Context, q scrubs.Request, emit func(scrubs.Event)) error {
	return follow(ctx, c, "/verifications", q, func(l *scrubLine) { emit(l.Event) })
}

// follow asks for something that lasts, and hands on what is told of it until it is over.
func follow[Q, L any, P interface {
	*L
	why() error
}](ctx context.Context, c *Client, path string, q Q, emit func(P)) error {
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
	body, err := line.do(patient, http.MethodPost, path, data)
	if err == nil {
		err = each(patient, body, func(l P) error {
			emit(l)
			return nil
		})
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// The lines of answers: what the route tells, or why it ends early.
type (
	eventLine struct {
		progress.Event
		failed
	}
	scrubLine struct {
		scrubs.Event
		failed
	}
	matchLine struct {
		Match
		failed
	}
	changeLine struct {
		Change
		failed
	}
)

// why is why an answer ends early; nil: the line is part of it.
func (f *failed) why() error {
	if f.Failure == nil {
		return nil
	}
	return f.Failure.err()
}

// Find hands what the owner finds to yield, whose error ends it.
func (c *Client) Find(ctx context.Context, q browse.Query, yield func(browse.Match) error) error {
	query := url.Values{"pattern": {string(q.Pattern)}}
	if q.Below != "" {
		query.Set("below", string(q.Below))
	}
	if q.Latest {
		query.Set("latest", "true")
	}
	for name, at := range map[string]time.Time{"since": q.Since, "until": q.Until} {
		if !at.IsZero() {
			query.Set(name, at.Format(time.RFC3339Nano))
		}
	}
	return ask(ctx, c, "/find", query, func(m *matchLine) error {
		return yield(browse.Match{Path: browse.Bytes(decoded(m.Path, m.PathB64)), Type: m.Type, Size: m.Size, MTime: m.MTime})
	})
}

// Diff hands each difference that the owner finds to yield, whose error ends it.
func (c *Client) Diff(ctx context.Context, q browse.Pair, yield func(browse.Change) error) error {
	return ask(ctx, c, "/diff", url.Values{"old": {string(q.Old)}, "new": {string(q.New)}}, func(m *changeLine) error { return yield(m.change()) })
}

// Reload makes the owner read its configuration again.
func (c *Client) Reload(ctx context.Context) error { return c.change(ctx, http.MethodPost, "/reload") }

// Forget makes the owner forget a destination's snapshots.
func (c *Client) Forget(ctx context.Context, destination string) error {
	return c.change(ctx, http.MethodDelete, "/destinations/"+url.PathEscape(destination)+"/snapshots")
}

func (c *Client) change(ctx context.Context, method, path string) error {
	body, err := c.do(ctx, method, path, nil)
	if err != nil {
		return err
	}
	return body.Close()
}

func (c *Client) do(ctx context.Context, method, path string, data []byte) (io.ReadCloser, error) {
	if c.over == nil {
		return (&line{path: c.path}).do(ctx, method, path, data)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return bodyOf(ctx, c.over, r)
}

// ask hands each line of an answer to yield.
func ask[L any, P interface {
	*L
	why() error
}](ctx context.Context, c *Client, path string, query url.Values, yield func(P) error) error {
	body, err := c.do(ctx, http.MethodGet, path+"?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	return each(ctx, body, yield)
}

// each hands each line of an answer to yield.
func each[L any, P interface {
	*L
	why() error
}](ctx context.Context, body io.ReadCloser, yield func(P) error) error {
	defer body.Close()
	d := json.NewDecoder(body)
	for {
		line := P(new(L))
		err := d.Decode(line)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return fmt.Errorf("%w: %w", ErrLost, err)
		}
		if err := line.why(); err != nil {
			return err
		}
		if err := yield(line); err != nil {
			return err
		}
	}
}
