package main

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/service/slots"
	"slotfs/cmd/internal/term"
)

func slotsCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "slots",
		Usage:     "list the slots that a job wrote",
		ArgsUsage: "JOB",
		Flags:     []cli.Flag{&cli.StringFlag{Name: "account", Usage: "only those of `ACCOUNT`"}},

		Subcommands: []*cli.Command{slotsDeleteCommand(s)},
		Action: func(c *cli.Context) error {
			g, j, err := s.jobNamed(c, "JOB")
			if err != nil {
				return err
			}
			return g.onJob(j, func(set *slots.Set) error {
				rows, err := set.List(c.Context, c.String("account"))
				if rows == nil {
					return err
				}
				return errors.Join(g.printSlots(rows), err)
			})
		},
	}
}

// onJob opens the destination of a job.
func (s *settings) onJob(j *config.Job, do func(*slots.Set) error) error {
	conf, err := s.Config()
	if err != nil {
		return err
	}
	d, err := s.store(conf.Destinations[j.Destination])
	if err != nil {
		return err
	}
	defer d.Close()
	if err := do(&slots.Set{Job: j, State: s.State, Store: d, Warn: s.warn}); err != nil {
		return fmt.Errorf("job %s: %w", j.Name, err)
	}
	return nil
}

func (s *settings) printSlots(rows []slots.Slot) error {
	if s.json {
		return s.printJSON(rows)
	}
	table := [][]string{{"ACCOUNT", "SLOT", "GEN", "FINISHED", "PHASE", "ENTRIES", "MISSING", "SIZE", "PINNED", "VERIFIED", "POLICY"}}
	for _, r := range rows {
		table = append(table, []string{r.Account, strconv.Itoa(r.Slot), strconv.FormatUint(r.Gen, 10), when(r.Finished), r.Phase,
			strconv.FormatInt(r.Entries, 10), strconv.FormatInt(r.Missing, 10), term.Bytes(r.Bytes), yesNo(r.Pinned), when(r.Verified), policy(r)})
	}
	return term.Table(s.out, table)
}

// policy tells what the job's policy has in mind with a slot.
func policy(r slots.Slot) string {
	if r.Gone && r.GoneSince != nil {
		return "account gone since " + when(r.GoneSince)
	}
	if r.Gone {
		return "account gone"
	}
	if r.Next != "" {
		return "next: " + r.Next
	}
	return cmp.Or(r.KeptBy, "-")
}

// when shows a time, or that there is none.
func when(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05")
}
