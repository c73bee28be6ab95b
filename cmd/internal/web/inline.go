package web

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"html"
	"path"
	"regexp"
	"strings"
)

// inlinePolicy lets a page in a hosting panel run what has the nonce, ask the panel, and nothing else.
const inlinePolicy = "default-src 'none'; script-src 'nonce-NONCE'; style-src 'nonce-NONCE'; img-src data: blob:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'"

var (
	// ownFile is an element of the page that names one of its files.
	ownFile = regexp.MustCompile(`<(link|script)\b[^>]*\b(?:href|src)="(/[^"]*)"[^>]*>(</script>)?`)
	// ownModule is where a script names another one.
	ownModule = regexp.MustCompile(`\b(from|import)(\s*\(?\s*)"\./([\w-]+\.js)"`)
)

// Inline is the page as one document, for panels that serve no other file of it and do not say of what type one is. kind is that of the
// panel; the nonce is to be another one each time. policy is what its Content-Security-Policy says, as a header too.
func Inline(kind, nonce string) (document []byte, policy string) {
	policy = strings.ReplaceAll(inlinePolicy, "NONCE", nonce)
	all := pages()
	modules := map[string]string{}
	for name, f := range all {
		if path.Ext(name) == ".js" {
			text := ownModule.ReplaceAll(f.bytes, []byte(`${1}${2}"slotfs/${3}"`))
			modules["slotfs"+name] = dataURL("text/javascript", text)
		}
	}
	imports, err := json.Marshal(map[string]any{"imports": modules})
	if err != nil {
		panic(err) // of what is in the program itself
	}
	head := `<html data-panel="` + html.EscapeString(kind) + `"`
	text := bytes.Replace(all["/index.html"].bytes, []byte("<html"), []byte(head), 1)
	meta := `<head><meta http-equiv="Content-Security-Policy" content="` + html.EscapeString(policy) + `"><script type="importmap" nonce="` + nonce + `">` + string(imports) + `</script>`
	text = bytes.Replace(text, []byte("<head>"), []byte(meta), 1)
	return ownFile.ReplaceAllFunc(text, func(element []byte) []byte { return inlined(element, nonce, all) }), policy
}

// inlined is what an element that names a file becomes.
func inlined(element []byte, nonce string, all map[string]file) []byte {
	name := string(ownFile.FindSubmatch(element)[2])
	f := all[name]
	switch {
	case path.Ext(name) == ".css":
		return []byte(`<style nonce="` + nonce + `">` + string(f.bytes) + `</style>`)
	case bytes.HasPrefix(element, []byte("<script")):
		return []byte(`<script type="module" nonce="` + nonce + `">import "slotfs` + name + `";</script>`)
	case path.Ext(name) == ".svg":
		return bytes.Replace(element, []byte(name), []byte(dataURL("image/svg+xml", f.bytes)), 1)
	}
	return nil // it is loaded anyway
}

func dataURL(media string, text []byte) string {
	return "data:" + media + ";base64," + base64.StdEncoding.EncodeToString(text)
}
