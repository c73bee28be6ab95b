package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/api"
	"slotfs/cmd/internal/service/scrubs"
	"slotfs/cmd/internal/term"
	"slotfs/indexer/scrub"
)

// destinationVerified is how the backups of a destination compare, as --json shows it.
type destinationVerified struct {
	scrub.Summary
	Destination string             `json:"destination"`
	Found       []scrub.Difference `json:"found"`
	NotCompared []scrubs.Skipped   `json:"not_compared"`
	Error       string             `json:"error,omitempty"`
}

// maxFound bounds the differences that are printed or kept for --json.
const maxFound = 10_000

// verifyDestination reads backups again, in the process that owns the index or in this one.
func (s *settings) verifyDestination(c *cli.Context, d *config.Destination, share float64) error {
	if c.IsSet("slot") {
		return exit.Usagef("--slot: only for a job")
	}
	if share == 0 {
		return exit.Usagef("--sample 0: nothing of a destination would be read")
	}
	q := scrubs.Request{Destination: d.Name, Account: c.String("account"), Share: share}
	if text := c.String("bandwidth"); text != "" {
		var err error
		if q.Rate, err = config.ParseRate(text); err != nil {
			return exit.Usagef("--%w", err)
		}
	}
	out := destinationVerified{Destination: d.Name, Found: []scrub.Difference{}, NotCompared: []scrubs.Skipped{}}
	var end *scrubs.Finished
	meter := newVerifyMeter(s)
	err := s.WithIndex(c.Context, func(x *api.Client) error {
		return x.Verify(c.Context, q, func(e scrubs.Event) {
			meter.hide()
			switch {
			case e.Progress != nil:
				meter.show(e.Progress)
			case e.Difference != nil && len(out.Found) < maxFound:
				out.Found = append(out.Found, *e.Difference)
				s.verifyLine(d.Name, e.Difference.Source+": "+e.Difference.What)
			case e.Skipped != nil && len(out.NotCompared) < maxFound:
				out.NotCompared = append(out.NotCompared, *e.Skipped)
				s.verifyLine(d.Name, e.Skipped.Source+": not compared: "+e.Skipped.Reason)
			case e.Finished != nil:
				end = e.Finished
			}
		})
	})
	meter.hide()
	if c.Context.Err() != nil {
		return c.Context.Err()
	}
	if err != nil {
		return err
	}
	if end == nil {
		return fmt.Errorf("verify %s: %w", d.Name, api.ErrLost)
	}
	out.Summary, out.Error = end.Summary, end.Error
	return s.endVerification(&out, end)
}

// verifyLine tells what is not as it was indexed.
func (s *settings) verifyLine(destination, text string) {
	if !s.json {
		fmt.Fprintf(s.err, "slotfs: %s: %s\n", destination, term.Clean(text))
	}
}

// endVerification prints how a verification ended and tells how the command ends.
func (s *settings) endVerification(out *destinationVerified, end *scrubs.Finished) error {
	switch {
	case s.json:
		if err := s.printJSON(out); err != nil {
			return err
		}
	case out.Backups > 0:
		fmt.Fprintf(s.out, "%s: read %s of %s; %s verified", out.Destination, term.Bytes(out.Read), term.Bytes(out.Bytes), term.Count(int64(out.Verified), "backup", "backups"))
		for _, more := range []struct {
			n    int
			text string
		}{
			{out.Noted, "read for the first time, to be compared the next time"}, {out.Unfinished, "begun, to be gone on with"},
			{out.Differing, "not as indexed"}, {out.Skipped, "not compared"},
		} {
			if more.n > 0 {
				fmt.Fprintf(s.out, ", %d %s", more.n, more.text)
			}
		}
		fmt.Fprintln(s.out)
	}
	switch {
	case end.Error != "" && s.json:
		return &reported{end.Code}
	case end.Error != "":
		return exit.With(fmt.Errorf("%s", end.Error), end.Code, end.Hint)
	case out.Differences > 0 || out.Skipped > 0:
		return &reported{exit.Partial}
	}
	return nil
}

// verifyMeter shows on a terminal how much was read.
type verifyMeter struct {
	s     *settings
	live  bool
	shown bool
}

func newVerifyMeter(s *settings) *verifyMeter {
	return &verifyMeter{s: s, live: !s.json && term.IsTerminal(s.err)}
}

func (m *verifyMeter) show(p *scrubs.Progress) {
	if !m.live {
		return
	}
	line := fmt.Sprintf("%s of %s  %s", term.Bytes(p.Done), term.Bytes(p.Total), term.Clean(p.Source))
	if most := term.Width(m.s.err) - 1; len(line) > most && most > 0 {
		line = line[:most]
	}
	fmt.Fprintf(m.s.err, "\r%s\x1b[K", line)
	m.shown = true
}

// hide removes what is shown.
func (m *verifyMeter) hide() {
	if m.shown {
		fmt.Fprint(m.s.err, "\r\x1b[K")
		m.shown = false
	}
}
