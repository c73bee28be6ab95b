package main

import (
	"bufio"
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/history"
	"slotfs/cmd/internal/term"
)

func historyCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "history",
		Usage:     "show how passes, backups and verifications ended",
		ArgsUsage: "[JOB|DESTINATION|ACCOUNT]",
		Flags: []cli.Flag{
			sinceFlag("what ended"),
			&cli.BoolFlag{Name: "failed", Usage: "only what failed or was done with less"},
		},
		Action: func(c *cli.Context) error {
			g, since, err := s.recent(c, "NAME")
			if err != nil {
				return err
			}
			conf, err := g.Config()
			if err != nil {
				return err
			}
			h := &historyQuery{settings: g, name: c.Args().First(), since: since, failed: c.Bool("failed")}
			return h.run(conf)
		},
	}
}

// historyQuery is one run of the command.
type historyQuery struct {
	*settings
	name   string // of a job, a destination or an account; empty: all
	since  time.Time
	failed bool

	known bool // the name is that of something
	rows  [][]string
	list  *jsonList
}

// run prints the records that are asked for, oldest first.
func (h *historyQuery) run(conf *config.Config) error {
	h.known = h.name == "" || conf.Jobs[h.name] != nil || conf.Destinations[h.name] != nil
	h.rows = [][]string{{"ENDED", "KIND", "OF", "RESULT", "TOOK", "FILES", "SIZE", "SENT", ""}}
	if h.json {
		h.list = &jsonList{out: bufio.NewWriter(h.out)}
	}
	records := history.New(h.State.History()).Follow()
	if err := records.Poll(h.take); err != nil {
		return h.State.Fault(err)
	}
	if !h.known {
		return exit.With(fmt.Errorf("history: no job, destination or account %s", term.Clean(h.name)), exit.Usage, "slotfs history lists all")
	}
	h.warnSkipped(records.Skipped, h.State.History())
	if h.json {
		return h.list.end()
	}
	if len(h.rows) == 1 {
		_, err := fmt.Fprintln(h.out, "nothing ended in that time")
		return printed(err)
	}
	return term.Table(h.out, h.rows)
}

// take shows a record if it is asked for.
func (h *historyQuery) take(r *history.Record) error {
	if h.name != "" && h.name != r.Job && h.name != r.Destination && h.name != r.Account && h.name != r.Object() {
		return nil
	}
	h.known = true
	if r.Ended.Before(h.since) || h.failed && r.Result == history.Complete {
		return nil
	}
	if h.json {
		return h.list.add(r)
	}
	h.rows = append(h.rows, historyRow(r))
	return nil
}

// historyRow is a record for people.
func historyRow(r *history.Record) []string {
	files, size, sent := "-", "-", "-"
	switch r.Kind {
	case history.Backup, history.Run:
		files, size, sent = fmt.Sprint(r.Files), term.Bytes(r.Bytes), term.Bytes(r.SentB)
	case history.Pass:
		files, size = term.Count(int64(r.Read), "backup", "backups"), term.Bytes(r.Bytes)
	case history.Forget:
		files, size = term.Count(r.Deleted, "slot", "slots"), term.Bytes(r.Bytes)
	}
	why := cmp.Or(r.Error, r.Warning)
	if r.Differences > 0 {
		why = term.Count(int64(r.Differences), "difference", "differences")
	}
	if r.Concerns != "" && r.Error == "" {
		why = strings.TrimPrefix(why+"; ", "; ") + "concerns: " + r.Concerns
	}
	if r.Waited > 0 {
		why = strings.TrimSuffix("waited "+term.Duration(time.Duration(r.Waited*float64(time.Second)))+"; "+why, "; ")
	}
	took := term.Duration(time.Duration(r.Seconds * float64(time.Second)))
	return []string{clock(&r.Ended), string(r.Kind), term.Clean(r.Object()), string(r.Result), took, files, size, sent, term.Cut(term.Clean(why), 200)}
}
