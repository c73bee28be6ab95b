package send

import (
	"net/url"
	"slices"
	"strings"
)

// secrets are the parts of a URL that an error must not repeat, longest first: all but the scheme, the port, and a host that has
// the form of one.
func secrets(text string) []string {
	hidden := []string{text}
	if _, rest, ok := strings.Cut(text, "://"); ok {
		hidden = append(hidden, rest)
	}
	if u, err := url.Parse(text); err == nil {
		if u.User != nil {
			password, _ := u.User.Password()
			hidden = append(hidden, u.User.Username(), password, u.User.String())
		}
		if host := u.Hostname(); !strings.ContainsAny(host, ".:") && host != "localhost" {
			hidden = append(hidden, host)
		}
		hidden = append(hidden, u.Path, u.EscapedPath(), u.RawQuery, u.Fragment)
		hidden = append(hidden, strings.Split(u.Path, "/")...)
		for _, values := range u.Query() {
			for _, v := range values {
				hidden = append(hidden, v, url.QueryEscape(v), url.PathEscape(v))
			}
		}
	} else {
		hidden = append(hidden, strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(":/@?&=#", r) })...)
	}
	hidden = slices.DeleteFunc(hidden, func(s string) bool { return len(s) < leastSecret })
	slices.SortFunc(hidden, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(hidden)
}

// leastSecret is the length below which a part of a URL is no secret: "yes", "/".
const leastSecret = 4

// redact takes secrets out of a text.
func redact(text string, hidden []string) string {
	for _, s := range hidden {
		text = strings.ReplaceAll(text, s, "***")
	}
	return text
}

// Site is what may be shown of a URL with a secret: where it leads to.
func Site(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return "***"
	}
	return u.Scheme + "://" + u.Host + "/***"
}
