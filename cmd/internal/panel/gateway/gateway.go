// Package gateway is the CGI program of the plug-ins in hosting panels: it answers with the page, and hands what the page asks to the
// process that has the index. It must not know what there is to see, nor decide who may see it: that process asks the kernel who we are.
//
// A panel's server puts a request into the environment and the standard input. Without the parameter path it is answered with the page.
// With it, the parameters path, method and range, and csrf, proof and body of the form where the method changes something, are a request
// whose answer is text/plain: a line with the status, lines with pieces of the body in base64, and the line "." behind a whole body.
// Panels change or drop types, statuses and headers; in base64 nothing can be taken for a document or a script of the panel.
package gateway

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/panel"
	"slotfs/cmd/internal/web"
)

// Gateway answers one request.
type Gateway struct {
	Kind   string              // of panel
	Socket string              // of the process that has the index: the panel socket, or for WHM the control socket
	UID    int                 // of this process
	Root   string              // of the panel's files: "/"
	Getenv func(string) string // what the panel says of the request
	In     io.Reader
	Out    io.Writer
}

// Run answers. An error is about this process and its server: what is wrong with the request is told to who asked.
func (g *Gateway) Run(ctx context.Context) error {
	if g.Kind == panel.CPanel {
		g.leaveLiveAPI()
	}
	q, err := g.request()
	if err == nil && q == nil {
		return g.page()
	}
	if err := g.begin("text/plain; charset=utf-8"); err != nil {
		return err
	}
	if err == nil {
		err = g.allowed(q)
	}
	if err != nil {
		return g.refuse(403, err)
	}
	return g.forward(ctx, q)
}

// page answers with the page itself, which has nothing of anybody.
func (g *Gateway) page() error {
	random := make([]byte, 16)
	_, _ = rand.Read(random) // it never fails
	document, policy := web.Inline(g.Kind, base64.RawURLEncoding.EncodeToString(random))
	if err := g.begin("text/html; charset=utf-8", "Content-Security-Policy: "+policy+"; frame-ancestors 'self'"); err != nil {
		return err
	}
	_, err := g.Out.Write(document)
	return err
}

// begin writes the head of an answer.
func (g *Gateway) begin(media string, more ...string) error {
	head := "Status: 200 OK\r\n"
	if g.Kind == panel.DirectAdmin {
		head = "HTTP/1.1 200 OK\r\nConnection: close\r\n"
	}
	head += "Content-Type: " + media + "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
	for _, line := range more {
		head += line + "\r\n"
	}
	_, err := io.WriteString(g.Out, head+"\r\n")
	return err
}

// allowed checks what the panel says of who asks.
func (g *Gateway) allowed(q *request) error {
	if site := g.Getenv("HTTP_SEC_FETCH_SITE"); site != "" && site != "same-origin" {
		return errors.New("another site asked for that")
	}
	switch user := g.Getenv("REMOTE_USER"); {
	case g.Kind != panel.WHM && g.UID == 0:
		return errors.New("the panel runs this page as root, not as the account's user")
	case g.Kind == panel.WHM && g.UID != 0:
		return exit.Hinted(errors.New("the panel does not run this page as root"), "slotfs panel install cpanel")
	case g.Kind == panel.WHM && !panel.Administers(g.Root, user):
		return exit.Hinted(errors.New("only root, and resellers with all privileges, see every account"), "the account's own page is in cPanel")
	}
	return nil
}

// liveAPITime is how long cPanel's server may take to hear that we have no questions.
const liveAPITime = 5 * time.Second

// leaveLiveAPI tells cPanel that we ask nothing of it: its server takes a page that never connects for one that failed.
func (g *Gateway) leaveLiveAPI() {
	socket := g.Getenv("CPANEL_CONNECT_SOCKET")
	if socket == "" {
		return
	}
	conn, err := net.DialTimeout("unix", socket, liveAPITime)
	if err != nil {
		return // the server says itself what is wrong with it
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(liveAPITime))
	_, _ = io.WriteString(conn, `<cpanelxml shutdown="1" />`)
}

// refuse answers in the place of the process that has the index.
func (g *Gateway) refuse(status int, err error) error {
	text := fmt.Appendf(nil, `{"error":%s,"hint":%s,"code":%d}`, quoted(err.Error()), quoted(exit.Hint(err)), exit.Code(err))
	_, writeErr := fmt.Fprintf(g.Out, "%d\n%s\n.\n", status, base64.StdEncoding.EncodeToString(text))
	return writeErr
}
