package config

import (
	"bytes"
	"fmt"

	"github.com/pelletier/go-toml/v2/unstable"
)

// places tells where things stand in a file.
type places struct {
	data   []byte
	tables []tablePlace
	// keys has the offset of the key of each value, by its path joined with NUL.
	keys map[string]int
	ends map[string]int // the same of the byte behind the value
}

// tablePlace is one [a.b] header and the values below it.
type tablePlace struct {
	path  []string
	start int // first byte of the header's line
	end   int // first byte after the line of the last value, or of the header
}

// scan finds all tables and keys of a TOML document.
func scan(data []byte) (*places, error) {
	w := &places{data: data, keys: map[string]int{}, ends: map[string]int{}}
	var p unstable.Parser
	p.Reset(data)
	var at []string
	for p.NextExpression() {
		e := p.Expression()
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			path, offset := keyOf(e)
			at = path
			w.tables = append(w.tables, tablePlace{path: path, start: w.lineStart(offset), end: w.lineEnd(offset)})
			w.note(path, offset)
		case unstable.KeyValue:
			path, offset := keyOf(e)
			full := append(append([]string(nil), at...), path...)
			w.note(full, offset)
			w.ends[joined(full)] = int(e.Raw.Offset) + int(e.Raw.Length)
			if n := len(w.tables); n > 0 {
				last := int(e.Raw.Offset) + int(e.Raw.Length)
				w.tables[n-1].end = w.lineEnd(last)
			}
		}
	}
	if err := p.Error(); err != nil {
		return nil, fmt.Errorf("parse: %w", err)
	}
	return w, nil
}

// keyOf gives the path of a header's or value's key and the offset of its first byte.
func keyOf(e *unstable.Node) (path []string, offset int) {
	offset = -1
	for it := e.Key(); it.Next(); {
		if offset < 0 {
			offset = int(it.Node().Raw.Offset)
		}
		path = append(path, string(it.Node().Data))
	}
	return path, offset
}

func (w *places) note(path []string, offset int) {
	k := joined(path)
	if _, ok := w.keys[k]; !ok {
		w.keys[k] = offset
	}
}

func joined(path []string) string {
	var b bytes.Buffer
	for _, p := range path {
		b.WriteString(p)
		b.WriteByte(0)
	}
	return b.String()
}

// line tells the line of the key at a path, or of the nearest table above it that is there; 0 if there is none.
func (w *places) line(path ...string) int {
	for ; len(path) > 0; path = path[:len(path)-1] {
		if offset, ok := w.keys[joined(path)]; ok {
			return bytes.Count(w.data[:offset], []byte("\n")) + 1
		}
	}
	return 0
}

func (w *places) lineStart(offset int) int { return bytes.LastIndexByte(w.data[:offset], '\n') + 1 }

func (w *places) lineEnd(offset int) int {
	if i := bytes.IndexByte(w.data[offset:], '\n'); i >= 0 {
		return offset + i + 1
	}
	return len(w.data)
}

// table finds the one [SECTION.NAME] header.
func (w *places) table(section, name string) (tablePlace, bool) {
	for _, t := range w.tables {
		if len(t.path) == 2 && t.path[0] == section && t.path[1] == name {
			return t, true
		}
	}
	return tablePlace{}, false
}
