// Package auth connects to a server and logs in: host keys, credentials, the key that is installed for a destination. It knows SSH, and of
// what comes behind the log-in only that it is there.
package auth

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"slotfs/sftpdest/foreign"
	"slotfs/sftpdest/settings"
)

// NewCredentials are those that s names, or the keys of the agent at the socket.
func NewCredentials(s settings.Settings, agent string) *Credentials {
	return &Credentials{settings: s, agent: agent}
}

// Credentials are what a Destination logs in with. Secrets are asked for once.
type Credentials struct {
	settings settings.Settings
	agent    string

	mu sync.Mutex
	// mu guards what follows.
	signer   ssh.Signer
	password settings.Secret
	asked    int // how often
}

// methods prepares a log-in. close gives the agent's connection back. What cannot be used (a key file that is not
// there, a wrong passphrase) is an error before anything is sent.
func (c *Credentials) methods(ctx context.Context, a *attempt) (methods []ssh.AuthMethod, close func(), err error) {
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
			return notingSigners(all, a.take), err
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
func (c *Credentials) answer(ctx context.Context, a *attempt) ssh.KeyboardInteractiveChallenge {
	given, before := false, ""
	return func(_, instruction string, questions []string, echos []bool) ([]string, error) {
		a.note("keyboard-interactive")
		answers := make([]string, len(questions))
		for i, question := range questions {
			a.ask(foreign.Line([]byte(instruction + " " + question)))
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
func (c *Credentials) tries() int {
	if c.settings.AskPassword == nil {
		return 1
	}
	return max(1, c.settings.PasswordTries)
}

// errNoMore says that nobody is asked again.
var errNoMore = errors.New("no further password")

// secret is the password. Where it was refused a moment ago and may be asked for again, it is.
func (c *Credentials) secret(ctx context.Context, a *attempt) (string, error) {
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
		var password settings.Secret
		var err error
		a.pauseTimer(func() { password, err = c.settings.AskPassword(ctx) })
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
func (c *Credentials) identity(ctx context.Context) (ssh.Signer, error) {
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

func (c *Credentials) unlock(ctx context.Context, pem []byte) (ssh.Signer, error) {
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
