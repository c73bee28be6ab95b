package auth

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"

	"slotfs/sftpdest/foreign"
)

// attempt is one log-in: it notes what was tried.
type attempt struct {
	mu         sync.Mutex // guards what follows
	tried      []string
	taken      bool         // the server took a key, and wants more
	asked      string       // what it asked last
	given      int          // passwords
	pauseTimer func(func()) // runs something while the time to log in stands still
	err        error        // why a secret could not be had
}

// changeRequest is in the error of package ssh about SSH_MSG_USERAUTH_PASSWD_CHANGEREQ (RFC 4252, 8), which has no type.
const changeRequest = "unexpected message type 60 "

// why tells as far as can be known why a log-in was refused.
func (a *attempt) why(err error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case strings.Contains(err.Error(), changeRequest):
		return errors.New("the password has expired: the server wants a new one")
	case a.taken:
		return errors.New("the server takes the key and wants something more: a second factor, or a new password for an account that has expired")
	case a.asked != "":
		return fmt.Errorf("the server asks %s", foreign.Show(a.asked))
	}
	return nil
}

// take notes that the server takes a key.
func (a *attempt) take() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.taken = true
}

// ask notes a question.
func (a *attempt) ask(question string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = question
}

func (a *attempt) note(method string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.tried) == 0 || a.tried[len(a.tried)-1] != method {
		a.tried = append(a.tried, method)
	}
}

// end tells what was tried, and what kept a method from being tried.
func (a *attempt) end() ([]string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.tried, a.err
}

// failed notes that a secret could not be had.
func (a *attempt) failed(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.err = err
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

// notingSigners makes signers tell when they are used.
func notingSigners(all []ssh.Signer, signed func()) []ssh.Signer {
	out := make([]ssh.Signer, len(all))
	for i, s := range all {
		out[i] = s
		if a, ok := s.(ssh.AlgorithmSigner); ok {
			out[i] = &noteSigner{a, signed}
		}
	}
	return out
}
