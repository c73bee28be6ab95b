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
	// mostSaid bounds what is kept of a message, in bytes.
	mostSaid = 1 << 10
	// lastWords is how long a message may come behind the end of a session.
	lastWords = 300 * time.Millisecond
)

// said keeps what a server says beside the protocol.
type said struct {
	done chan struct{} // closed when no more comes

	mu   sync.Mutex // guards what follows
	text []byte
}

// listen keeps the beginning of what comes from r, and drops the rest.
func listen(r io.Reader) *said {
	s := &said{done: make(chan struct{})}
	go func() {
		defer close(s.done)
		_, _ = io.Copy(s, r)
	}()
	return s
}

// Write keeps the beginning.
func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text = append(s.text, p[:min(len(p), mostSaid-len(s.text))]...)
	return len(p), nil
}

// words are what was said, as one line; empty if it is no text.
func (s *said) words() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return foreign.Line(s.text)
}

// channel is an SSH channel that keeps what the server says on its standard error.
type channel struct {
	ssh.Channel
	said   *said
	status atomic.Int64  // that the server ended with; -1: it did not tell
	over   chan struct{} // closed when the server has nothing more to tell
}

// newChannel listens to what the server says beside the protocol.
func newChannel(opened ssh.Channel, requests <-chan *ssh.Request) *channel {
	c := &channel{Channel: opened, said: listen(opened.Stderr()), over: make(chan struct{})}
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

// blame adds what the server said to the error of a session that did not begin.
func (c *channel) blame(err error) error {
	if errors.Is(err, ErrNoReply) {
		return err
	}
	timer := time.NewTimer(lastWords)
	defer timer.Stop()
	for _, end := range []chan struct{}{c.said.done, c.over} {
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
	if text := c.said.words(); text != "" {
		none.Said = text
	}
	return none
}
