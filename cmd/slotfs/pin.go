package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/jobs"
	"slotfs/indexer/dest"
	"slotfs/sftpdest/slot"
)

func pinCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "pin",
		Usage:     "protect a slot: sync overwrites another one",
		ArgsUsage: "JOB ACCOUNT SLOT",
		Flags:     []cli.Flag{adoptFlag()},
		Action:    func(c *cli.Context) error { return s.pin(c, true) },
	}
}

func unpinCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "unpin",
		Usage:     "let sync overwrite a slot again",
		ArgsUsage: "JOB ACCOUNT SLOT",
		Flags:     []cli.Flag{adoptFlag()},
		Action:    func(c *cli.Context) error { return s.pin(c, false) },
	}
}

// pin sets or clears the pin of a slot.
func (s *shell) pin(c *cli.Context, pinned bool) error {
	return s.onSlot(c, func(g *settings, d dest.ReadWriter, j *config.Job, account string, number int) error {
		return g.pinSlot(c.Context, d, j, account, number, pinned, c.Bool("adopt"))
	})
}

// onSlot runs do on the slot that the arguments JOB ACCOUNT SLOT name, while it holds the account: a run that begins just then
// must see what is done or be seen by it.
func (s *shell) onSlot(c *cli.Context, do func(g *settings, d dest.ReadWriter, j *config.Job, account string, number int) error) error {
	g, j, err := s.jobNamed(c, "JOB", "ACCOUNT", "SLOT")
	if err != nil {
		return err
	}
	account := c.Args().Get(1)
	if err := config.AccountName(account); err != nil {
		return exit.With(err, exit.Usage, "")
	}
	number, err := slotNumber(c.Args().Get(2))
	if err != nil {
		return err
	}
	return g.onJob(j, func(d dest.ReadWriter) error {
		held, err := g.State.LockAccount(j.Destination, account)
		if err != nil {
			return fmt.Errorf("account %s: %w", account, err)
		}
		defer held.Release()
		if err := jobs.HasSlot(c.Context, d, j, account, number); err != nil {
			return err
		}
		return do(g, d, j, account, number)
	})
}

func slotNumber(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, exit.Usagef("slot %q: want its number, as `slotfs slots` shows it", text)
	}
	return n, nil
}

// pinSlot sets or clears the pin, and says so.
func (s *settings) pinSlot(ctx context.Context, d dest.ReadWriter, j *config.Job, account string, number int, pinned, adopt bool) error {
	machine, err := s.machine()
	if err != nil {
		return err
	}
	owner := slot.Owner{Machine: machine, Adopt: adopt}
	if err := slot.Pin(ctx, d, jobs.Directory(j, account), number, pinned, owner); err != nil {
		return fmt.Errorf("account %s: slot %d: %w", account, number, jobs.Advised(err))
	}
	changed, word := "pinned", "pinned"
	if !pinned {
		changed, word = "unpinned", "not pinned any more"
	}
	return s.tell(changedJSON{Changed: changed, Job: j.Name, Account: account, Slot: number}, "%s/%s: slot %d is %s", j.Name, account, number, word)
}
