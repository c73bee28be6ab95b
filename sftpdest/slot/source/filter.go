package source

import (
	"errors"
	"fmt"
	"strings"
)

// filter is a list of rules, of which the first that matches decides.
type filter []rule

// rule is one pattern.
type rule struct {
	include  bool
	folders  bool // it matches folders only
	anchored bool // it matches from the root on
	wild     bool // it has wildcards
	deep     bool // it has "**"
	prefix   bool // it begins with "**"
	suffix   bool // it ends with "***": a folder and what is in it
	elements int  // slashes in it, a last one not counted
	pattern  string
	globbed  glob
}

const (
	maxPattern = 4096 // bytes
	maxRules   = 10000
)

// parseFilter reads patterns.
func parseFilter(patterns []string) (filter, error) {
	var f filter
	for _, text := range patterns {
		if text == "!" {
			f = f[:0]
			continue
		}
		r, err := parseRule(text)
		if err != nil {
			return nil, fmt.Errorf("pattern %.80q: %w", text, err)
		}
		if f = append(f, r); len(f) > maxRules {
			return nil, fmt.Errorf("more than %d patterns", maxRules)
		}
	}
	return f, nil
}

// parsePatterns splits a file with one pattern a line.
func parsePatterns(text string) []string {
	var all []string
	for line := range strings.FieldsFuncSeq(text, func(c rune) bool { return c == '\n' || c == '\r' }) {
		if line[0] != '#' && line[0] != ';' {
			all = append(all, line)
		}
	}
	return all
}

func parseRule(text string) (rule, error) {
	var r rule
	if len(text) > 1 && (text[0] == '+' || text[0] == '-') && text[1] == ' ' {
		r.include, text = text[0] == '+', text[2:]
	}
	switch {
	case len(text) > maxPattern:
		return r, errors.New("too long")
	case strings.IndexByte(text, 0) >= 0:
		return r, errors.New("NUL in it")
	case text == "":
		return r, errors.New("empty")
	}
	if len(text) > 1 && text[len(text)-1] == '/' {
		r.folders, text = true, text[:len(text)-1]
	}
	r.elements = strings.Count(text, "/")
	r.wild = strings.ContainsAny(text, "*[?")
	if r.wild {
		r.deep = strings.Contains(text, "**")
		r.prefix = strings.HasPrefix(text, "**")
		r.suffix = strings.HasSuffix(text, "***")
	}
	r.anchored, r.pattern = text[0] == '/', strings.TrimPrefix(text, "/")
	if r.wild {
		r.globbed = parseGlob(r.pattern)
	}
	return r, nil
}

// excluded reports whether what stands at path is left out.
func (f filter) excluded(path string, folder bool) bool {
	for i := range f {
		if f[i].matches(path, folder) {
			return !f[i].include
		}
	}
	return false
}

// matches reports whether a rule is about path, which has no '/' at its beginning and is not empty.
func (r *rule) matches(path string, folder bool) bool {
	if r.folders && !folder {
		return false
	}
	if r.elements == 0 && !r.deep {
		path = path[strings.LastIndexByte(path, '/')+1:]
	} else if r.suffix && folder {
		path += "/" // "dir/***" is about dir too
	}
	if !r.wild {
		return r.literal(path)
	}
	if r.prefix {
		// "**/name" is about a name in the root too.
		return r.globbed.match("/" + path)
	}
	switch {
	case r.anchored:
		return r.globbed.match(path)
	case r.deep:
		return r.matchesBehindAnySlash(path)
	case r.elements > 0:
		return r.matchesLast(path)
	}
	return r.globbed.match(path)
}

func (r *rule) literal(path string) bool {
	if r.anchored {
		return path == r.pattern
	}
	return strings.HasSuffix(path, r.pattern) && (len(path) == len(r.pattern) || path[len(path)-len(r.pattern)-1] == '/')
}

func (r *rule) matchesBehindAnySlash(path string) bool {
	for {
		if r.globbed.match(path) {
			return true
		}
		_, rest, more := strings.Cut(path, "/")
		if !more {
			return false
		}
		path = rest
	}
}

// matchesLast holds the pattern against as many elements as it has.
func (r *rule) matchesLast(path string) bool {
	at := len(path)
	for range r.elements + 1 {
		if at = strings.LastIndexByte(path[:max(at, 0)], '/'); at < 0 {
			break
		}
	}
	return r.globbed.match(path[at+1:])
}
