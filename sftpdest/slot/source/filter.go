package source

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// filter is a list of rules, of which the first that matches decides.
type filter struct {
	rules []rule
	words int // of a position
}

// rule is one pattern.
type rule struct {
	include     bool
	directories bool // it matches directories only
	anchored    bool // it matches from the root on
	suffix      bool // it ends with "***": a directory and what is in it
	pattern     string
	automaton   *automaton // nil: the pattern has no wildcards
	at          int        // of its state in a position; -1: it is about the last element of a path alone
}

// position is where a walk stands: what the rules know of the path to a directory. Each name in the directory is read from
// there on, and nothing of the path again.
type position []uint64

const (
	maxPattern = 4096 // bytes
	maxRules   = 10000
)

// parseFilter reads patterns.
func parseFilter(patterns []string) (*filter, error) {
	f := &filter{}
	for _, text := range patterns {
		if text == "!" {
			f = &filter{}
			continue
		}
		r, err := parseRule(text)
		if err != nil {
			return nil, fmt.Errorf("pattern %.80q: %w", text, err)
		}
		if f.add(r); len(f.rules) > maxRules {
			return nil, fmt.Errorf("more than %d patterns", maxRules)
		}
	}
	return f, nil
}

func (f *filter) add(r rule) {
	if r.automaton != nil && r.at >= 0 {
		r.at = f.words
		f.words += r.automaton.words
	}
	f.rules = append(f.rules, r)
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
		r.directories, text = true, text[:len(text)-1]
	}
	r.anchored, r.pattern = text[0] == '/', strings.TrimPrefix(text, "/")
	if !strings.ContainsAny(text, "*[?") {
		return r, nil
	}
	deep, prefix := strings.Contains(text, "**"), strings.HasPrefix(text, "**")
	r.suffix = strings.HasSuffix(text, "***")
	r.automaton = newAutomaton(parseGlob(r.pattern), !r.anchored && !prefix)
	if !deep && !strings.Contains(text, "/") {
		r.at = -1
	}
	return r, nil
}

// root is the position in the directory that patterns count from.
func (f *filter) root() position {
	p := make(position, f.words)
	for i := range f.rules {
		if r := &f.rules[i]; r.automaton != nil && r.at >= 0 {
			state := p[r.at:][:r.automaton.words]
			r.automaton.start(state)
			if strings.HasPrefix(r.pattern, "**") && !r.anchored {
				r.automaton.read(state, "/") // "**/name" is about a name in the root too
			}
		}
	}
	return p
}

// enter is the position in a directory of the one that p is about.
func (f *filter) enter(p position, name string) position {
	if len(p) == 0 {
		return p
	}
	next := slices.Clone(p)
	for i := range f.rules {
		if r := &f.rules[i]; r.automaton != nil && r.at >= 0 {
			state := next[r.at:][:r.automaton.words]
			r.automaton.read(state, name)
			r.automaton.read(state, "/")
		}
	}
	return next
}

// decide looks for the first rule that matches a path; name is its last element, in the directory that p is about.
func (f *filter) decide(p position, path, name string, directory bool) (decided, excluded bool) {
	for i := range f.rules {
		if f.rules[i].matches(p, path, name, directory) {
			return true, !f.rules[i].include
		}
	}
	return false, false
}

// fresh is the state of an automaton that begins with the last element of a path. Of such a one no other word is set.
var fresh = [maxPattern/64 + 1]uint64{1}

// matches reports whether a rule is about path, which has no '/' at its beginning and is not empty.
func (r *rule) matches(p position, path, name string, directory bool) bool {
	if r.directories && !directory {
		return false
	}
	a := r.automaton
	if a == nil {
		return r.literal(path)
	}
	state := fresh[:a.words]
	if r.at >= 0 {
		state = p[r.at:][:a.words]
	}
	rest := ""
	if r.suffix && directory {
		rest = "/" // "dir/***" is about dir too
	}
	return a.matches(state, name, rest)
}

func (r *rule) literal(path string) bool {
	if r.anchored {
		return path == r.pattern
	}
	return strings.HasSuffix(path, r.pattern) && (len(path) == len(r.pattern) || path[len(path)-len(r.pattern)-1] == '/')
}
