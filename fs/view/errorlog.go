package view

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"time"
)

// errBuild stands for a build that ended without saying why.
var errBuild = errors.New("snapshot cannot be opened")

// ringLines is how many lines errors.log has at most.
const ringLines = 1000

// errorLog keeps the last errors, one line for each path and message.
type errorLog struct {
	limit int

	mu sync.Mutex
	// mu guards what follows.
	lines []errorLine // oldest first
}

type errorLine struct {
	first, last time.Time
	path, text  string
	times       int
}

func newErrorLog(limit int) *errorLog { return &errorLog{limit: limit} }

// add remembers an error and reports whether it is new.
func (r *errorLog) add(now time.Time, path string, err error) bool {
	text := err.Error()
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.lines {
		if l := &r.lines[i]; l.path == path && l.text == text {
			l.times++
			l.last = now
			return false
		}
	}
	if len(r.lines) >= r.limit {
		r.lines = append(r.lines[:0], r.lines[1:]...)
	}
	r.lines = append(r.lines, errorLine{first: now, last: now, path: path, text: text, times: 1})
	return true
}

// text is the content of errors.log.
func (r *errorLog) text() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out bytes.Buffer
	for i := range r.lines {
		l := &r.lines[i]
		fmt.Fprintf(&out, "%s %s: %s", l.first.UTC().Format(time.RFC3339), quoteLine(l.path), quoteLine(l.text))
		if l.times > 1 {
			fmt.Fprintf(&out, " (%d times, last %s)", l.times, l.last.UTC().Format(time.RFC3339))
		}
		out.WriteByte('\n')
	}
	return out.Bytes()
}
