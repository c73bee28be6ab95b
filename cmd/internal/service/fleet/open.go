package fleet

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/api"
)

// open connects to the service of a machine.
func open(ctx context.Context, h *config.FleetHost) (*connection, error) {
	u, err := url.Parse(h.URL)
	if err != nil {
		return nil, err
	}
	if u.Scheme == "ssh" {
		return openSSH(ctx, u)
	}
	return openWeb(ctx, u, h.TokenFile)
}

// stateDir is where a machine keeps its control socket unless the URL says something else.
const stateDir = "/var/lib/slotfs"

// sshArgs are the arguments with which OpenSSH forwards a local socket to the control socket behind a URL.
func sshArgs(u *url.URL, local string) []string {
	dir := u.Path
	if dir == "" || dir == "/" {
		dir = stateDir
	}
	args := []string{"-N", "-T", "-o", "BatchMode=yes", "-o", "ExitOnForwardFailure=yes", "-o", "ClearAllForwardings=no", "-o", "ControlPath=none",
		"-o", "StreamLocalBindMask=0177", "-o", fmt.Sprintf("ConnectTimeout=%d", int(Deadline/time.Second)),
		"-L", local + ":" + filepath.Join(dir, "control.sock")}
	if u.Port() != "" {
		args = append(args, "-p", u.Port())
	}
	if u.User != nil {
		args = append(args, "-l", u.User.Username())
	}
	return append(args, "--", u.Hostname())
}

// openSSH has `ssh` forward a socket of this machine, which lies in a directory of its own that only we may enter.
func openSSH(ctx context.Context, u *url.URL) (*connection, error) {
	dir, err := os.MkdirTemp("", "slotfs-fleet-")
	if err != nil {
		return nil, err
	}
	socket := filepath.Join(dir, "control.sock")
	said := &tail{}
	// The forwarding outlives the deadline of reaching the machine; whoever has the connection ends it.
	cmd := exec.Command("ssh", sshArgs(u, socket)...)
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // what it said is the error
		close(ended)
	}()
	c := &connection{client: api.NewClient(socket), end: func() {
		_ = cmd.Process.Kill() // it may have ended
		<-ended
		os.RemoveAll(dir)
	}}
	for {
		if _, err := os.Stat(socket); err == nil {
			return c, nil
		}
		select {
		case <-ctx.Done():
			c.Close()
			return nil, ctx.Err()
		case <-ended:
			c.Close()
			return nil, exit.Hinted(fmt.Errorf("ssh %s: %s", u.Hostname(), said), "ssh has to log in without asking: try it by hand once")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// tail keeps the last line of what a command says.
type tail struct{ line []byte }

const maxLine = 400

func (t *tail) Write(p []byte) (int, error) {
	t.line = append(t.line, p...)
	if i := bytes.LastIndexByte(bytes.TrimRight(t.line, "\r\n"), '\n'); i >= 0 {
		t.line = t.line[i+1:]
	}
	t.line = t.line[:min(len(t.line), maxLine)]
	return len(p), nil
}

func (t *tail) String() string {
	if text := strings.TrimSpace(string(t.line)); text != "" {
		return text
	}
	return "it ended"
}

// maxToken bounds the file with the link, in bytes.
const maxToken = 4096

// openWeb logs in to the page of a machine with the link in a file.
func openWeb(ctx context.Context, u *url.URL, tokenFile string) (*connection, error) {
	if err := config.Private(tokenFile); err != nil {
		return nil, err
	}
	file, err := os.Open(tokenFile)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxToken))
	if err != nil {
		return nil, err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}
	client := &http.Client{Transport: transport, Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if err := logIn(ctx, client, u, tokenIn(string(text))); err != nil {
		transport.CloseIdleConnections()
		return nil, err
	}
	return &connection{client: api.NewRemoteClient(client, u.String()), end: transport.CloseIdleConnections}, nil
}

// tokenIn is the token of a link, which may stand alone.
func tokenIn(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if _, token, ok := strings.Cut(line, "#"); ok {
		return strings.TrimSpace(token)
	}
	return strings.TrimSpace(line)
}

// logIn begins a session, whose cookie the client keeps.
func logIn(ctx context.Context, client *http.Client, u *url.URL, token string) error {
	body, err := json.Marshal(map[string]string{"token": token})
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.JoinPath("session").String(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := client.Do(r)
	if err != nil {
		return hidden(err)
	}
	defer res.Body.Close()
	switch res.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusUnauthorized:
		return exit.Hinted(errors.New("the link in token-file lets nobody in, or not any more"), "make a new one there: slotfs link --admin --valid 30d")
	}
	return fmt.Errorf("log in: the server answered %s", res.Status)
}

// hidden is an error of a request without its URL.
func hidden(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
