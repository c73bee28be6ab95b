package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"syscall"

	"slotfs/cmd/internal/service/browse"
	"slotfs/fs"
	"slotfs/indexer/sqldump"
)

// remoteTree is the Tree of another process, over its socket.
type remoteTree struct {
	http *http.Client
}

var (
	_ browse.Tree   = (*remoteTree)(nil)
	_ browse.Tabled = (*remoteTree)(nil)
)

// remoteConnections is how many requests are under way at once over connections that are kept.
const remoteConnections = 32

func newRemoteTree(socket string) *remoteTree {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}
	return &remoteTree{http: &http.Client{Transport: &http.Transport{DialContext: dial, MaxIdleConnsPerHost: remoteConnections}}}
}

func (t *remoteTree) get(ctx context.Context, path string, query url.Values, head http.Header) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://slotfs"+Prefix+path+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	if head != nil {
		r.Header = head
	}
	res, err := t.http.Do(r)
	if err != nil {
		return nil, dialError(ctx, err)
	}
	if res.StatusCode == http.StatusOK || res.StatusCode == http.StatusPartialContent {
		return res, nil
	}
	defer res.Body.Close()
	return nil, failureIn(res)
}

func idQuery(id uint64) url.Values { return url.Values{"id": {strconv.FormatUint(id, 10)}} }

func (t *remoteTree) node(ctx context.Context, query url.Values) (browse.Node, error) {
	res, err := t.get(ctx, "/node", query, nil)
	if err != nil {
		return browse.Node{}, err
	}
	var n Node
	if err := valueIn(ctx, res.Body, &n); err != nil {
		return browse.Node{}, err
	}
	return n.node(), nil
}

// Node implements browse.Looker.
func (t *remoteTree) Node(ctx context.Context, id uint64) (browse.Node, error) {
	return t.node(ctx, idQuery(id))
}

// Lookup implements browse.Looker.
func (t *remoteTree) Lookup(ctx context.Context, dir uint64, name string) (browse.Node, error) {
	q := idQuery(dir)
	q.Set("name", name)
	return t.node(ctx, q)
}

// remotePage is how many entries of a directory are asked for at once.
const remotePage = 4000

// List implements browse.Tree.
func (t *remoteTree) List(ctx context.Context, dir uint64, yield func(*browse.Node) error) error {
	q := idQuery(dir)
	q.Set("limit", strconv.Itoa(remotePage))
	for from := 0; ; {
		q.Set("from", strconv.Itoa(from))
		p, err := t.page(ctx, q)
		if err != nil {
			return err
		}
		for i := range p.Entries {
			n := p.Entries[i].node()
			if err := yield(&n); err != nil {
				return err
			}
		}
		from = p.Next
		if from == 0 {
			return nil
		}
	}
}

func (t *remoteTree) page(ctx context.Context, q url.Values) (p Page, err error) {
	res, err := t.get(ctx, "/list", q, nil)
	if err != nil {
		return p, err
	}
	err = valueIn(ctx, res.Body, &p)
	return p, err
}

// Open implements browse.Tree. Nothing is asked before the first read.
func (t *remoteTree) Open(_ context.Context, n *browse.Node) (fs.File, error) {
	return &remoteFile{tree: t, id: n.ID, size: n.Attr.Size}, nil
}

// Tables implements browse.Tabled.
func (t *remoteTree) Tables(ctx context.Context, n *browse.Node) (*sqldump.Contents, error) {
	res, err := t.get(ctx, "/tables", idQuery(n.ID), nil)
	if err != nil {
		return nil, err
	}
	var answer Tables
	if err := valueIn(ctx, res.Body, &answer); err != nil || !answer.Known {
		return nil, err
	}
	found := &sqldump.Contents{Head: answer.Head}
	for _, one := range answer.Tables {
		found.Tables = append(found.Tables, sqldump.Table{Name: decoded(one.Name, one.NameB64), Sections: one.Sections})
	}
	return found, nil
}

// remoteFile reads a file over the socket. Reads that follow one another come from one answer.
type remoteFile struct {
	tree *remoteTree
	id   uint64
	size int64

	mu sync.Mutex
	// mu guards what follows.
	res    *http.Response // that is read from; nil: none
	cancel context.CancelFunc
	at     int64
}

var _ fs.File = (*remoteFile)(nil)

// ReadAt implements fs.File.
func (f *remoteFile) ReadAt(ctx context.Context, p []byte, off int64) (n int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if off >= f.size {
		return 0, io.EOF
	}
	if f.res == nil || f.at != off {
		if err := f.seek(ctx, off); err != nil {
			return 0, err
		}
	}
	// The answer outlives this read; its end does not outlive ctx.
	stop := context.AfterFunc(ctx, f.cancel)
	defer stop()
	n, err = io.ReadFull(f.res.Body, p)
	f.at += int64(n)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = f.ended()
	}
	if err == nil {
		return n, nil
	}
	f.drop()
	if ctx.Err() != nil {
		return n, ctx.Err()
	}
	if errors.Is(err, syscall.ECONNRESET) {
		err = fmt.Errorf("%w: %w", ErrLost, err)
	}
	return n, err
}

// ended tells why an answer is at its end.
func (f *remoteFile) ended() error {
	if text := f.res.Trailer.Get(trailerFailure); text != "" {
		var why failure
		if json.Unmarshal([]byte(text), &why) == nil {
			return why.err()
		}
	}
	if f.at == f.size {
		return io.EOF
	}
	return fmt.Errorf("%w: %w", ErrLost, io.ErrUnexpectedEOF)
}

func (f *remoteFile) seek(ctx context.Context, off int64) error {
	f.drop()
	whole, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancel)
	defer stop()
	head := http.Header{"Te": {"trailers"}}
	if off > 0 {
		head.Set("Range", fmt.Sprintf("bytes=%d-", off))
	}
	res, err := f.tree.get(whole, "/content", idQuery(f.id), head)
	if err != nil {
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return err
	}
	f.res, f.cancel, f.at = res, cancel, off
	return nil
}

func (f *remoteFile) drop() {
	if f.res != nil {
		f.cancel()
		f.res.Body.Close()
		f.res = nil
	}
}

// Close implements fs.File.
func (f *remoteFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop()
	return nil
}
