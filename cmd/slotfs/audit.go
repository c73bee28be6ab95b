package main

import (
	"bufio"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/service/audit"
	"slotfs/cmd/internal/term"
)

func auditCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "audit",
		Usage:     "show who looked at, downloaded and restored what",
		ArgsUsage: "[ACCOUNT]",
		Flags:     []cli.Flag{sinceFlag("what was done")},
		Action: func(c *cli.Context) error {
			g, since, err := s.recent(c, "ACCOUNT")
			if err != nil {
				return err
			}
			return g.printAudit(c.Args().First(), since)
		},
	}
}

// printAudit prints what was done since a time by or with an account, or by everybody.
func (s *settings) printAudit(account string, since time.Time) error {
	rows := [][]string{{"TIME", "WHO", "DID", "WHAT", "SIZE", "FROM", ""}}
	list := &jsonList{out: bufio.NewWriter(s.out)}
	skipped, err := audit.Open(s.State.Audit()).Read(func(r *audit.Record) error {
		switch {
		case r.Time.Before(since) || account != "" && !r.Concerns(account):
			return nil
		case s.json:
			return list.add(r)
		}
		rows = append(rows, auditRow(r))
		return nil
	})
	if err != nil {
		return s.State.Fault(err)
	}
	s.warnSkipped(skipped, s.State.Audit())
	if s.json {
		return list.end()
	}
	if len(rows) == 1 {
		_, err := fmt.Fprintln(s.out, "nothing was done in that time")
		return printed(err)
	}
	return term.Table(s.out, rows)
}

func auditRow(r *audit.Record) []string {
	what, size := "-", "-"
	if len(r.Paths) > 0 {
		what = term.Cut(term.Clean(r.Paths[0]), 80)
	}
	if r.Count > 1 {
		what += fmt.Sprintf(" and %d more", r.Count-1)
	}
	if r.Bytes > 0 {
		size = term.Bytes(r.Bytes)
	}
	note := term.Cut(term.Clean(strings.TrimSpace(r.Detail+" "+r.Error)), 100)
	return []string{clock(&r.Time), term.Clean(r.Who), string(r.Action), what, size, term.Clean(r.From), note}
}
