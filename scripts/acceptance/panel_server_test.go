package acceptance

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// panelUser is somebody who is logged in to a panel, and the user as whom it runs his pages.
type panelUser struct {
	name string
	uid  uint32
}

// panelScript is a page of a plug-in, as a panel runs it.
type panelScript struct {
	kind string // "whm", "cpanel" or "directadmin"
	path string
	user panelUser
	env  []string // what the panel adds to the environment
}

// run answers a request in the way of the panel's server, and says how it was answered: what runs has the environment and the rights that
// it has there.
func (s *panelScript) run(t *testing.T, method, query, form string) (head textproto.MIMEHeader, body string) {
	t.Helper()
	cmd := exec.Command(s.path)
	cmd.Dir = filepath.Dir(s.path)
	cmd.Env = append([]string{"PATH=/usr/bin:/bin", "GATEWAY_INTERFACE=CGI/1.1", "SERVER_PROTOCOL=HTTP/1.1", "REQUEST_METHOD=" + method, "QUERY_STRING=" + query,
		"REMOTE_USER=" + s.user.name, "REMOTE_ADDR=192.0.2.7", "HTTP_HOST=server.example", "HTTP_SEC_FETCH_SITE=same-origin"}, s.env...)
	if s.user.uid != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: s.user.uid, Gid: s.user.uid}}
	}
	heard := func() bool { return true }
	switch s.kind {
	case "directadmin":
		cmd.Env = append(cmd.Env, "POST="+form)
	case "cpanel":
		var socket string
		socket, heard = liveAPI(t)
		cmd.Env = append(cmd.Env, "cp_security_token=/cpsess123", "CPANEL_CONNECT_SOCKET="+socket)
		fallthrough
	default:
		cmd.Env = append(cmd.Env, fmt.Sprintf("CONTENT_LENGTH=%d", len(form)), "CONTENT_TYPE=application/x-www-form-urlencoded")
		cmd.Stdin = strings.NewReader(form)
	}
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil && stderr.Len() == 0 {
		t.Fatalf("%s: %v", s.path, err)
	}
	if !heard() {
		t.Errorf("%s: it did not connect to the live socket, for which cPanel says that it failed", s.path)
	}
	r := textproto.NewReader(bufio.NewReader(&out))
	if s.kind == "directadmin" {
		if line, err := r.ReadLine(); err != nil || line != "HTTP/1.1 200 OK" {
			t.Fatalf("%s: %q, %v\n%s", s.path, line, err, stderr.String())
		}
	}
	head, err := r.ReadMIMEHeader()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", s.path, err, out.String(), stderr.String())
	}
	text, err := io.ReadAll(r.R)
	if err != nil {
		t.Fatal(err)
	}
	return head, string(text)
}

// liveAPI is the socket at which a page of cPanel says that it is there.
func liveAPI(t *testing.T) (socket string, heard func() bool) {
	t.Helper()
	dir, err := os.MkdirTemp("", "live")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket = filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	run(t, `chmod 755 "$1"; chmod 666 "$1/s"`, dir)
	said := make(chan string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			said <- ""
			return
		}
		defer conn.Close()
		text, _ := io.ReadAll(conn)
		said <- string(text)
	}()
	return socket, func() bool {
		l.Close()
		return strings.Contains(<-said, `<cpanelxml shutdown="1" />`)
	}
}

// ask sends what the page asks. It waits where the user asks too much.
func (s *panelScript) ask(t *testing.T, method, path string, form url.Values) (status, text string) {
	t.Helper()
	eventually(t, "there is time for "+path, func() bool {
		status, text = s.askOnce(t, method, path, form)
		return status != "429"
	})
	return status, text
}

// askOnce sends what the page asks, and takes the answer apart. Nothing of an answer may be markup, whatever the panel says that it is.
func (s *panelScript) askOnce(t *testing.T, method, path string, form url.Values) (status, text string) {
	t.Helper()
	how, body := "GET", ""
	if method != "GET" {
		how, body = "POST", form.Encode()
	}
	_, answer := s.run(t, how, url.Values{"method": {method}, "path": {path}}.Encode(), body)
	if strings.ContainsAny(answer, "<>&\"'") {
		t.Errorf("%s %s: the answer may be markup: %.300q", method, path, answer)
	}
	lines := strings.Split(answer, "\n")
	if len(lines) < 3 || lines[len(lines)-1] != "" || lines[len(lines)-2] != "." {
		t.Fatalf("%s %s: the answer does not end: %.300q", method, path, answer)
	}
	var b strings.Builder
	for _, line := range lines[1 : len(lines)-2] {
		piece, err := base64.StdEncoding.DecodeString(line)
		if err != nil {
			t.Fatalf("%s %s: %v: %.300q", method, path, err, line)
		}
		b.Write(piece)
	}
	return lines[0], b.String()
}

// serveBrowser serves pages as panels do whose servers hand on as little as is known: types other than that of HTML are dropped, and
// statuses.
func (s *panelScript) serveBrowser(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/cpsess123/frontend/jupiter/slotfs/index.live.cgi" {
			http.NotFound(w, r)
			return
		}
		form, _ := io.ReadAll(r.Body)
		head, body := s.run(t, r.Method, r.URL.RawQuery, string(form))
		w.Header()["Content-Type"] = nil
		for name, values := range head {
			if name != "Status" && (name != "Content-Type" || strings.HasPrefix(values[0], "text/html")) {
				w.Header()[name] = values
			}
		}
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/cpsess123/frontend/jupiter/slotfs/index.live.cgi"
}
