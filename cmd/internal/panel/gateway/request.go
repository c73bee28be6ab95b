package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"slotfs/cmd/internal/panel"
)

// request is what the page asks.
type request struct {
	method, path, ranges, csrf, proof, body string
}

// maxForm bounds a form: a body of 1 MiB, percent-encoded.
const maxForm = 4 << 20

var (
	methods    = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
	rangeValue = regexp.MustCompile(`^(bytes=[0-9, -]{1,64})?$`)
)

// request reads what is asked; nil: the page itself.
func (g *Gateway) request() (*request, error) {
	query, err := url.ParseQuery(g.Getenv("QUERY_STRING"))
	if err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	if !query.Has("path") {
		return nil, nil
	}
	q := &request{method: query.Get("method"), path: query.Get("path"), ranges: query.Get("range")}
	if q.method == "" {
		q.method = http.MethodGet
	}
	switch {
	case !slices.Contains(methods, q.method):
		return nil, fmt.Errorf("request: method %.20q", q.method)
	case !strings.HasPrefix(q.path, "/api/v1/") && q.path != "/session":
		return nil, fmt.Errorf("request: %.80q is not to be had here", q.path)
	case !rangeValue.MatchString(q.ranges):
		return nil, errors.New("request: range")
	}
	if q.method == http.MethodGet {
		return q, nil
	}
	if g.Getenv("REQUEST_METHOD") != http.MethodPost {
		return nil, errors.New("request: what changes something comes as a form")
	}
	return q, g.form(q)
}

// form reads the form of a request. DirectAdmin has it in the environment.
func (g *Gateway) form(q *request) error {
	var text string
	if g.Kind == panel.DirectAdmin {
		text = g.Getenv("POST")
	} else {
		length, err := strconv.ParseInt(g.Getenv("CONTENT_LENGTH"), 10, 64)
		if err != nil || length < 0 || length > maxForm {
			return errors.New("request: a form that is too long, or has no length")
		}
		raw := make([]byte, length)
		if _, err := io.ReadFull(g.In, raw); err != nil {
			return fmt.Errorf("request: %w", err)
		}
		text = string(raw)
	}
	form, err := url.ParseQuery(text)
	if err != nil {
		return fmt.Errorf("request: %w", err)
	}
	q.csrf, q.proof, q.body = form.Get("csrf"), form.Get("proof"), form.Get("body")
	if g.Kind == panel.DirectAdmin {
		q.proof = panel.Session{ID: g.Getenv("SESSION_ID"), Key: g.Getenv("SESSION_KEY")}.Proof()
	}
	return nil
}

// http makes it a request to the process that has the index, below prefix.
func (q *request) http(prefix string) (*http.Request, error) {
	u, err := url.Parse(q.path)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil {
		return nil, fmt.Errorf("request: %.80q is no path", q.path)
	}
	var body io.Reader
	if q.method != http.MethodGet {
		body = strings.NewReader(q.body)
	}
	r, err := http.NewRequest(q.method, "http://slotfs"+prefix+u.EscapedPath()+"?"+u.RawQuery, body)
	if err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	for name, value := range map[string]string{"Range": q.ranges, "X-Csrf-Token": q.csrf, panel.HeaderProof: q.proof} {
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	if q.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r, nil
}

// quoted is a text as JSON.
func quoted(s string) string {
	text, _ := json.Marshal(s) // a text always is
	return string(text)
}
