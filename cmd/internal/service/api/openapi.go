package api

import (
	"net/http"
	"reflect"
	"strconv"
	"strings"
)

// document describes routes by OpenAPI 3.1.
func document(routes []route, version string) map[string]any {
	s := &schemas{components: map[string]any{}}
	paths := map[string]any{}
	failure := map[string]any{"description": "what went wrong", "content": map[string]any{contentJSON: map[string]any{"schema": s.of(reflect.TypeFor[failure]())}}}
	for i := range routes {
		t := &routes[i]
		operations, _ := paths[Prefix+t.path].(map[string]any)
		if operations == nil {
			operations = map[string]any{}
			paths[Prefix+t.path] = operations
		}
		operations[strings.ToLower(t.method)] = t.operation(s, failure)
	}
	return map[string]any{
		"openapi":    "3.1.0",
		"info":       map[string]any{"title": "slotfs", "version": version, "description": about},
		"paths":      paths,
		"components": map[string]any{"schemas": s.components},
	}
}

// about is the text of the document.
const about = "What the process that has the index answers. Paths are those in the mount, without a slash at the beginning, percent-encoded byte by " +
	"byte. Names that are not UTF-8 have U+FFFD in place of other bytes, and their bytes in base64 in the key beside it. An answer of lines " +
	"(application/x-ndjson) that ends early has a last line with the key failure. An error has the exit code that a command would end with."

// operation describes one route.
func (t *route) operation(s *schemas, failure map[string]any) map[string]any {
	parameters := []any{}
	for _, p := range parametersOf(t.params) {
		schema := s.of(t.params.FieldByIndex(p.field).Type)
		parameters = append(parameters, map[string]any{"name": p.name, "in": p.in, "required": p.required, "description": p.doc, "schema": schema})
	}
	success := map[string]any{"description": "success"}
	switch {
	case t.content == contentLines:
		line := map[string]any{"anyOf": []any{s.of(t.answer), s.of(reflect.TypeFor[failed]())}}
		success["content"] = map[string]any{t.content: map[string]any{"schema": line}}
	case t.answer != nil:
		success["content"] = map[string]any{t.content: map[string]any{"schema": s.of(t.answer)}}
	default:
		success["content"] = map[string]any{t.content: map[string]any{}}
	}
	out := map[string]any{
		"operationId": t.id(), "summary": t.summary, "parameters": parameters,
		"responses":     map[string]any{strconv.Itoa(http.StatusOK): success, "default": failure},
		"x-slotfs-role": map[rights]string{administrators: "administrator", owners: "owner"}[t.rights],
	}
	if t.body != nil {
		out["requestBody"] = map[string]any{"required": true, "content": map[string]any{contentJSON: map[string]any{"schema": s.of(t.body)}}}
	}
	return out
}

// id is the name of the operation: getList, postRestores, deleteRestoresById.
func (t *route) id() string {
	var b strings.Builder
	b.WriteString(strings.ToLower(t.method))
	for _, part := range strings.FieldsFunc(t.path, func(r rune) bool { return r == '/' || r == '.' }) {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			part = "By" + strings.ToUpper(name[:1]) + strings.TrimSuffix(name[1:], "}")
		} else {
			part = strings.ToUpper(part[:1]) + part[1:]
		}
		b.WriteString(part)
	}
	return b.String()
}
