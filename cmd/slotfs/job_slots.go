package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/jobs"
	"slotfs/cmd/internal/term"
	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot"
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
			return g.onJob(j, func(d dest.ReadWriter) error { return g.slots(c.Context, d, j, c.String("account")) })
		},
	}
}

// onJob opens the destination of a job.
func (s *settings) onJob(j *config.Job, do func(dest.ReadWriter) error) error {
	conf, err := s.Config()
	if err != nil {
		return err
	}
	d, err := s.store(conf.Destinations[j.Destination])
	if err != nil {
		return err
	}
	defer d.Close()
	if err := do(d); err != nil {
		return fmt.Errorf("job %s: %w", j.Name, err)
	}
	return nil
}

// slotJSON is a slot as --json shows it.
type slotJSON struct {
	Account    string     `json:"account"`
	Slot       int        `json:"slot"`
	Gen        uint64     `json:"gen"`
	Phase      string     `json:"phase"`
	Mode       string     `json:"mode"`
	Started    *time.Time `json:"started,omitempty"`
	Finished   *time.Time `json:"finished,omitempty"`
	Entries    int64      `json:"entries"`
	Bytes      int64      `json:"bytes"`
	Durability string     `json:"durability,omitempty"`
	Missing    int64      `json:"missing"`
	Pinned     bool       `json:"pinned"`
	Verified   *time.Time `json:"verified,omitempty"`
	Error      string     `json:"error,omitempty"`
}

func jsonOfSlot(account string, s slot.Slot) slotJSON {
	st := s.State
	out := slotJSON{Account: account, Slot: st.Slot, Gen: st.Gen, Phase: string(st.Phase), Mode: string(st.Mode),
		Started: known(st.Started), Finished: known(st.Finished), Durability: st.Durability, Pinned: st.Pinned, Verified: known(st.Verified)}
	if st.Manifest != nil && st.Phase == manifest.Complete {
		out.Entries, out.Bytes, out.Missing = st.Manifest.Entries, st.Manifest.Bytes, st.Missing
	}
	switch {
	case errors.Is(s.Err, fs.ErrNotExist): // a run ended before it had written the state
		out.Phase = "begun"
	case s.Err != nil:
		out.Phase, out.Error = "unreadable", s.Err.Error()
	}
	return out
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// slots lists the slots of a job. Accounts that cannot be listed are told, and the others shown.
func (s *settings) slots(ctx context.Context, d dest.Reader, j *config.Job, only string) error {
	accounts, err := jobs.AccountsOn(ctx, d, j, only)
	if err != nil {
		return err
	}
	rows, failed := []slotJSON{}, 0
	var last error
	type listed struct {
		slots []slot.Slot
		err   error
	}
	list := func(account string) listed {
		all, err := jobs.Slots(ctx, d, j, account)
		return listed{all, err}
	}
	for account, got := range jobs.OrderedParallel(ctx, accounts, list) {
		if only == "" && errors.Is(got.err, jobs.ErrNoSlots) {
			continue
		}
		if got.err != nil {
			failed, last = failed+1, got.err
			continue
		}
		for _, one := range got.slots {
			rows = append(rows, jsonOfSlot(account, one))
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if failed > 0 && failed == len(accounts) {
		return last
	}
	if err := s.printSlots(rows); err != nil {
		return err
	}
	if last != nil {
		return exit.With(last, exit.Partial, "")
	}
	return nil
}

func (s *settings) printSlots(rows []slotJSON) error {
	if s.json {
		return s.printJSON(rows)
	}
	table := [][]string{{"ACCOUNT", "SLOT", "GEN", "FINISHED", "PHASE", "ENTRIES", "MISSING", "SIZE", "PINNED", "VERIFIED"}}
	for _, r := range rows {
		table = append(table, []string{r.Account, strconv.Itoa(r.Slot), strconv.FormatUint(r.Gen, 10), when(r.Finished), r.Phase,
			strconv.FormatInt(r.Entries, 10), strconv.FormatInt(r.Missing, 10), term.Bytes(r.Bytes), yesNo(r.Pinned), when(r.Verified)})
	}
	return term.Table(s.out, table)
}

// when shows a time, or that there is none.
func when(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05")
}
