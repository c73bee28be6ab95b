package main

import (
	"errors"
	"fmt"
	"strings"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/progress"
)

// outcome is how passes ended.
type outcome struct {
	asked    int
	finished []progress.Event
	told     map[string]bool // paths of backups whose errors were shown when they ended
}

func newOutcome(asked int) *outcome { return &outcome{asked: asked, told: map[string]bool{}} }

// take keeps what counts in the end.
func (o *outcome) take(e progress.Event) {
	switch e.Kind {
	case progress.Finished:
		o.finished = append(o.finished, e)
	case progress.Ended:
		if e.Notable() {
			o.told[e.Source.Path] = true
		}
	}
}

// unshown are the errors of a pass that were not shown while it ran.
func (o *outcome) unshown(e progress.Event, quiet bool) []string {
	if quiet {
		return e.Summary.Errors // nothing was shown
	}
	var left []string
	for _, text := range e.Summary.Errors {
		path, _, _ := strings.Cut(text, ": ")
		if !o.told[path] {
			left = append(left, text)
		}
	}
	return left
}

// err is what the command ends with. What is wrong with each destination was printed before.
func (o *outcome) err() error {
	failed, less, code := 0, false, exit.Done
	for _, e := range o.finished {
		if e.Error != "" {
			failed++
			if failed == 1 {
				code = e.Code
			} else if code != e.Code {
				code = exit.Failed
			}
		}
		less = less || e.Summary != nil && (e.Summary.Failed > 0 || len(e.Summary.Errors) > 0)
	}
	switch {
	case failed == 0 && len(o.finished) < o.asked:
		return errors.New("the pass did not come to its end")
	case failed > 0 && failed == len(o.finished):
		return &reported{code}
	case failed > 0 || less:
		return &reported{exit.Partial}
	}
	return nil
}

// resultJSON is how a pass over one destination ended.
type resultJSON struct {
	Destination string `json:"destination"`
	*progress.Summary
	Error string `json:"error,omitempty"`
	Hint  string `json:"hint,omitempty"`
	Code  int    `json:"code"`
}

// printOutcome tells how each pass ended.
func (s *settings) printOutcome(o *outcome, quiet bool) error {
	if s.json {
		all := []resultJSON{}
		for _, e := range o.finished {
			all = append(all, resultJSON{Destination: e.Destination, Summary: e.Summary, Error: e.Error, Hint: e.Hint, Code: e.Code})
		}
		if err := s.printJSON(all); err != nil {
			return err
		}
	}
	for _, e := range o.finished {
		s.printFinished(o, e, quiet)
	}
	return nil
}

func (s *settings) printFinished(o *outcome, e progress.Event, quiet bool) {
	if e.Code == exit.Interrupted {
		s.complain(fmt.Sprintf("index %s: interrupted by the end of the mount", e.Destination), "", e.Code)
		return
	}
	if e.Summary != nil {
		for _, text := range o.unshown(e, quiet || s.json) {
			s.warn(e.Destination+": "+text, "")
		}
		if !quiet && !s.json && e.Error == "" {
			fmt.Fprintf(s.out, "%s: %s\n", e.Destination, e.Summary.Text())
		}
	}
	if e.Error != "" {
		s.complain(e.Error, e.Hint, e.Code)
	}
}
