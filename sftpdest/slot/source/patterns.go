package source

import (
	"bytes"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// What a source's own file with patterns may have. Its owner wrote it: what is beyond has no effect.
const (
	maxOwnFile  = 64 << 10 // bytes
	maxOwnLine  = 1024     // bytes
	maxOwnRules = 1000
)

// readOwnPatterns reads Options.ExcludeFile. What is no pattern, or too much, has no effect: the owner of the source
// cannot make a backup fail, nor take long.
func (w *walker) readOwnPatterns() error {
	w.own = &filter{}
	defer func() {
		w.tree.mu.Lock()
		defer w.tree.mu.Unlock()
		w.tree.ignored = w.ignored
	}()
	o := &w.tree.o
	if o.ExcludeFile == "" {
		return nil
	}
	root, below := w.tree.locate(strings.TrimPrefix(o.ExcludeIn+"/"+o.ExcludeFile, "/"))
	text, err := readHead(int(root.Fd()), below, maxOwnFile+1)
	if gone(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read patterns in %s: %w", o.ExcludeFile, err)
	}
	if len(text) > maxOwnFile {
		text = text[:bytes.LastIndexByte(text, '\n')+1]
		w.ignored = fmt.Errorf("%s has more than %d bytes: the rest of its patterns has no effect", o.ExcludeFile, maxOwnFile)
	}
	for _, line := range parsePatterns(string(text)) {
		r, err := parseRule(line)
		switch {
		case line == "!":
			w.own = &filter{}
		case err != nil || len(line) > maxOwnLine || len(w.own.rules) >= maxOwnRules:
			w.ignored = fmt.Errorf("%s has patterns without effect: more than %d, longer than %d bytes, or none at all", o.ExcludeFile, maxOwnRules, maxOwnLine)
		default:
			w.own.add(r)
		}
	}
	return nil
}

// position lets patterns know that the walk is in the directory p.
func (w *walker) position(p *place) {
	if p.path != "" {
		name := p.path[strings.LastIndexByte(p.path, '/')+1:]
		p.job = w.tree.filter.enter(p.job, name)
		if p.patterns {
			p.own = w.own.enter(p.own, name)
		}
	}
	if p.path == w.tree.o.ExcludeIn {
		p.own, p.owned, p.patterns = w.own.root(), len(p.path), true
		if p.path != "" {
			p.owned++
		}
	}
}

// excluded reports whether patterns leave out what stands at p, in the directory that p.job and p.own are about.
func (w *walker) excluded(p *place, kind byte) bool {
	decided, out := w.tree.filter.decide(p.job, p.path, p.name, kind == unix.DT_DIR)
	if !decided && p.patterns {
		_, out = w.own.decide(p.own, p.path[p.owned:], p.name, kind == unix.DT_DIR)
	}
	return out
}
