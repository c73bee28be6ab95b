package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/api"
	"slotfs/cmd/internal/term"
	"slotfs/indexer/backup"
)

func statusCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:  "status",
		Usage: "show the mount, the index, how the last passes ended, and what is wrong",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "check", Usage: "one line and an exit code for monitoring systems"},
			&cli.StringFlag{Name: "max-age", Usage: "with --check: the newest good backup of anything may be `AGE` old (26h, 3d), whatever the configuration says"},
		},
		Action: func(c *cli.Context) error {
			if c.Bool("check") {
				return s.check(c)
			}
			g, err := s.begin(c)
			if err != nil {
				return err
			}
			if c.IsSet("max-age") {
				return exit.Usagef("--max-age: only with --check")
			}
			r, err := g.Status(c.Context)
			if err != nil {
				return err
			}
			if g.json {
				return g.printJSON(r)
			}
			return g.printReport(r)
		},
	}
}

// printReport shows a report to people.
func (s *settings) printReport(r *api.Report) error {
	if r.Mountpoint != "" {
		fmt.Fprintf(s.out, "mounted at %s since %s (process %d)\n", r.Mountpoint, clock(r.Since), r.PID)
	} else if r.Serves {
		fmt.Fprintf(s.out, "served since %s (process %d)\n", clock(r.Since), r.PID)
	} else if r.PID != 0 {
		fmt.Fprintf(s.out, "not mounted; process %d works with the index since %s\n", r.PID, clock(r.Since))
	} else {
		fmt.Fprintln(s.out, "not mounted")
	}
	if r.Fault != "" {
		fmt.Fprintf(s.out, "index: %s\n", term.Clean(r.Fault))
	} else {
		s.printIndex(r)
	}
	s.printCache(r.Cache)
	fmt.Fprintln(s.out)
	rows := [][]string{{"DESTINATION", "ACCOUNTS", "SNAPSHOTS", "NEWEST", "LAST PASS", "NEXT PASS"}}
	for i := range r.Destinations {
		d := &r.Destinations[i]
		rows = append(rows, []string{d.Name, strconv.Itoa(d.Accounts), snapshotCounts(d), day(d.Newest), lastPass(d), clock(d.NextPass)})
	}
	if err := term.Table(s.out, rows); err != nil {
		return err
	}
	for i := range r.Destinations {
		s.printVerified(&r.Destinations[i])
		s.printConcerns(&r.Destinations[i])
		s.printNotes(&r.Destinations[i])
		s.printErrors(&r.Destinations[i])
	}
	s.printWrong(r)
	return nil
}

// maxConcerns is of how many accounts of a destination concerns are printed.
const maxConcerns = 20

// printConcerns shows whose newest good backup is poorer than it should be.
func (s *settings) printConcerns(d *api.DestinationReport) {
	if len(d.Concerns) == 0 {
		return
	}
	fmt.Fprintf(s.out, "\nconcerns about the newest backups on %s:\n", d.Name)
	for _, c := range d.Concerns[:min(len(d.Concerns), maxConcerns)] {
		fmt.Fprintf(s.out, "  %s: %s\n", term.Clean(c.Account), term.Clean(strings.Join(c.Texts, "; ")))
	}
	if more := len(d.Concerns) - maxConcerns; more > 0 {
		fmt.Fprintf(s.out, "  and %s; all are in status --json\n", term.Count(int64(more), "more account", "more accounts"))
	}
}

// printNotes shows what is not as it stands in the backups, although their bytes are right.
func (s *settings) printNotes(d *api.DestinationReport) {
	if len(d.Notes) == 0 {
		return
	}
	fmt.Fprintf(s.out, "\nnotes on %s (snapshot.json has examples):\n", d.Name)
	for _, n := range d.Notes {
		fmt.Fprintf(s.out, "  %s: %s in %s\n", term.Clean(string(n.Kind)), term.Count(int64(n.Entries), "entry", "entries"),
			term.Count(int64(n.Snapshots), "snapshot", "snapshots"))
	}
}

// printIndex shows how much the index holds.
func (s *settings) printIndex(r *api.Report) {
	fmt.Fprintf(s.out, "index: %s, %s (%s), %s (%s), %s on disk\n", term.Count(r.Index.Snapshots, "snapshot", "snapshots"),
		term.Count(r.Index.Nodes, "directory", "directories"), term.Bytes(r.Index.NodeBytes), term.Count(r.Index.Points, "seek point", "seek points"), term.Bytes(r.Index.PointBytes), term.Bytes(r.Index.DiskBytes))
}

// printCache shows the cache of a mount, if it has one.
func (s *settings) printCache(c *api.CacheReport) {
	if c == nil {
		return
	}
	fmt.Fprintf(s.out, "cache: %s of %s on disk, %d blocks read from it, %d from destinations since the mount", term.Bytes(c.Bytes),
		term.Bytes(c.Limit), c.Hits, c.Misses)
	if c.Off {
		fmt.Fprint(s.out, "; nothing is stored, see the log")
	}
	fmt.Fprintln(s.out)
}

// snapshotCounts counts by status: "12 complete, 1 truncated".
func snapshotCounts(d *api.DestinationReport) string {
	var words []string
	for _, status := range []backup.Status{backup.Complete, backup.Truncated, backup.Corrupt, backup.Unreadable,
		backup.Growing, backup.Incomplete} {
		if n := d.Snapshots[status]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, status))
		}
	}
	if len(words) == 0 {
		return "-"
	}
	return strings.Join(words, ", ")
}

// lastPass says how the last pass ended.
func lastPass(d *api.DestinationReport) string {
	switch {
	case d.Running != nil:
		return "running since " + clock(&d.Running.Began)
	case d.LastPass == nil:
		return "never"
	case d.LastPass.Code == exit.Interrupted:
		return clock(&d.LastPass.Ended) + " interrupted"
	case d.LastPass.Error != "":
		return clock(&d.LastPass.Ended) + " failed"
	case d.LastPass.Summary != nil && len(d.LastPass.Summary.Errors) > 0:
		return clock(&d.LastPass.Ended) + " with errors"
	}
	return clock(&d.LastPass.Ended) + " ok"
}

// shownErrors is how many errors of a pass are shown.
const shownErrors = 10

func (s *settings) printErrors(d *api.DestinationReport) {
	if !d.Configured {
		fmt.Fprintf(s.out, "\n%s is not in the configuration: its snapshots can be listed, not read\n", d.Name)
	}
	if d.LastPass == nil {
		return
	}
	var errs []string
	if d.LastPass.Summary != nil {
		errs = d.LastPass.Summary.Errors
	}
	if d.LastPass.Error != "" && d.LastPass.Code != exit.Interrupted {
		errs = append(slices.Clone(errs), d.LastPass.Error)
	}
	if len(errs) == 0 {
		return
	}
	fmt.Fprintf(s.out, "\nlast pass over %s:\n", d.Name)
	for i, text := range errs {
		if i == shownErrors {
			fmt.Fprintf(s.out, "  ... and %d more; --json shows them\n", len(errs)-i)
			break
		}
		fmt.Fprintf(s.out, "  %s\n", term.Clean(text))
	}
}

func clock(t *time.Time) string {
	if t == nil || t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04")
}

func day(t *time.Time) string {
	if t == nil || t.IsZero() {
		return "-"
	}
	return t.Format("2006-01-02")
}
