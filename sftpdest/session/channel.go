package session

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"slotfs/sftpdest/foreign"
)

const (
	// maxMessage is how many bytes of a message are kept.
	maxMessage = 1 << 10
	// messageDelay is how long after the end of a session its message may arrive.
	messageDelay = 300 * time.Millisecond
)

// message is the text that a server sends beside the protocol.
type message struct {
	done chan struct{} // closed when no more comes

	mu   sync.Mutex // guards what follows
	text []byte
}

// readMessage keeps the beginning of r, and reads and drops the rest.
func readMessage(r io.Reader) *message {
	s := &message{done: make(chan struct{})}
	go func() {
		defer close(s.done)
		_, _ = io.Copy(s, r)
	}()
	return s
}

// Write keeps the beginning.
func (s *message) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text = append(s.text, p[:min(len(p), maxMessage-len(s.text))]...)
	return len(p), nil
}

// line is the message as one line; empty if it is no text.
func (s *message) line() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return foreign.Line(s.text)
}

// channel is an SSH channel that keeps what the server says on its standard error.
type channel struct {
	ssh.Channel
	message *message
	status  atomic.Int64  // that the server ended with; -1: it did not tell
	over    chan struct{} // closed when the server has nothing more to tell
}

// newChannel reads what the server sends beside the protocol.
func newChannel(opened ssh.Channel, requests <-chan *ssh.Request) *channel {
	c := &channel{Channel: opened, message: readMessage(opened.Stderr()), over: make(chan struct{})}
	c.status.Store(-1)
	go func() {
		defer close(c.over)
		for r := range requests {
			var exit struct{ Status uint32 }
			if r.Type == "exit-status" && ssh.Unmarshal(r.Payload, &exit) == nil {
				c.status.Store(int64(exit.Status))
			}
			if r.WantReply {
				_ = r.Reply(false, nil)
			}
		}
	}()
	return c
}

// explain adds the server's message to the error of a session that did not begin.
func (c *channel) explain(err error) error {
	if errors.Is(err, ErrNoReply) {
		return err
	}
	timer := time.NewTimer(messageDelay)
	defer timer.Stop()
	for _, end := range []chan struct{}{c.message.done, c.over} {
		select {
		case <-end:
		case <-timer.C:
			timer.Reset(0)
		}
	}
	var none *NoSFTPError
	if !errors.As(err, &none) {
		none = &NoSFTPError{Err: err}
	}
	none.Status = int(c.status.Load())
	if text := c.message.line(); text != "" {
		none.Said = text
	}
	return none
}
