package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/login"
)

// Prefix is where the API stands.
const Prefix = "/api/v1"

// Call is one request on its way through a handler.
type Call struct {
	Context context.Context
	Who     login.Identity
	w       http.ResponseWriter
	r       *http.Request
}

// rights say who may call a route.
type rights int

const (
	administrators rights = iota // nobody else
	owners                       // owners of accounts too: the handler shows them what is theirs
)

// route is one operation of the API: the one place that says how it is asked, who may, and what it answers. The document of the API is
// made of the routes.
type route struct {
	method, path string // path with {NAME} for its parameters
	summary      string
	rights       rights
	params       reflect.Type // struct with tags `query` or `path`, and `doc`
	body         reflect.Type // of the request, JSON; nil: none
	answer       reflect.Type // JSON, or of a line of NDJSON; nil: other bytes
	content      string       // media type of the answer
	serve        func(*Call) error
}

const (
	contentJSON   = "application/json"
	contentLines  = "application/x-ndjson"
	contentEvents = "text/event-stream"
	contentBytes  = "application/octet-stream"
)

// none is for routes without parameters or without a body.
type none struct{}

// get is a route that answers with one JSON value.
func get[P, R any](path, summary string, may rights, serve func(c *Call, p P) (R, error)) route {
	return change(http.MethodGet, path, summary, may, func(c *Call, p P, _ none) (R, error) { return serve(c, p) })
}

// change is a route that changes something. It answers with one JSON value.
func change[P, B, R any](method, path, summary string, may rights, serve func(c *Call, p P, body B) (R, error)) route {
	out := describe[P, B, R](method, path, summary, may)
	out.serve = func(c *Call) error {
		p, body, err := asked[P, B](c)
		if err != nil {
			return err
		}
		result, err := serve(c, p, body)
		if err != nil {
			return err
		}
		return c.answer(http.StatusOK, result)
	}
	return out
}

// lines is a route that answers with one JSON value per line, and a line with Failure if it ends early.
func lines[P, B, L any](method, path, summary string, may rights, serve func(c *Call, p P, body B, yield func(L) error) error) route {
	out := describe[P, B, L](method, path, summary, may)
	out.content = contentLines
	out.serve = func(c *Call) error {
		p, body, err := asked[P, B](c)
		if err != nil {
			return err
		}
		w := c.lines()
		return w.end(serve(c, p, body, func(l L) error { return w.add(l) }))
	}
	return out
}

// raw is a route that answers with something else than JSON, which serve writes itself.
func raw[P any](path, summary, content string, may rights, serve func(c *Call, p P) error) route {
	out := describe[P, none, none](http.MethodGet, path, summary, may)
	out.answer, out.content = nil, content
	out.serve = func(c *Call) error {
		p, err := parameters[P](c)
		if err != nil {
			return err
		}
		return serve(c, p)
	}
	return out
}

func describe[P, B, R any](method, path, summary string, may rights) route {
	out := route{method: method, path: path, summary: summary, rights: may, params: reflect.TypeFor[P](), answer: reflect.TypeFor[R](),
		content: contentJSON}
	if reflect.TypeFor[B]() != reflect.TypeFor[none]() {
		out.body = reflect.TypeFor[B]()
	}
	return out
}

// asked reads the parameters and the body of a request.
func asked[P, B any](c *Call) (p P, body B, err error) {
	p, err = parameters[P](c)
	if _, without := any(body).(none); err == nil && !without {
		err = c.read(&body)
	}
	return p, body, err
}

// maxRequest bounds the body of a request.
const maxRequest = 1 << 20

// read reads the body of a request.
func (c *Call) read(into any) error {
	d := json.NewDecoder(http.MaxBytesReader(c.w, c.r.Body, maxRequest))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return exit.Usagef("request: %w", err)
	}
	return nil
}

// answer writes one JSON value.
func (c *Call) answer(status int, v any) error {
	c.w.Header().Set("Content-Type", contentJSON)
	c.w.WriteHeader(status)
	_ = json.NewEncoder(c.w).Encode(v) // who hung up needs no answer
	return nil
}

// lineWriter writes an answer of lines.
type lineWriter struct {
	c     *Call
	out   *json.Encoder
	flush *http.ResponseController
	began bool
}

func (c *Call) lines() *lineWriter {
	return &lineWriter{c: c, out: json.NewEncoder(c.w), flush: http.NewResponseController(c.w)}
}

// add writes a line and sends it: people wait for the first ones.
func (w *lineWriter) add(v any) error {
	if !w.began {
		w.began = true
		w.c.w.Header().Set("Content-Type", contentLines)
	}
	if err := w.out.Encode(v); err != nil {
		return err
	}
	return w.flush.Flush()
}

// failed is the line of an answer that ends early.
type failed struct {
	Failure *failure `json:"failure"`
}

// end ends the answer. What goes wrong before its first line is an answer of its own.
func (w *lineWriter) end(err error) error {
	switch {
	case err != nil && !w.began:
		return err
	case err != nil:
		abort(w.c.r)
		_ = w.out.Encode(failed{failureOf(err)}) // who hung up needs no answer
	case !w.began:
		w.c.w.Header().Set("Content-Type", contentLines)
		w.c.w.WriteHeader(http.StatusOK)
	}
	return nil
}

// abort breaks the connection off if this process ends, or nobody waits any more: the answer is not told to be whole, nor to
// have failed, and whoever asked asks the next process that has the index.
func abort(r *http.Request) {
	if r.Context().Err() != nil {
		panic(http.ErrAbortHandler)
	}
}

// errForbidden says that somebody may not do what he asks for.
var errForbidden = errors.New("only administrators may do that")

// handle serves a route to whoever who says is asking.
func (t *route) handle(who func(*http.Request) (login.Identity, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := &Call{Context: r.Context(), w: w, r: r}
		var err error
		c.Who, err = who(r)
		switch {
		case err != nil:
		case c.Who == (login.Identity{}):
			err = errNobody
		case !c.Who.Admin() && t.rights == administrators:
			err = errForbidden
		}
		if err == nil {
			err = t.serve(c)
		}
		if err != nil {
			for _, of := range []string{"ETag", "Trailer", "Content-Disposition", "Cache-Control"} {
				w.Header().Del(of)
			}
			_ = c.answer(statusOf(err), failureOf(err))
		}
	}
}

// pattern is how the route is asked for.
func (t *route) pattern() string { return t.method + " " + Prefix + t.path }

// unknownRoute answers what no route is asked for by.
func unknownRoute(w http.ResponseWriter, r *http.Request) {
	c := &Call{Context: r.Context(), w: w, r: r}
	_ = c.answer(http.StatusNotFound, failureOf(fmt.Errorf("%s %s: no such request", r.Method, r.URL.Path)))
}
