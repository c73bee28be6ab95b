package auth

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// readSize is how many bytes are read from the network at a time. Package ssh reads 4 KiB, and then the rest of a packet.
	readSize = 128 << 10
	// adjustSize is the size of the shortest packets, SSH_MSG_CHANNEL_WINDOW_ADJUST. Package ssh sends one for every read of a channel, and
	// a system call and a TCP segment for each cost more than the packet is worth.
	adjustSize = 48
	// maxDelayed is how many bytes of them are held back for a larger packet, and maxDelay for how long: too short for the window to be
	// used up.
	maxDelayed = 8 * adjustSize
	maxDelay   = 500 * time.Microsecond
)

// idleConn is a network connection with a time limit on idleness: a read or write that moves nothing within idle fails.
type idleConn struct {
	net.Conn
	idle atomic.Int64 // nanoseconds; 0: as set by hand

	// What follows belongs to the one goroutine that reads.
	buffer, in []byte
	rearm      time.Time // when the read deadline is moved again

	mu sync.Mutex // guards what follows
	// out is held back.
	out     []byte
	waiting bool // for maxDelay
	err     error
}

func (w *idleConn) Read(p []byte) (int, error) {
	if len(w.in) == 0 {
		if w.buffer == nil {
			w.buffer = make([]byte, readSize)
		}
		if err := w.armRead(); err != nil {
			return 0, err
		}
		n, err := w.Conn.Read(w.buffer)
		if n == 0 {
			return 0, err
		}
		w.in = w.buffer[:n]
	}
	n := copy(p, w.in)
	w.in = w.in[n:]
	return n, nil
}

// armRead moves the read deadline, but not for every packet.
func (w *idleConn) armRead() error {
	idle := time.Duration(w.idle.Load())
	if idle == 0 {
		return nil
	}
	now := time.Now()
	if now.Before(w.rearm) {
		return nil
	}
	w.rearm = now.Add(idle / 16)
	return w.SetReadDeadline(now.Add(idle + idle/16))
}

// Write sends p, or holds it back for a moment if it is so short that it can only widen a window. An error may be that of an earlier
// write.
func (w *idleConn) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return 0, w.err
	}
	if w.idle.Load() == 0 {
		return w.Conn.Write(p) // logging in
	}
	w.out = append(w.out, p...)
	if len(p) > adjustSize || len(w.out) >= maxDelayed {
		if err := w.flush(); err != nil {
			return 0, err
		}
		return len(p), nil
	}
	if !w.waiting {
		w.waiting = true
		time.AfterFunc(maxDelay, w.flushDelayed)
	}
	return len(p), nil
}

// flushDelayed sends what was held back and nothing larger followed.
func (w *idleConn) flushDelayed() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting = false
	if w.err == nil {
		_ = w.flush() // the next write tells
	}
}

// flush sends what is held back. It needs w.mu.
func (w *idleConn) flush() error {
	if len(w.out) == 0 {
		return nil
	}
	w.err = w.SetWriteDeadline(time.Now().Add(time.Duration(w.idle.Load())))
	if w.err == nil {
		_, w.err = w.Conn.Write(w.out)
	}
	w.out = w.out[:0]
	return w.err
}

// dialTimeout is how long the kernel may try to connect before it is asked anew. It asks a silent network after 1, 3, 7, 15
// and 31 seconds (tcp_syn_retries), so that it would find out late that the network is back.
const dialTimeout = 12 * time.Second

// dialTCP connects until ctx ends.
func dialTCP(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{KeepAlive: 30 * time.Second, Timeout: dialTimeout}
	for {
		c, err := d.DialContext(ctx, network, address)
		var silence net.Error
		if err == nil || ctx.Err() != nil || !errors.As(err, &silence) || !silence.Timeout() {
			return c, err
		}
	}
}
