// Package api is how commands, pages and other programs talk to the process that owns the index: HTTP/1.1 below /api/v1, described by
// the OpenAPI 3.1 document that it serves as /api/v1/openapi.json, over the Unix socket STATE-DIR/control.sock, which only its owner can
// open, and over whatever listeners a service adds. Each request has the identity of who asks. It must not know what a pass or a mount
// is made of.
//
// What goes wrong before an answer begins is status 400 or above with {"error", "hint", "code", "kinds"}, code being the exit code.
package api

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/login"
	"slotfs/cmd/internal/progress"
	"slotfs/cmd/internal/service/alarm"
	"slotfs/cmd/internal/service/audit"
	"slotfs/cmd/internal/service/browse"
	"slotfs/cmd/internal/service/destinations"
	"slotfs/cmd/internal/service/jobs"
	"slotfs/cmd/internal/service/passes"
	"slotfs/cmd/internal/service/scrubs"
	"slotfs/cmd/internal/state"
)

// ErrNoOwner says that nobody serves the socket.
var ErrNoOwner = passes.ErrNoOwner

// ErrLost says that the process that had the index ended before its answer did.
var ErrLost = errors.New("the process that had the index ended")

// ErrOwned says that a live process serves the socket.
var ErrOwned = errors.New("another slotfs serves the control socket")

// Indexer makes passes.
type Indexer interface {
	Index(ctx context.Context, q passes.Request, emit func(progress.Event)) error
}

// Verifier reads backups again.
type Verifier interface {
	Verify(ctx context.Context, q scrubs.Request, emit func(scrubs.Event)) error
}

// Browser shows what a mount shows to somebody, finds names in it, and compares.
type Browser interface {
	Tree(ctx context.Context, who login.Identity) (browse.Paged, error)
	Find(ctx context.Context, who login.Identity, q browse.Query, yield func(browse.Match) error) error
	Diff(ctx context.Context, who login.Identity, q browse.Pair, yield func(browse.Change) error) error
}

// Cataloger tells which snapshots somebody may see.
type Cataloger interface {
	Catalog(ctx context.Context, who login.Identity) (*Catalog, error)
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
	// Health is the report with what is wrong.
	Health(ctx context.Context) (*Report, error)
}

// Installation is what handlers work with beside the index.
type Installation interface {
	Config() (*config.Config, error)
	StateDir() state.Dir
	// Record adds to the audit record.
	Record(r audit.Record)
	// OpenStore connects to a destination that slots are written to, with its first use.
	OpenStore(d *config.Destination) (jobs.Store, error)
}

// Launcher runs commands of this program.
type Launcher interface {
	Command(ctx context.Context, args ...string) (*exec.Cmd, error)
}

// Service is all that the process that owns the index does for others.
type Service interface {
	Indexer
	Verifier
	Browser
	Cataloger
	Keeper
	Observer
	Installation
	Launcher
	Packer
	destinations.Connector
}

// Server serves a listener.
type Server struct {
	http     *http.Server
	listener net.Listener
}

// Listen takes the socket at path, replacing that of a process which is gone, for h to answer root. The caller owns
// the index, so that two processes never replace each other's socket. Requests end with ctx.
func Listen(ctx context.Context, path string, h http.Handler) (*Server, error) {
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
	return &Server{listener: l, http: &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second,
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
