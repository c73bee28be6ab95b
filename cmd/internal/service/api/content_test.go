package api

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"slotfs/cmd/internal/login"
	"slotfs/cmd/internal/progress"
)

// contentServer serves one file over TCP, as a page would get it.
func contentServer(t *testing.T, tree *shownTree) *httptest.Server {
	t.Helper()
	h := New(t.Context(), &owner{tree: tree}, "test")
	s := httptest.NewServer(h.For(func(*http.Request) (login.Identity, error) { return login.Root, nil }))
	t.Cleanup(s.Close)
	return s
}

func TestContentByRange(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 200_000)
	s := contentServer(t, &shownTree{nodes: shownNodes(len(content)), content: content})
	ask := func(method string, head ...string) (*http.Response, []byte) {
		r, err := http.NewRequest(method, s.URL+Prefix+"/content?id=2&download", nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(head); i += 2 {
			r.Header.Set(head[i], head[i+1])
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res, body
	}
	whole, body := ask("GET")
	tag := whole.Header.Get("ETag")
	if whole.StatusCode != 200 || !bytes.Equal(body, content) || whole.ContentLength != int64(len(content)) || tag == "" {
		t.Fatalf("%d, %d bytes, %v", whole.StatusCode, len(body), whole.Header)
	}
	if name := whole.Header.Get("Content-Disposition"); name != `attachment; filename="caf___"; filename*=UTF-8''caf_%26%01` {
		t.Errorf("disposition %q", name)
	}
	for _, c := range []struct {
		head   []string
		status int
		want   []byte
	}{
		{[]string{"Range", "bytes=16-31"}, 206, content[16:32]},
		{[]string{"Range", "bytes=3199990-"}, 206, content[3199990:]},
		{[]string{"Range", "bytes=-7"}, 206, content[len(content)-7:]},
		{[]string{"Range", "bytes=5-99999999"}, 206, content[5:]},
		{[]string{"Range", "bytes=16-31", "If-Range", tag}, 206, content[16:32]},
		{[]string{"Range", "bytes=16-31", "If-Range", `"another"`}, 200, content},
		{[]string{"Range", "bytes=0-1,4-5"}, 200, content},
		{[]string{"Range", "lines=0-1"}, 200, content},
		{[]string{"Range", "bytes=3200000-"}, 416, nil},
		{[]string{"Range", "bytes=7-3"}, 416, nil},
		{[]string{"Range", "bytes=-0"}, 416, nil},
		{[]string{"If-None-Match", tag}, 304, []byte{}},
	} {
		res, body := ask("GET", c.head...)
		if res.StatusCode != c.status || c.want != nil && !bytes.Equal(body, c.want) {
			t.Errorf("%v: %d, %d bytes", c.head, res.StatusCode, len(body))
		}
	}
	if res, body := ask("HEAD"); res.StatusCode != 200 || len(body) > 0 || res.ContentLength != int64(len(content)) {
		t.Errorf("HEAD: %d, %v", res.StatusCode, res.Header)
	}
}

func TestContentThatCannotBeReadToItsEndBreaksOff(t *testing.T) {
	content := bytes.Repeat([]byte("x"), 3<<20)
	s := contentServer(t, &shownTree{nodes: shownNodes(len(content)), content: content, fails: 2<<20 + 5})
	res, err := http.Get(s.URL + Prefix + "/content?id=2")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil || len(body) > 2<<20+5 {
		t.Errorf("%d bytes look whole", len(body))
	}
	s = contentServer(t, &shownTree{nodes: shownNodes(len(content)), fails: -1})
	if res, err := http.Get(s.URL + Prefix + "/content?id=2"); err != nil || res.StatusCode != http.StatusGone {
		t.Errorf("what cannot be read at all: %v, %v", res, err)
	}
}

func TestProgressIsAStreamOfEvents(t *testing.T) {
	o := &owner{events: []progress.Event{{Kind: progress.Started, Destination: "a"}, {Kind: progress.Finished, Destination: "a\nb"}}}
	h := New(t.Context(), o, "test")
	s := httptest.NewServer(h.For(func(*http.Request) (login.Identity, error) { return login.Root, nil }))
	defer s.Close()
	res, err := http.Get(s.URL + Prefix + "/progress")
	if err != nil || res.Header.Get("Content-Type") != contentEvents {
		t.Fatalf("%v, %v", res, err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	lines.Scan() // the stream has begun
	if res, err := http.Post(s.URL+Prefix+"/passes", contentJSON, strings.NewReader(`{"destinations":["a"]}`)); err != nil || res.StatusCode != 200 {
		t.Fatalf("%v, %v", res, err)
	}
	want := []string{"", "event: pass", `data: {"kind":"started","destination":"a"}`, "", "event: pass", `data: {"kind":"finished","destination":"a\nb"}`, ""}
	for _, line := range want {
		if !lines.Scan() || lines.Text() != line {
			t.Fatalf("got %q, want %q", lines.Text(), line)
		}
	}
}
