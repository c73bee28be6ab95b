// Package api is how commands talk to the process that owns the index: HTTP on the Unix socket
// STATE-DIR/control.sock, which only its owner can open. It must not know what a pass or a mount is made of.
//
//	GET  /v1/status           the report, one JSON object; with ?brief what takes no time only
//	GET  /v1/seen             what only the owner knows of accounts and destinations, one JSON object: alarm.Seen
//	POST /v1/index            body: passes.Request; answer: one progress.Event per line until the pass is over.
//	                          Who hangs up ends the pass.
//	POST /v1/find             body: browse.Query; answer: one browse.Match per line, and a line with "failure" if it ends early
//	POST /v1/diff             body: browse.Pair; answer: one browse.Change per line, and a line with "failure" if it ends early
//	GET  /v1/node?id=N        what is shown at a node id, one JSON object; /v1/lookup?id=N&name=S: a name in a directory
//	GET  /v1/list?id=N        what is in a directory, one node per line, and a line with "failure" if it ends early
//	GET  /v1/content?id=N&offset=O&length=L   bytes of a file; the trailer Slotfs-Failure says why they end early
//	POST /v1/reload           the configuration is read again
//	POST /v1/forget?name=N    snapshots of a destination are forgotten and its connections closed
//
// What goes wrong before an answer begins is status 400 or above with {"error", "hint", "code"}, code being the exit
// code.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"time"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/progress"
	"slotfs/cmd/internal/service/alarm"
	"slotfs/cmd/internal/service/browse"
	"slotfs/cmd/internal/service/passes"
)

// ErrNoOwner says that nobody serves the socket.
var ErrNoOwner = errors.New("no other slotfs has the index")

// ErrLost says that the process that had the index ended before its answer did.
var ErrLost = errors.New("the process that had the index ended")

// ErrOwned says that a live process serves the socket.
var ErrOwned = errors.New("another slotfs serves the control socket")

// Indexer makes passes.
type Indexer interface {
	Index(ctx context.Context, q passes.Request, emit func(progress.Event)) error
}

// Browser shows what a mount shows, finds names in it, and compares.
type Browser interface {
	Tree(ctx context.Context) (browse.Tree, error)
	Find(ctx context.Context, q browse.Query, yield func(browse.Match) error) error
	Diff(ctx context.Context, q browse.Pair, yield func(browse.Change) error) error
}

// Keeper tells and changes the owner's state.
type Keeper interface {
	// Report tells about the owner; brief leaves out what takes time to count.
	Report(ctx context.Context, brief bool) (*Report, error)
	Reload(ctx context.Context) error
	Forget(ctx context.Context, destination string) error
}

// Observer tells what only the process that has the index knows, for alarms and metrics.
type Observer interface {
	Seen(ctx context.Context) (alarm.Seen, error)
}

// Service is all that the process that owns the index does for others.
type Service interface {
	Indexer
	Browser
	Keeper
	Observer
}

// maxRequest bounds the body of a request.
const maxRequest = 1 << 20

// Server serves the socket.
type Server struct {
	http     *http.Server
	listener net.Listener
}

// Listen takes the socket at path, replacing that of a process which is gone, to answer for o. The caller owns
// the index, so that two processes never replace each other's socket. Requests end with ctx.
func Listen(ctx context.Context, path string, o Service) (*Server, error) {
	d := net.Dialer{Timeout: time.Second}
	if c, err := d.Dial("unix", path); err == nil {
		c.Close()
		return nil, exit.With(fmt.Errorf("%s: %w", path, ErrOwned), exit.Busy, "")
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("control socket: %w", err)
	}
	return &Server{listener: l, http: &http.Server{Handler: handler(o), ReadHeaderTimeout: 10 * time.Second,
		BaseContext: func(net.Listener) context.Context { return ctx }}}, nil
}

// Serve answers until Close.
func (s *Server) Serve() error {
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("control socket: %w", err)
	}
	return nil
}

// lastWords is how long requests whose context ended may take to say so.
const lastWords = 5 * time.Second

// Close removes the socket and ends all requests. Their context must have ended before.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), lastWords)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = s.http.Close()
	}
	s.listener.Close() // Serve may not have begun
	return err
}

func handler(o Service) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, r *http.Request) {
		report, err := o.Report(r.Context(), r.URL.Query().Has("brief"))
		answer(w, report, err)
	})
	mux.HandleFunc("GET /v1/seen", func(w http.ResponseWriter, r *http.Request) {
		seen, err := o.Seen(r.Context())
		answer(w, seen, err)
	})
	mux.HandleFunc("POST /v1/index", func(w http.ResponseWriter, r *http.Request) { serveIndex(o, w, r) })
	mux.HandleFunc("POST /v1/find", func(w http.ResponseWriter, r *http.Request) { serveFind(o, w, r) })
	mux.HandleFunc("POST /v1/diff", func(w http.ResponseWriter, r *http.Request) { serveDiff(o, w, r) })
	mux.HandleFunc("POST /v1/reload", func(w http.ResponseWriter, r *http.Request) {
		answer(w, struct{}{}, o.Reload(r.Context()))
	})
	mux.HandleFunc("POST /v1/forget", func(w http.ResponseWriter, r *http.Request) {
		answer(w, struct{}{}, o.Forget(r.Context(), r.URL.Query().Get("name")))
	})
	handleBrowse(mux, o)
	return mux
}

func serveIndex(o Indexer, w http.ResponseWriter, r *http.Request) {
	var q passes.Request
	if !request(w, r, &q) {
		return
	}
	flush := http.NewResponseController(w)
	out := json.NewEncoder(w)
	began := false
	err := o.Index(r.Context(), q, func(e progress.Event) {
		began = true
		if out.Encode(e) == nil {
			flush.Flush()
		}
	})
	if !began {
		answer(w, struct{}{}, err)
	}
}

// found is a line of the answer to a browse.Query.
type found struct {
	browse.Match
	Failure *failure `json:"failure,omitempty"`
}

func serveFind(o Browser, w http.ResponseWriter, r *http.Request) {
	var q browse.Query
	if !request(w, r, &q) {
		return
	}
	out := json.NewEncoder(w)
	began := false
	err := o.Find(r.Context(), q, func(m browse.Match) error {
		began = true
		return out.Encode(found{Match: m})
	})
	switch {
	case err != nil && began:
		abort(r)
		out.Encode(found{Failure: failureOf(err)})
	case err != nil:
		answer(w, nil, err)
	}
}

// abort breaks the connection off if this process ends, or nobody waits any more: the answer is not told to be whole, nor to
// have failed, and whoever asked asks the next process that has the index.
func abort(r *http.Request) {
	if r.Context().Err() != nil {
		panic(http.ErrAbortHandler)
	}
}

// request reads the body of a request.
func request(w http.ResponseWriter, r *http.Request, q any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
	d.DisallowUnknownFields()
	if err := d.Decode(q); err != nil {
		answer(w, nil, exit.Usagef("request: %w", err))
		return false
	}
	return true
}

// answer writes a result or an error.
func answer(w http.ResponseWriter, result any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		status := http.StatusInternalServerError
		if errors.Is(err, fs.ErrNotExist) {
			status = http.StatusNotFound
		}
		w.WriteHeader(status)
		result = failureOf(err)
	}
	json.NewEncoder(w).Encode(result)
}
