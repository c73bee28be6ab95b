package gateway

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/panel"
	"slotfs/cmd/internal/web"
)

const (
	dialTime   = 10 * time.Second
	answerTime = 3 * time.Minute // until an answer begins
	pieceSize  = 48 << 10        // of a line, before base64; a multiple of 3
)

// forward asks the process that has the index, and answers what that does.
func (g *Gateway) forward(ctx context.Context, q *request) error {
	prefix := ""
	if g.Kind == panel.WHM {
		prefix = panel.AdminPrefix
	}
	r, err := q.http(prefix)
	if err != nil {
		return g.refuse(http.StatusBadRequest, err)
	}
	if g.Kind == panel.WHM {
		r.Header.Set(panel.HeaderUser, g.Getenv("REMOTE_USER"))
		r.Header.Set(panel.HeaderFrom, strings.TrimSpace("WHM "+g.Getenv("REMOTE_ADDR")))
	}
	res, err := Client(g.Socket).Do(r.WithContext(ctx))
	if err != nil {
		return g.refuse(http.StatusServiceUnavailable, explain(err))
	}
	defer res.Body.Close()
	if _, err := fmt.Fprintf(g.Out, "%d\n", res.StatusCode); err != nil {
		return err
	}
	return g.deliver(res.Body)
}

// deliver writes a body in lines. One that ends early has no last line.
func (g *Gateway) deliver(body io.Reader) error {
	piece := make([]byte, pieceSize)
	for {
		n, err := body.Read(piece)
		if n > 0 {
			line := append(base64.StdEncoding.AppendEncode(nil, piece[:n]), '\n')
			if _, err := g.Out.Write(line); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			_, err = io.WriteString(g.Out, ".\n")
			return err
		}
		if err != nil {
			return fmt.Errorf("answer: %w", err)
		}
	}
}

// Client talks to the process that answers at a Unix socket, if that is root's or ours: whoever else listens there is told nothing.
func Client(socket string) *http.Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		d := net.Dialer{Timeout: dialTime}
		conn, err := d.DialContext(ctx, "unix", socket)
		if err != nil {
			return nil, err
		}
		uid, err := web.SocketPeer(conn)
		if err == nil && uid != 0 && int(uid) != os.Geteuid() {
			err = fmt.Errorf("%s: uid %d listens there", socket, uid)
		}
		if err != nil {
			conn.Close()
			return nil, err
		}
		return conn, nil
	}
	return &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true, DisableCompression: true, ResponseHeaderTimeout: answerTime},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// Prove asks the process that has the index, at its control socket, for a proof of an account's owner.
func Prove(ctx context.Context, socket, account string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://slotfs"+panel.ProofPath+"/"+url.PathEscape(account), nil)
	if err != nil {
		return "", err
	}
	res, err := Client(socket).Do(r)
	if err != nil {
		return "", explain(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1024))
	if err != nil || res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("proof: %s", res.Status)
	}
	return string(bytes.TrimSpace(text)), nil
}

// explain is why nobody answers, in words for who looks at the page.
func explain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return exit.Hinted(errors.New("slotfs does not run, or does not answer panels"), "whoever runs this server finds the cause in `slotfs status` and [panel]")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.EAGAIN):
		return exit.With(errors.New("slotfs is busy"), exit.Busy, "wait a little, and load the page again")
	}
	return err
}
