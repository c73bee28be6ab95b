package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/browse"
	"slotfs/fs"
	"slotfs/fs/view"
	"slotfs/indexer/backup"
)

// node is a browse.Node on its way over the socket.
type node struct {
	ID       uint64           `json:"id"`
	Name     browse.Bytes     `json:"name"`
	Attr     view.Attr        `json:"attr"`
	Target   browse.Bytes     `json:"target,omitempty"`
	Xattrs   []xattr          `json:"xattrs,omitempty"`
	Sparse   bool             `json:"sparse,omitempty"`
	Extents  []backup.Extent  `json:"extents,omitempty"`
	Snapshot *browse.Snapshot `json:"snapshot,omitempty"`
	Recorded *browse.Recorded `json:"recorded,omitempty"`
	Failure  *failure         `json:"failure,omitempty"` // in place of all else: a list ends early
}

type xattr struct {
	Name  browse.Bytes `json:"name"`
	Value browse.Bytes `json:"value"`
}

func nodeOf(n *browse.Node) *node {
	out := &node{ID: n.ID, Name: browse.Bytes(n.Name), Attr: n.Attr, Target: browse.Bytes(n.Target), Sparse: n.Extents != nil,
		Extents: n.Extents, Snapshot: n.Snapshot, Recorded: n.Recorded}
	for _, x := range n.Xattrs {
		out.Xattrs = append(out.Xattrs, xattr{browse.Bytes(x.Name), browse.Bytes(x.Value)})
	}
	return out
}

func (n *node) node() browse.Node {
	out := browse.Node{ID: n.ID, Name: string(n.Name), Attr: n.Attr, Target: string(n.Target), Extents: n.Extents, Snapshot: n.Snapshot, Recorded: n.Recorded}
	if n.Sparse && out.Extents == nil {
		out.Extents = []backup.Extent{}
	}
	for _, x := range n.Xattrs {
		out.Xattrs = append(out.Xattrs, backup.Xattr{Name: string(x.Name), Value: string(x.Value)})
	}
	return out
}

// handleBrowse answers what Tree asks.
func handleBrowse(mux *http.ServeMux, o Browser) {
	mux.HandleFunc("GET /v1/node", func(w http.ResponseWriter, r *http.Request) {
		serveNode(o, w, r, func(t browse.Tree, id uint64) (browse.Node, error) { return t.Node(r.Context(), id) })
	})
	mux.HandleFunc("GET /v1/lookup", func(w http.ResponseWriter, r *http.Request) {
		serveNode(o, w, r, func(t browse.Tree, id uint64) (browse.Node, error) {
			return t.Lookup(r.Context(), id, r.URL.Query().Get("name"))
		})
	})
	mux.HandleFunc("GET /v1/list", func(w http.ResponseWriter, r *http.Request) { serveList(o, w, r) })
	mux.HandleFunc("GET /v1/content", func(w http.ResponseWriter, r *http.Request) { serveContent(o, w, r) })
}

// number reads a parameter of a request.
func number(r *http.Request, name string) (uint64, error) {
	n, err := strconv.ParseUint(r.URL.Query().Get(name), 10, 64)
	if err != nil {
		return 0, exit.Usagef("request: %s: %w", name, err)
	}
	return n, nil
}

// asked is the tree and the node that a request is about.
func asked(o Browser, r *http.Request) (browse.Tree, uint64, error) {
	id, err := number(r, "id")
	if err != nil {
		return nil, 0, err
	}
	t, err := o.Tree(r.Context())
	return t, id, err
}

func serveNode(o Browser, w http.ResponseWriter, r *http.Request, find func(browse.Tree, uint64) (browse.Node, error)) {
	t, id, err := asked(o, r)
	var n browse.Node
	if err == nil {
		n, err = find(t, id)
	}
	answer(w, nodeOf(&n), err)
}

func serveList(o Browser, w http.ResponseWriter, r *http.Request) {
	t, id, err := asked(o, r)
	if err != nil {
		answer(w, nil, err)
		return
	}
	out := json.NewEncoder(w)
	if err := t.List(r.Context(), id, func(n *browse.Node) error { return out.Encode(nodeOf(n)) }); err != nil {
		abort(r)
		out.Encode(node{Failure: failureOf(err)})
	}
}

const (
	// contentPiece is what is read at once of a file that is sent.
	contentPiece = 1 << 20
	// trailerFailure has what ended the content early, as JSON; a content without it is whole.
	trailerFailure = "Slotfs-Failure"
)

// serveContent sends a file from an offset on. What goes wrong after the answer began stands in the trailer.
func serveContent(o Browser, w http.ResponseWriter, r *http.Request) {
	t, id, err := asked(o, r)
	var offset, length uint64
	if err == nil {
		offset, err = number(r, "offset")
	}
	if err == nil {
		length, err = number(r, "length")
	}
	var n browse.Node
	if err == nil {
		n, err = t.Node(r.Context(), id)
	}
	var f fs.File
	if err == nil {
		f, err = t.Open(r.Context(), &n)
	}
	if err != nil {
		answer(w, nil, err)
		return
	}
	defer f.Close()
	w.Header().Set("Trailer", trailerFailure)
	w.Header().Set("Content-Type", "application/octet-stream")
	if err := send(r.Context(), w, f, int64(offset), int64(length)); err != nil {
		abort(r)
		text, _ := json.Marshal(failureOf(err)) // it has text and a number only
		w.Header().Set(trailerFailure, string(text))
	}
}

// pieces are the buffers that contents are sent from.
var pieces = sync.Pool{New: func() any { b := make([]byte, contentPiece); return &b }}

func send(ctx context.Context, w io.Writer, f fs.File, offset, length int64) error {
	buf := pieces.Get().(*[]byte)
	defer pieces.Put(buf)
	for length > 0 {
		n, err := f.ReadAt(ctx, (*buf)[:min(length, contentPiece)], offset)
		if n > 0 {
			if _, err := w.Write((*buf)[:n]); err != nil {
				return err
			}
		}
		offset, length = offset+int64(n), length-int64(n)
		if err != nil && !(errors.Is(err, io.EOF) && length == 0) {
			return err
		}
	}
	return nil
}
