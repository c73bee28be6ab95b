package web

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"slotfs/cmd/internal/config"
)

// boundedListener has as many connections at once as free holds.
type boundedListener struct {
	net.Listener
	free chan struct{}
}

// Accept implements net.Listener. What is beyond the bound is closed at once: whoever holds connections open keeps nobody waiting
// without a word.
func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.free <- struct{}{}:
			return &boundedConn{Conn: conn, leave: sync.OnceFunc(func() { <-l.free })}, nil
		default:
			conn.Close()
		}
	}
}

// boundedConn makes room for another one when it is closed.
type boundedConn struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (c *boundedConn) Close() error {
	c.leave()
	return c.Conn.Close()
}

// CloseWrite is what net/http ends a connection with whose request it does not read to the end, so that the answer arrives.
func (c *boundedConn) CloseWrite() error {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		return tcp.CloseWrite()
	}
	return nil
}

// certificate is one in files that somebody replaces from time to time.
type certificate struct {
	cert, key string
	log       *slog.Logger
	now       func() time.Time

	mu sync.Mutex
	// mu guards what follows.
	looked time.Time
	files  [2]time.Time // when they were changed
	known  *tls.Certificate
}

// lookInterval is how often it is looked whether the files changed.
const lookInterval = time.Second

// get is the certificate of the files, or the last good one while they are no pair.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known != nil && c.now().Sub(c.looked) < lookInterval {
		return c.known, nil
	}
	c.looked = c.now()
	files := [2]time.Time{changed(c.cert), changed(c.key)}
	if c.known != nil && files == c.files {
		return c.known, nil
	}
	next, err := c.load()
	if err != nil && c.known == nil {
		return nil, err
	}
	c.files = files
	if err != nil {
		c.log.Error("web: the certificate is not used", "error", err)
		return c.known, nil
	}
	c.known = next
	return next, nil
}

func (c *certificate) load() (*tls.Certificate, error) {
	if err := config.Private(c.key); err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return nil, fmt.Errorf("certificate %s: %w", c.cert, err)
	}
	return &pair, nil
}

// changed is when a file was changed last; zero: it is not there.
func changed(path string) time.Time {
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// patientWriter gives up on a visitor who takes no byte for so long.
type patientWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	stall   time.Duration
	status  int
	written int64
}

// Write implements io.Writer.
func (w *patientWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	_ = w.control.SetWriteDeadline(time.Now().Add(w.stall))
	n, err := w.ResponseWriter.Write(p)
	w.written += int64(n)
	return n, err
}

// WriteHeader implements http.ResponseWriter.
func (w *patientWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Flush implements http.Flusher.
func (w *patientWriter) Flush() { _ = w.FlushError() }

// FlushError is what http.ResponseController calls.
func (w *patientWriter) FlushError() error {
	_ = w.control.SetWriteDeadline(time.Now().Add(w.stall))
	return w.control.Flush()
}

// Unwrap is what http.ResponseController calls.
func (w *patientWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
