package main

import (
	"strconv"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/slots"
)

func pinCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "pin",
		Usage:     "protect a slot: sync overwrites another one",
		ArgsUsage: "JOB ACCOUNT SLOT",
		Flags:     []cli.Flag{adoptFlag()},
		Action:    func(c *cli.Context) error { return s.pin(c, true, "pinned") },
	}
}

func unpinCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "unpin",
		Usage:     "let sync overwrite a slot again",
		ArgsUsage: "JOB ACCOUNT SLOT",
		Flags:     []cli.Flag{adoptFlag()},
		Action:    func(c *cli.Context) error { return s.pin(c, false, "not pinned any more") },
	}
}

// pin sets or clears the pin of a slot.
func (s *shell) pin(c *cli.Context, pinned bool, word string) error {
	return s.onSlot(c, word, func(set *slots.Set, account string, number int) (slots.Changed, error) {
		return set.Pin(c.Context, account, number, pinned, c.Bool("adopt"))
	})
}

// onSlot changes the slot that the arguments JOB ACCOUNT SLOT name, and says what it is then.
func (s *shell) onSlot(c *cli.Context, word string, change func(set *slots.Set, account string, number int) (slots.Changed, error)) error {
	g, j, err := s.jobNamed(c, "JOB", "ACCOUNT", "SLOT")
	if err != nil {
		return err
	}
	number, err := slotNumber(c.Args().Get(2))
	if err != nil {
		return err
	}
	return g.onJob(j, func(set *slots.Set) error {
		done, err := change(set, c.Args().Get(1), number)
		if err != nil {
			return err
		}
		return g.tell(done, "%s/%s: slot %d is %s", done.Job, done.Account, done.Slot, word)
	})
}

func slotNumber(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, exit.Usagef("slot %q: want its number, as `slotfs slots` shows it", text)
	}
	return n, nil
}
