package gateway

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"slotfs/cmd/internal/panel"
)

// environment is what a panel says of a request.
func environment(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

// service answers at a Unix socket.
func service(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { s.Close() })
	return socket
}

// answer runs a gateway, and takes what it says apart.
func answer(t *testing.T, g *Gateway) (status, body string, whole bool) {
	t.Helper()
	var out bytes.Buffer
	g.Out = &out
	if g.In == nil {
		g.In = strings.NewReader("")
	}
	err := g.Run(t.Context())
	_, text, _ := strings.Cut(out.String(), "\r\n\r\n")
	lines := strings.Split(text, "\n")
	for _, line := range lines[1:] {
		if line == "." {
			return lines[0], body, err == nil
		}
		piece, err := base64.StdEncoding.DecodeString(line)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		body += string(piece)
	}
	return lines[0], body, false
}

func TestRequestsArriveAsTheyWereAsked(t *testing.T) {
	socket := service(t, func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusPartialContent)
		fmt.Fprintf(w, "%s %s [%s] [%s] [%s] [%s] %s", r.Method, r.RequestURI, r.Header.Get("Range"), r.Header.Get("X-Csrf-Token"), r.Header.Get(panel.HeaderProof), r.Header.Get(panel.HeaderUser), text)
	})
	form := "csrf=token&proof=p1&body=%7B%22a%22%3A1%7D"
	for name, test := range map[string]struct {
		kind, query, want string
		uid               int
		vars              map[string]string
	}{
		"a read":             {kind: panel.CPanel, uid: 1, query: "path=%2Fapi%2Fv1%2Flist%3Fpath%3Da%2525b&range=bytes%3D0-9", want: "GET /api/v1/list?path=a%25b [bytes=0-9] [] [] [] "},
		"a change":           {kind: panel.CPanel, uid: 1, query: "path=/api/v1/live&method=POST", want: `POST /api/v1/live? [] [token] [p1] [] {"a":1}`, vars: map[string]string{"CONTENT_LENGTH": fmt.Sprint(len(form))}},
		"one in DirectAdmin": {kind: panel.DirectAdmin, uid: 1, query: "path=/api/v1/live/1&method=DELETE", want: `DELETE /api/v1/live/1? [] [token] [directadmin id key] [] {"a":1}`, vars: map[string]string{"POST": form, "SESSION_ID": "id", "SESSION_KEY": "key"}},
		"root in WHM":        {kind: panel.WHM, query: "path=/session", want: "GET /panel/session? [] [] [] [root] ", vars: map[string]string{"REMOTE_USER": "root"}},
	} {
		vars := map[string]string{"QUERY_STRING": test.query, "REQUEST_METHOD": "POST", "HTTP_SEC_FETCH_SITE": "same-origin"}
		for k, v := range test.vars {
			vars[k] = v
		}
		g := &Gateway{Kind: test.kind, Socket: socket, UID: test.uid, Root: t.TempDir(), Getenv: environment(vars), In: strings.NewReader(form)}
		if status, body, whole := answer(t, g); status != "206" || body != test.want || !whole {
			t.Errorf("%s: %s %q %v, want %q", name, status, body, whole, test.want)
		}
	}
}

func TestAnAnswerThatEndsEarlyIsNotTakenForWhole(t *testing.T) {
	socket := service(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		fmt.Fprint(w, "the beginning")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	g := &Gateway{Kind: panel.CPanel, Socket: socket, UID: 1, Getenv: environment(map[string]string{"QUERY_STRING": "path=/api/v1/content"})}
	if status, body, whole := answer(t, g); status != "200" || body != "the beginning" || whole {
		t.Errorf("%s %q %v", status, body, whole)
	}
}

func TestWithoutAServiceThePageIsToldSo(t *testing.T) {
	g := &Gateway{Kind: panel.CPanel, Socket: filepath.Join(t.TempDir(), "none"), UID: 1, Getenv: environment(map[string]string{"QUERY_STRING": "path=/session"})}
	if status, body, whole := answer(t, g); status != "503" || !strings.Contains(body, "does not run") || !whole {
		t.Errorf("%s %q", status, body)
	}
}

func TestFormsAreBounded(t *testing.T) {
	for _, length := range []string{"", "-1", "x", "4194305", "99999999999999999999", "10"} {
		g := &Gateway{Kind: panel.CPanel, UID: 1, Socket: "/nonexistent", In: strings.NewReader("short"),
			Getenv: environment(map[string]string{"QUERY_STRING": "path=/api/v1/x&method=POST", "REQUEST_METHOD": "POST", "CONTENT_LENGTH": length})}
		if status, body, _ := answer(t, g); status != "403" || !strings.Contains(body, "request: ") {
			t.Errorf("%q: %s %s", length, status, body)
		}
	}
}

func FuzzRequest(f *testing.F) {
	f.Add("path=/api/v1/list%3Fpath%3Da&method=GET&range=bytes%3D0-1", "csrf=a&proof=b&body=c")
	f.Add("path=/session", "")
	f.Add("path=/api/v1/../../x&method=POST", "body=%0d%0a")
	f.Add("path=/api/v1/x%20HTTP/1.1%0d%0aX: y&method=DELETE", "proof=%00")
	f.Fuzz(func(t *testing.T, query, form string) {
		g := &Gateway{Kind: panel.CPanel, UID: 1, In: strings.NewReader(form),
			Getenv: environment(map[string]string{"QUERY_STRING": query, "REQUEST_METHOD": "POST", "CONTENT_LENGTH": fmt.Sprint(len(form))})}
		q, err := g.request()
		if err != nil || q == nil {
			return
		}
		r, err := q.http("")
		if err != nil {
			return
		}
		if r.URL.Host != "slotfs" || r.URL.Scheme != "http" || r.URL.User != nil || !strings.HasPrefix(path.Clean(r.URL.Path)+"/", "/") {
			t.Errorf("%q goes to %s", query, r.URL)
		}
		if !strings.HasPrefix(r.URL.EscapedPath(), "/api/v1/") && r.URL.Path != "/session" {
			t.Errorf("%q asks for %s", query, r.URL)
		}
		var b bytes.Buffer
		if err := r.Write(&b); err != nil {
			return // net/http refuses it
		}
		head, _, _ := strings.Cut(b.String(), "\r\n\r\n")
		for line := range strings.SplitSeq(head, "\r\n") {
			name, _, _ := strings.Cut(line, ":")
			switch {
			case strings.HasPrefix(line, q.method+" /"):
			case name == "Host", name == "User-Agent", name == "Content-Length", name == "Content-Type", name == "Transfer-Encoding", name == "Range", name == "X-Csrf-Token", name == panel.HeaderProof:
			default:
				t.Errorf("%q brings the line %q", query, line)
			}
		}
	})
}
