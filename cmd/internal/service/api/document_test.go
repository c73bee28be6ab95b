package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/login"
	"slotfs/cmd/internal/progress"
	"slotfs/cmd/internal/service/browse"
	"slotfs/cmd/internal/service/history"
	"slotfs/cmd/internal/state"
	"slotfs/fs"
	"slotfs/fs/fstest"
	"slotfs/fs/view"
	"slotfs/indexer/backup"
	"slotfs/sftpdest"
	"slotfs/sftpdest/sshdtest"
)

// documented is a service with something of everything.
func documented(t *testing.T) *owner {
	t.Helper()
	w := fstest.NewWorld()
	first := fstest.Source("alice", "2026-01-04")
	w.Add(t, first, nil, fstest.Dir("sub"), fstest.File("sub/caf\xe9", "old"), fstest.Link("link", "sub"))
	w.Add(t, fstest.Source("alice", "2026-01-05"), nil, fstest.Dir("sub"), fstest.File("sub/caf\xe9", "new one"), fstest.File("b.txt", "0123456789"))
	all, err := w.Snapshots(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	all[0].Concerns = []backup.Concern{{Kind: backup.Shrunk, Text: "much less"}}
	v := view.New(view.Options{Nodes: w.Store})
	v.Update([]string{"box"}, all)
	o := &owner{all: all, state: state.Dir(t.TempDir()), tree: &browse.Local{View: v, Content: func(string) fs.Content { return nil }},
		events: []progress.Event{{Kind: progress.Started, Destination: "box"}, {Kind: progress.Finished, Destination: "box", Summary: &progress.Summary{}}}}
	server, err := sshdtest.StartLocal(sshdtest.LocalOptions{Root: t.TempDir(), Password: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	o.remote = &sftpdest.Settings{Host: server.Host, Port: server.Port, Username: "u", Password: "secret", HostKeys: server.HostKeys}
	o.conf.Destinations = map[string]*config.Destination{"box": {Name: "box", Engine: config.SlotsEngine, HostKeys: server.HostKeys}}
	o.conf.Jobs = map[string]*config.Job{"nightly": {Name: "nightly", Destination: "box", Source: []string{"/home/*"}}}
	if err := o.state.Make(); err != nil {
		t.Fatal(err)
	}
	if err := history.New(o.state.History()).Add(history.Record{Kind: history.Run, Job: "nightly", Ended: time.Now(), Result: history.Complete}); err != nil {
		t.Fatal(err)
	}
	return o
}

// TestDocumentIsWhatTheHandlersAnswer asks for each route that the document has, and holds the answers against its schemas.
func TestDocumentIsWhatTheHandlersAnswer(t *testing.T) {
	o := documented(t)
	h := New(t.Context(), o, "test")
	served := h.For(func(*http.Request) (login.Identity, error) { return login.Root, nil })
	doc := decode(t, ask1(served, "GET", Prefix+"/openapi.json", "").Body.Bytes()).(map[string]any)
	asked := map[string][]string{ // by route, with all parameters; those that begin with "!" are refused
		"GET /node":            {"?path=box/accounts/alice/latest&nofollow", "?id=1&name=box", "!?pth=x", "!?path=nothing"},
		"GET /list":            {"?path=box/accounts/alice", "?id=1&from=0&limit=5", "?path=box/accounts/alice/2026-01-05/full/sub&sort=mtime&desc=true&match=CAF", "!?path=box&sort=colour"},
		"GET /content":         {"?path=box/accounts/alice/2026-01-05/snapshot.json&download", "!?id=1"},
		"GET /tables":          {"?path=box/accounts/alice/2026-01-05/snapshot.json", "!?path=box/accounts/alice/2026-01-05/snapshot.json&scan=1", "!?path=box"},
		"GET /find":            {"?pattern=*&below=box&latest=1&limit=3&since=2026-01-01T00:00:00Z&until=2027-01-01T00:00:00Z"},
		"GET /rows":            {"?path=box/accounts/alice/2026-01-05/snapshot.json", "!?path=box"},
		"GET /audit":           {"?account=alice&since=2020-01-01T00:00:00Z&limit=3"},
		"POST /jobs/{job}/run": {"nightly", "!nothing"},
		"GET /versions":        {"?path=box/accounts/alice/latest/full/sub"},
		"GET /diff":            {"?old=box/accounts/alice/2026-01-04&new=box/accounts/alice/2026-01-05"},
		"GET /accounts":        {"?match=ALI&destination=box&sort=newest&desc=1&from=0&limit=1", "!?sort=colour"},
		"GET /snapshots":       {"?destination=box&origin=&account=alice", "!?destination=box&account=bob"},
		"GET /status":          {"?brief&wrong=false", "?wrong"}, "GET /seen": {""}, "GET /destinations": {""}, "GET /passes": {""}, "GET /jobs": {""},
		"GET /history":  {"?name=nightly&kind=run&since=2020-01-01T00:00:00Z&limit=3"},
		"GET /restores": {""}, "GET /openapi.json": {""}, "GET /access": {""},
		"GET /archive":        {"?path=box/accounts/alice/latest/snapshot.json&format=zip", "!?path=box&format=rar", "!?path=nothing"},
		"POST /downloads":     {`{"paths":["box/accounts/alice/latest/snapshot.json"],"paths_base64":["Ym94"],"format":"tar"}`, `!{"paths":[]}`},
		"GET /downloads/{id}": {"!9"},
		"GET /restores/{id}":  {"!9"}, "DELETE /restores/{id}": {"!9"},
		"POST /restores": {`{"paths":["box/accounts/alice/latest/full/sub"],"directory":"/nonexistent/a/b","dry_run":true}`, `!{"paths":[],"directory":"x"}`},
		"GET /live":      {""}, "GET /live-records": {""}, "GET /live/{id}": {"!9"}, "DELETE /live/{id}": {"!9"},
		"POST /live":                                    {`{"paths":["box/accounts/alice/latest/nothing"],"dry_run":true}`, `!{"paths":[]}`},
		"POST /live-records/{id}/undo":                  {"20260105T101500-abcdefgh {\"dry_run\":true}"},
		"POST /reload":                                  {""},
		"POST /packs/export":                            {`{"directory":"/nowhere","destination":"box","account":"alice","since":"2026-01-01T00:00:00Z"}`, `!{"dir":"x"}`},
		"POST /packs/import":                            {`{"directory":"/nowhere","destination":"box"}`, `!{"dir":"x"}`},
		"POST /passes":                                  {`{"destinations":["box"]}`},
		"POST /verifications":                           {`{"destination":"box","account":"alice","share":0.5,"rate":1000}`, `!{"destinations":["box"]}`},
		"POST /passes/start":                            {`{"destinations":["box"]}`, `!{"destinations":["other"]}`, `!{"destination":"box"}`},
		"DELETE /destinations/{name}/snapshots":         {"box"},
		"POST /destinations/{name}/test":                {`box {"seconds":0.02,"write":true}`, `!box {"seconds":-1}`, `!other {}`},
		"GET /jobs/{job}/slots":                         {"!nothing", "!nightly"},
		"POST /jobs/{job}/verify":                       {"!nightly {\"sample\":0.5}"},
		"POST /jobs/{job}/slots/{account}/{slot}/pin":   {"!nightly alice 1", "!nightly alice x"},
		"POST /jobs/{job}/slots/{account}/{slot}/unpin": {"!nightly alice 1"},
		"DELETE /jobs/{job}/slots/{account}/{slot}":     {"!nightly alice 1"},
	}
	for path, operations := range doc["paths"].(map[string]any) {
		for method, operation := range operations.(map[string]any) {
			name := strings.ToUpper(method) + " " + strings.TrimPrefix(path, Prefix)
			if name == "GET /progress" {
				continue // see TestProgressIsAStreamOfEvents
			}
			if len(asked[name]) == 0 {
				t.Errorf("%s is documented and not tried", name)
			}
			for _, how := range asked[name] {
				tryRoute(t, served, doc, name, how, operation.(map[string]any))
			}
			delete(asked, name)
		}
	}
	for name := range asked {
		t.Errorf("%s is not documented", name)
	}
	h.Wait()
}

// tryRoute asks for one route.
func tryRoute(t *testing.T, served http.Handler, doc map[string]any, name, how string, operation map[string]any) {
	t.Helper()
	how, refused := strings.CutPrefix(how, "!")
	method, path, _ := strings.Cut(name, " ")
	path, query, body := Prefix+path, "", ""
	for _, word := range strings.Fields(how) {
		switch {
		case word[0] == '?':
			query = word
		case word[0] == '{' || body != "":
			body += word
		default:
			start, end := strings.Index(path, "{"), strings.Index(path, "}")
			path = path[:start] + word + path[end+1:]
		}
	}
	if method == "GET" && !refused { // each parameter that is documented can be given, and no other
		for _, p := range operation["parameters"].([]any) {
			p := p.(map[string]any)
			if p["in"] == "query" && p["required"] == true && !strings.Contains(query, p["name"].(string)+"=") {
				t.Errorf("%s %s: %s is said to be required", name, how, p["name"])
			}
		}
	}
	r := ask1(served, method, path+query, body)
	responses := operation["responses"].(map[string]any)
	response := responses["default"]
	if r.Code == http.StatusOK {
		response = responses["200"]
	}
	if refused != (r.Code >= 400) {
		t.Errorf("%s %s: %d %s", name, how, r.Code, r.Body)
		return
	}
	kind, _, _ := strings.Cut(r.Header().Get("Content-Type"), ";")
	content, ok := response.(map[string]any)["content"].(map[string]any)[kind].(map[string]any)
	if !ok {
		t.Errorf("%s %s: %d is %q, which is not documented", name, how, r.Code, kind)
		return
	}
	schema, ok := content["schema"].(map[string]any)
	if !ok {
		return // bytes
	}
	for i, text := range bytes.Split(bytes.TrimSpace(r.Body.Bytes()), []byte("\n")) {
		if len(text) == 0 {
			continue
		}
		if err := conforms(doc, schema, decode(t, text)); err != nil {
			t.Errorf("%s %s: line %d: %v\n%.500s", name, how, i+1, err, text)
		}
	}
}

func ask1(h http.Handler, method, target, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, target, strings.NewReader(body)))
	return w
}

func decode(t *testing.T, data []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%v in %.300s", err, data)
	}
	return v
}

// conforms holds a value against a schema, as far as this package writes schemas.
func conforms(doc, schema map[string]any, v any) error {
	if ref, ok := schema["$ref"].(string); ok {
		components := doc["components"].(map[string]any)["schemas"].(map[string]any)
		named, ok := components[strings.TrimPrefix(ref, "#/components/schemas/")].(map[string]any)
		if !ok {
			return fmt.Errorf("no schema %s", ref)
		}
		return conforms(doc, named, v)
	}
	if several, ok := schema["anyOf"].([]any); ok {
		var last error
		for _, one := range several {
			if last = conforms(doc, one.(map[string]any), v); last == nil {
				return nil
			}
		}
		return last
	}
	switch v := v.(type) {
	case map[string]any:
		return objectConforms(doc, schema, v)
	case []any:
		items, ok := schema["items"].(map[string]any)
		if !ok {
			return fmt.Errorf("an array is not %v", schema)
		}
		for i := range v {
			if err := conforms(doc, items, v[i]); err != nil {
				return fmt.Errorf("[%d]: %w", i, err)
			}
		}
		return nil
	}
	kinds := map[string]string{"string": "string", "float64": "number", "bool": "boolean", "<nil>": "null"}
	kind := kinds[fmt.Sprintf("%T", v)]
	if want := schema["type"]; len(schema) > 0 && want != kind && !(want == "integer" && kind == "number") {
		return fmt.Errorf("%v is not %v", v, schema)
	}
	return nil
}

func objectConforms(doc, schema, v map[string]any) error {
	if len(schema) == 0 {
		return nil
	}
	if schema["type"] != "object" {
		return fmt.Errorf("an object is not %v", schema)
	}
	properties, _ := schema["properties"].(map[string]any)
	more, open := schema["additionalProperties"].(map[string]any)
	for key, value := range v {
		p, ok := properties[key].(map[string]any)
		if !ok && open {
			p, ok = more, true
		}
		if !ok {
			return fmt.Errorf("the key %q is not documented", key)
		}
		if err := conforms(doc, p, value); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	required, _ := schema["required"].([]any)
	for _, key := range required {
		if _, ok := v[key.(string)]; !ok {
			return fmt.Errorf("the key %q is missing", key)
		}
	}
	return nil
}

func TestOwnersMayNotAskForWhatAdministratorsMay(t *testing.T) {
	h := New(t.Context(), documented(t), "test")
	served := h.For(func(*http.Request) (login.Identity, error) { return login.Identity{Account: "alice"}, nil })
	open := []string{"/node", "/list", "/content", "/tables", "/rows", "/access", "/archive", "/downloads", "/downloads/{id}", "/find", "/versions", "/diff", "/accounts", "/snapshots", "/openapi.json", "/live", "/live/{id}", "/live-records", "/live-records/{id}/undo"}
	for i := range h.routes {
		r := &h.routes[i]
		if (r.rights == owners) != slices.Contains(open, r.path) {
			t.Errorf("%s: owners may, or may not", r.path)
		}
		if r.rights == owners && !(strings.HasPrefix(r.path, "/live") && r.method == "POST") {
			continue // it is the handler who shows each what is his
		}
		path := strings.NewReplacer("{slot}", "1", "{job}", "nightly", "{account}", "alice", "{id}", "1", "{name}", "box").Replace(r.path)
		if got := ask1(served, r.method, Prefix+path, "{}"); got.Code != http.StatusForbidden {
			t.Errorf("%s %s: %d", r.method, path, got.Code)
		}
	}
	for _, target := range []string{"/node?id=1", "/list?id=1", "/content?id=1"} {
		if got := ask1(served, "GET", Prefix+target, ""); got.Code != http.StatusForbidden {
			t.Errorf("%s: %d", target, got.Code)
		}
	}
	nobody := h.For(func(*http.Request) (login.Identity, error) { return login.Identity{}, nil })
	for i := range h.routes {
		if got := ask1(nobody, h.routes[i].method, Prefix+strings.NewReplacer("{", "", "}", "").Replace(h.routes[i].path), "{}"); got.Code != http.StatusUnauthorized {
			t.Errorf("%s: nobody gets %d", h.routes[i].path, got.Code)
		}
	}
}
