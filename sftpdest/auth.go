package sftpdest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"slotfs/indexer/dest"
)

// credentials are what a Destination logs in with. Secrets are asked for once.
type credentials struct {
	settings Settings
	agent    string

	mu       sync.Mutex // guards what follows
	signer   ssh.Signer
	password Secret
	asked    int // how often
}

// attempt is one log-in: it notes what was tried.
type attempt struct {
	mu    sync.Mutex // guards what follows
	tried []string
	taken bool         // the server took a key, and wants more
	asked string       // what it asked last
	given int          // passwords
	hold  func(func()) // runs something while the time to log in stands still
	err   error        // why a secret could not be had
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
		return fmt.Errorf("the server asks %s", show(a.asked))
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

// methods prepares a log-in. close gives the agent's connection back. What cannot be used (a key file that is not
// there, a wrong passphrase) is an error before anything is sent.
func (c *credentials) methods(ctx context.Context, a *attempt) (methods []ssh.AuthMethod, close func(), err error) {
	close = func() {}
	s := c.settings
	hasPassword := s.Password != "" || s.AskPassword != nil
	var signers func() ([]ssh.Signer, error)
	switch {
	case s.IdentityFile != "":
		signer, err := c.identity(ctx)
		if err != nil {
			return nil, close, err
		}
		signers = func() ([]ssh.Signer, error) { return []ssh.Signer{signer}, nil }
	case c.agent != "" && !hasPassword:
		// An agent that is gone is no key; there may be nothing else, which is said elsewhere.
		if socket, err := (&net.Dialer{}).DialContext(ctx, "unix", c.agent); err == nil {
			close = func() { socket.Close() }
			signers = agent.NewClient(socket).Signers
		}
	}
	if signers != nil {
		methods = append(methods, ssh.PublicKeysCallback(func() ([]ssh.Signer, error) {
			a.note("publickey")
			all, err := signers()
			return noted(all, a.take), err
		}))
	}
	if hasPassword {
		password := ssh.PasswordCallback(func() (string, error) {
			a.note("password")
			return c.secret(ctx, a)
		})
		interactive := ssh.AuthMethod(ssh.KeyboardInteractive(c.answer(ctx, a)))
		if tries := c.tries(); tries > 1 {
			password, interactive = ssh.RetryableAuthMethod(password, tries), ssh.RetryableAuthMethod(interactive, tries)
		}
		methods = append(methods, password, interactive)
	}
	return methods, close, nil
}

// answer answers the one hidden question that servers ask instead of the password method. A second round of questions means
// that the answer was wrong: it is not given again, unless somebody can be asked, and the question is the same.
func (c *credentials) answer(ctx context.Context, a *attempt) ssh.KeyboardInteractiveChallenge {
	given, before := false, ""
	return func(_, instruction string, questions []string, echos []bool) ([]string, error) {
		a.note("keyboard-interactive")
		answers := make([]string, len(questions))
		for i, question := range questions {
			a.ask(words([]byte(instruction + " " + question)))
			again := c.tries() > 1 && question == before
			if echos[i] || given && !again {
				return nil, errors.New("the server asks something other than the password")
			}
			password, err := c.secret(ctx, a)
			if err != nil {
				return nil, err
			}
			answers[i], given, before = password, true, question
		}
		return answers, nil
	}
}

// tries is how often a password is tried in one log-in by one method.
func (c *credentials) tries() int {
	if c.settings.AskPassword == nil {
		return 1
	}
	return max(1, c.settings.PasswordTries)
}

// errNoMore says that nobody is asked again.
var errNoMore = errors.New("no further password")

// secret is the password. Where it was refused a moment ago and may be asked for again, it is.
func (c *credentials) secret(ctx context.Context, a *attempt) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.settings.Password != "" {
		return string(c.settings.Password), nil
	}
	a.given++
	again := a.given > 1 && c.tries() > 1
	if again && c.asked >= c.tries() {
		return "", errNoMore
	}
	if c.asked == 0 || again {
		var password Secret
		var err error
		a.hold(func() { password, err = c.settings.AskPassword(ctx) })
		if err != nil {
			a.failed(err)
			return "", err
		}
		c.password = password
		c.asked++
	}
	return string(c.password), nil
}

// identity reads the private key once.
func (c *credentials) identity(ctx context.Context) (ssh.Signer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.signer != nil {
		return c.signer, nil
	}
	file := c.settings.IdentityFile
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, &IdentityError{File: file, Err: err}
	}
	signer, err := ssh.ParsePrivateKey(pem)
	var locked *ssh.PassphraseMissingError
	if errors.As(err, &locked) {
		signer, err = c.unlock(ctx, pem)
	}
	if err != nil {
		return nil, &IdentityError{File: file, Err: err}
	}
	c.signer = signer
	return signer, nil
}

func (c *credentials) unlock(ctx context.Context, pem []byte) (ssh.Signer, error) {
	passphrase := c.settings.Passphrase
	if passphrase == "" && c.settings.AskPassphrase != nil {
		var err error
		if passphrase, err = c.settings.AskPassphrase(ctx); err != nil {
			return nil, err
		}
	}
	if passphrase == "" {
		return nil, errors.New("the key is protected by a passphrase")
	}
	signer, err := ssh.ParsePrivateKeyWithPassphrase(pem, []byte(passphrase))
	if err != nil {
		// What the parser says about it is of no use, and must not show what was tried.
		return nil, errors.New("the passphrase does not open the key")
	}
	return signer, nil
}

// IdentityError says that the private key cannot be used.
type IdentityError struct {
	File string
	Err  error
}

func (e *IdentityError) Error() string {
	var at *os.PathError
	if errors.As(e.Err, &at) {
		return fmt.Sprintf("identity file %s: %v", show(e.File), at.Err)
	}
	return fmt.Sprintf("identity file %s: %v", show(e.File), e.Err)
}

// Unwrap makes it dest.ErrAuth. That a local file is missing must not look like a missing remote one.
func (e *IdentityError) Unwrap() error { return dest.ErrAuth }

// Hint tells the cure.
func (e *IdentityError) Hint() string {
	return "the identity file must be a private key that this user can read, with its passphrase if it has one"
}
