package web

import (
	"regexp"
	"strings"
	"testing"
)

func TestThePageInAPanelNeedsNoOtherFile(t *testing.T) {
	document, policy := Inline("cpanel", "nonce1234")
	text := string(document)
	for _, m := range regexp.MustCompile(`(?:src|href|url)\s*[=(]\s*["']?(/[^"')]*)`).FindAllStringSubmatch(text, -1) {
		t.Errorf("it asks for %s", m[1])
	}
	for name, f := range pages() {
		if strings.HasSuffix(name, ".css") && !strings.Contains(text, string(f.bytes)) {
			t.Errorf("%s is not in it", name)
		}
		if strings.HasSuffix(name, ".js") && !strings.Contains(text, `"slotfs`+name+`":"data:text/javascript;base64,`) {
			t.Errorf("%s is not in it", name)
		}
		if strings.HasSuffix(name, ".css") && strings.Contains(string(f.bytes), "</style") {
			t.Errorf("%s ends its own element", name)
		}
		if rest := ownModule.ReplaceAllString(string(f.bytes), ""); strings.HasSuffix(name, ".js") && regexp.MustCompile(`(?:from|import)\s*\(?\s*["'][./]`).MatchString(rest) {
			t.Errorf("%s names another module in a way that is not inlined", name)
		}
	}
	if !strings.Contains(text, `<html data-panel="cpanel"`) || !strings.Contains(text, `import "slotfs/app.js";`) || !strings.Contains(text, "<style nonce=\"nonce1234\">") {
		t.Errorf("%.2000s", text)
	}
	if strings.Contains(policy, "unsafe") || !strings.Contains(policy, "script-src 'nonce-nonce1234';") || !strings.Contains(text, "script-src &#39;nonce-nonce1234&#39;;") {
		t.Error(policy)
	}
}

func TestOnlyTheGatewayReachesTheServer(t *testing.T) {
	for name, f := range pages() {
		if !strings.HasSuffix(name, ".js") || name == "/gateway.js" {
			continue
		}
		for _, past := range regexp.MustCompile(`\bfetch\(|\bEventSource\(|\bXMLHttpRequest\b|\b(?:href|src|action): ["'`+"`"+`]/api/`).FindAllString(string(f.bytes), -1) {
			t.Errorf("%s: %s goes past gateway.js, and leads nowhere in a hosting panel", name, past)
		}
	}
}
