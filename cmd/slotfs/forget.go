package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/progress"
	"slotfs/cmd/internal/service/api"
	"slotfs/cmd/internal/service/passes"
	"slotfs/cmd/internal/service/slots"
	"slotfs/cmd/internal/term"
)

func forgetCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "forget",
		Usage:     "remove all backups that a job has of an account",
		ArgsUsage: "JOB ACCOUNT",
		Flags:     []cli.Flag{&cli.BoolFlag{Name: "yes", Usage: "do not ask"}, adoptFlag()},
		Action: func(c *cli.Context) error {
			g, j, err := s.jobNamed(c, "JOB", "ACCOUNT")
			if err != nil {
				return err
			}
			return g.onJob(j, func(set *slots.Set) error { return g.forgetAccount(c, set, c.Args().Get(1)) })
		},
	}
}

// forgetAccount removes the slots of an account, says how much room that gives, and has the index forget them.
func (s *settings) forgetAccount(c *cli.Context, set *slots.Set, account string) error {
	count, bytes, err := set.Room(c.Context, account)
	if err != nil {
		return err
	}
	question := fmt.Sprintf("Remove %s of %s/%s (%s) from %s?", term.Count(int64(count), "slot", "slots"), set.Job.Name, account,
		term.Bytes(bytes), set.Job.Destination)
	if err := s.sure(c, question); err != nil {
		return err
	}
	done, err := set.Forget(c.Context, account, c.Bool("adopt"))
	if err != nil {
		return err
	}
	s.indexAccount(c.Context, set.Job, account)
	return s.tell(done, "%s/%s: %s removed, which gives about %s on %s", done.Job, done.Account, term.Count(int64(done.Slots), "slot", "slots"),
		term.Bytes(done.Bytes), set.Job.Destination)
}

// indexAccount has the owner of the index look at an account's slots. Where there is none, the next pass does.
func (s *settings) indexAccount(ctx context.Context, j *config.Job, account string) {
	failure := ""
	err := s.Owner().Index(ctx, passes.Request{Destinations: []string{j.Destination}, Account: account}, func(e progress.Event) {
		failure = e.Error
	})
	if err == nil && failure != "" {
		err = errors.New(failure)
	}
	if err != nil && !errors.Is(err, api.ErrNoOwner) && ctx.Err() == nil {
		s.warn(fmt.Sprintf("the index still shows them: %v", err), "the next pass over "+j.Destination+" forgets them")
	}
}
