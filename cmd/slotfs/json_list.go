package main

import (
	"bufio"
	"encoding/json"
	"fmt"
)

// jsonList prints a JSON array as printJSON does, element by element: there may be millions.
type jsonList struct {
	out *bufio.Writer
	n   int
}

// add prints one more element.
func (l *jsonList) add(v any) error {
	text, err := json.MarshalIndent(v, "  ", "  ")
	if err != nil {
		return err
	}
	head := ",\n  "
	l.n++
	if l.n == 1 {
		head = "[\n  "
	}
	_, err = l.out.WriteString(head)
	if err == nil {
		_, err = l.out.Write(text)
	}
	return printed(err)
}

// end closes the array.
func (l *jsonList) end() error {
	tail := "\n]\n"
	if l.n == 0 {
		tail = "[]\n"
	}
	_, err := l.out.WriteString(tail)
	if err == nil {
		err = l.out.Flush()
	}
	return printed(err)
}

// printed says of an error that it is one of the standard output.
func printed(err error) error {
	if err != nil {
		return fmt.Errorf("standard output: %w", err)
	}
	return nil
}
