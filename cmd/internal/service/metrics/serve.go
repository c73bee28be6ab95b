package metrics

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"slotfs/cmd/internal/exit"
)

// NewRegistry gathers what values gives, and reads if there are any.
func NewRegistry(values func() *Values, reads *Reads) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(&collector{values})
	if reads != nil {
		r.MustRegister(reads.seconds, reads.bytes)
	}
	return r
}

// Server answers GET /metrics.
type Server struct {
	http     *http.Server
	listener net.Listener
}

// mostScrapes are answered side by side.
const mostScrapes = 4

// Listen takes an address. The error has the cure.
func Listen(address string, r *prometheus.Registry, log *slog.Logger) (*Server, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, exit.Hinted(fmt.Errorf("metrics: %w", err), "choose another address with listen in [metrics]")
	}
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(r, promhttp.HandlerOpts{MaxRequestsInFlight: mostScrapes, Timeout: time.Minute,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}))
	return &Server{listener: l, http: &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10}}, nil
}

// Serve answers until ctx ends.
func (s *Server) Serve(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { s.http.Close() })()
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("metrics: %w", err)
	}
	return nil
}

// Write replaces a text file for node_exporter, atomically. The error has the cure.
func Write(path string, r *prometheus.Registry) error {
	if err := prometheus.WriteToTextfile(path, r); err != nil {
		var at *fs.PathError
		if errors.As(err, &at) {
			err = at.Err // its path is that of a temporary file
		}
		return exit.Hinted(fmt.Errorf("metrics: text file %s not written: %w", path, err), "make the directory of textfile in [metrics], writable by the user that slotfs runs as")
	}
	return nil
}
