package sftpdest

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/ssh"
)

const (
	// mostSaid bounds what is kept of a message, in bytes.
	mostSaid = 1 << 10
	// lastWords is how long a message may come behind the end of a session.
	lastWords = 300 * time.Millisecond
)

// NoSFTPError says that the server let the user in and does not speak SFTP with him: a login script prints something, a command
// is forced, or the account lacks something.
type NoSFTPError struct {
	Said   string // by the server, instead of SFTP or on its standard error; may be empty
	Status int    // that it ended with; -1: it did not tell
	Err    error
}

func (e *NoSFTPError) Error() string {
	switch {
	case e.Said == "" && e.Status >= 0:
		return fmt.Sprintf("start sftp: the server ends the session with status %d and says nothing", e.Status)
	case e.Said == "":
		return fmt.Sprintf("start sftp: %v", e.Err)
	}
	return "start sftp: the server says " + show(e.Said)
}

// Unwrap gives the cause.
func (e *NoSFTPError) Unwrap() error { return unended(e.Err) }

// Hint tells the cure.
func (e *NoSFTPError) Hint() string {
	return "log in with `sftp` and see: login scripts must print nothing where there is no terminal (.bashrc), no other command may be forced, and the account must not ask for a new password"
}

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
	return words(s.text)
}

// words makes one line of the text that p begins with.
func words(p []byte) string {
	var text []rune
	for len(p) > 0 {
		r, n := utf8.DecodeRune(p)
		if r == utf8.RuneError && n <= 1 || !unicode.IsPrint(r) && !unicode.IsSpace(r) && r != 0x1b {
			break
		}
		text, p = append(text, r), p[n:]
	}
	return strings.Join(strings.Fields(string(text)), " ")
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
	if errors.Is(err, errMute) {
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

// noteSigner tells when a signature is asked for: then the server takes the key.
type noteSigner struct {
	ssh.AlgorithmSigner
	signed func()
}

func (n *noteSigner) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	n.signed()
	return n.AlgorithmSigner.Sign(rand, data)
}

func (n *noteSigner) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	n.signed()
	return n.AlgorithmSigner.SignWithAlgorithm(rand, data, algorithm)
}

// noted makes signers tell when they are used.
func noted(all []ssh.Signer, signed func()) []ssh.Signer {
	out := make([]ssh.Signer, len(all))
	for i, s := range all {
		out[i] = s
		if a, ok := s.(ssh.AlgorithmSigner); ok {
			out[i] = &noteSigner{a, signed}
		}
	}
	return out
}
