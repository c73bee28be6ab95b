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
	// lineRead is how much is taken from the network at a time. Package ssh reads in pieces of 4 KiB and of what is left of
	// a packet.
	readSize = 128 << 10
	// note is how long the shortest of packets are, those that widen a channel's window. There is one for every piece
	// that is read of a channel; by themselves they cost both sides more than what they are about.
	note = 48
	// notes is how many bytes of them wait for each other or for something longer, notesWait how long: too little for the window
	// to be used up.
	notes     = 8 * note
	notesWait = 500 * time.Microsecond
)

// idleConn is a network connection that dies of silence: every read and write must get somewhere within idle.
type idleConn struct {
	net.Conn
	idle atomic.Int64 // nanoseconds; 0: as set by hand

	// What follows belongs to the one goroutine that reads.
	room, in []byte
	rearm    time.Time // when the read deadline is moved again

	mu sync.Mutex // guards what follows
	// out waits for being written.
	out     []byte
	waiting bool // for notesWait
	err     error
}

func (w *idleConn) Read(p []byte) (int, error) {
	if len(w.in) == 0 {
		if w.room == nil {
			w.room = make([]byte, readSize)
		}
		if err := w.armRead(); err != nil {
			return 0, err
		}
		n, err := w.Conn.Read(w.room)
		if n == 0 {
			return 0, err
		}
		w.in = w.room[:n]
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

// Write sends p, or keeps it for a moment if it is so short that it can only be a note. An error may be that of an earlier one.
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
	if len(p) > note || len(w.out) >= notes {
		if err := w.flush(); err != nil {
			return 0, err
		}
		return len(p), nil
	}
	if !w.waiting {
		w.waiting = true
		time.AfterFunc(notesWait, w.late)
	}
	return len(p), nil
}

// late sends notes that nothing longer came after.
func (w *idleConn) late() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting = false
	if w.err == nil {
		_ = w.flush() // the next write tells
	}
}

// flush needs w.mu.
func (w *idleConn) flush() error {
	if len(w.out) == 0 {
		return nil
	}
	if w.err = w.SetWriteDeadline(time.Now().Add(time.Duration(w.idle.Load()))); w.err == nil {
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
