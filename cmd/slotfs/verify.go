package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/history"
	"slotfs/cmd/internal/service/jobs"
	"slotfs/cmd/internal/term"
	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot"
)

// defaultSample is the share of files whose content is read.
const defaultSample = "5%"

func verifyCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "verify",
		Usage:     "compare slots with their manifests; what differs is repaired by the next sync",
		ArgsUsage: "JOB",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "account", Usage: "only the slots of `ACCOUNT`"},
			&cli.IntFlag{Name: "slot", Usage: "only the slot with this `NUMBER`"},
			&cli.StringFlag{Name: "sample", Usage: "`SHARE` of the files whose content is read", Value: defaultSample},
			&cli.BoolFlag{Name: "full", Usage: "read the content of all files"},
		},
		Action: func(c *cli.Context) error {
			g, j, err := s.jobNamed(c, "JOB")
			if err != nil {
				return err
			}
			v := &verifying{settings: g, job: j, account: c.String("account"), slot: c.Int("slot")}
			if c.IsSet("slot") && v.slot < 1 {
				return exit.Usagef("--slot %d: want its number, as `slotfs slots` shows it", v.slot)
			}
			if v.sample, err = share(c.String("sample")); err != nil {
				return err
			}
			if c.Bool("full") {
				if c.IsSet("sample") {
					return exit.Usagef("--sample and --full: only one of them")
				}
				v.sample = 1
			}
			return g.onJob(j, func(d dest.ReadWriter) error { return v.run(c.Context, d) })
		},
	}
}

// share reads "5%" or "0.05".
func share(text string) (float64, error) {
	number, percent := strings.CutSuffix(strings.TrimSpace(text), "%")
	v, err := strconv.ParseFloat(number, 64)
	if percent {
		v /= 100
	}
	if err != nil || !(v >= 0 && v <= 1) {
		return 0, exit.Usagef("--sample %q: want a share like 5%%", text)
	}
	return v, nil
}

// verifying is one run of the command.
type verifying struct {
	*settings
	job     *config.Job
	account string
	slot    int // 0: all
	sample  float64

	results []verifyJSON
	failed  error // the last account or slot that could not be compared
	differs bool
}

// verifyJSON is how one slot compares, as --json shows it.
type verifyJSON struct {
	Account     string           `json:"account"`
	Slot        int              `json:"slot,omitempty"`
	Differences []differenceJSON `json:"differences"`
	Error       string           `json:"error,omitempty"`
}

type differenceJSON struct {
	Path string `json:"path"`
	What string `json:"what"`
}

// verified is what became of an account.
type verified struct {
	slots   []verifyJSON
	foreign error // the slots are those of another machine: nothing is noted in them
	err     error // of what could not be compared
}

func (v *verifying) run(ctx context.Context, d dest.ReadWriter) error {
	accounts, err := jobs.AccountsOn(ctx, d, v.job, v.account)
	if err != nil {
		return err
	}
	compared := 0
	one := func(account string) verified { return v.one(ctx, d, account) }
	for account, got := range jobs.OrderedParallel(ctx, accounts, one) {
		for _, s := range got.slots {
			v.show(s)
		}
		if got.foreign != nil {
			v.warn(fmt.Sprintf("account %s: compared only, nothing is noted in the slots: %v", account, got.foreign), "")
		}
		v.remember(account, got)
		if got.err != nil {
			v.fail(account, got.err)
			continue
		}
		compared++
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	v.lookAfter(ctx)
	return v.end(compared)
}

// remember keeps what was found of an account.
func (v *verifying) remember(account string, got verified) {
	if len(got.slots) == 0 && got.err == nil {
		return
	}
	r := history.Record{Kind: history.Verify, Ended: time.Now(), Destination: v.job.Destination, Job: v.job.Name, Account: account, Result: history.Complete}
	r.Began = r.Ended
	for _, s := range got.slots {
		r.Differences += len(s.Differences)
	}
	if r.Differences > 0 {
		r.Result = history.Partial
	}
	r.Fail(got.err, exit.Code(got.err))
	jobs.Record(v.State, r, v.warn)
}

// end prints what was found and tells how the command ends.
func (v *verifying) end(compared int) error {
	if v.json {
		if err := v.printJSON(v.results); err != nil {
			return err
		}
	}
	switch {
	case v.differs || v.failed != nil && compared > 0:
		return &reported{exit.Partial}
	case v.failed != nil:
		return &reported{exit.Code(v.failed)}
	case len(v.results) == 0:
		return exit.With(errors.New("no complete slot to compare"), exit.Failed, "slotfs slots "+v.job.Name)
	}
	return nil
}

// fail tells what could not be compared.
func (v *verifying) fail(account string, err error) {
	v.failed = err
	v.results = append(v.results, verifyJSON{Account: account, Differences: []differenceJSON{}, Error: err.Error()})
	v.complain(fmt.Sprintf("%s/%s: %v", v.job.Name, account, err), exit.Hint(err), exit.Code(err))
}

// one compares the slots of one account. It holds the account: what a run changes meanwhile would be a difference.
func (v *verifying) one(ctx context.Context, d dest.ReadWriter, account string) (got verified) {
	held, err := v.State.LockAccount(v.job.Destination, account)
	if err != nil {
		return verified{err: err}
	}
	defer held.Release()
	if v.slot != 0 {
		if err := jobs.HasSlot(ctx, d, v.job, account, v.slot); err != nil {
			return verified{err: err}
		}
	}
	machine, err := v.machine()
	if err != nil {
		return verified{err: err}
	}
	all, err := jobs.Slots(ctx, d, v.job, account)
	if err != nil {
		return verified{err: err}
	}
	for _, s := range all {
		chosen := v.slot == s.State.Slot || v.slot == 0 && s.Err == nil && (s.State.Phase == manifest.Complete || s.State.Phase == manifest.Damaged)
		if !chosen {
			continue
		}
		found, err := slot.Verify(ctx, d, jobs.Directory(v.job, account), s.State.Slot, slot.VerifyOptions{
			Sample: v.sample, Repair: true, Machine: machine, Foreign: func(err error) { got.foreign = err },
		})
		if err != nil {
			got.err = fmt.Errorf("slot %d: %w", s.State.Slot, err)
			return got
		}
		result := verifyJSON{Account: account, Slot: s.State.Slot, Differences: []differenceJSON{}}
		for _, f := range found {
			result.Differences = append(result.Differences, differenceJSON(f))
		}
		got.slots = append(got.slots, result)
	}
	return got
}

// maxShown bounds the differences that are printed of a slot.
const maxShown = 100

// show tells how a slot compares.
func (v *verifying) show(r verifyJSON) {
	v.results = append(v.results, r)
	v.differs = v.differs || len(r.Differences) > 0
	if v.json {
		return
	}
	name := term.Clean(v.job.Name + "/" + r.Account)
	for i, f := range r.Differences {
		if i == maxShown {
			fmt.Fprintf(v.err, "slotfs: %s: slot %d: ... and %d more\n", name, r.Slot, len(r.Differences)-i)
			break
		}
		fmt.Fprintf(v.err, "slotfs: %s: slot %d: %s: %s\n", name, r.Slot, term.Clean(cmp.Or(f.Path, ".")), term.Clean(f.What))
	}
	if len(r.Differences) == 0 {
		fmt.Fprintf(v.out, "%s: slot %d is as its manifest says (content of %s of the files read)\n", name, r.Slot, percentOf(v.sample))
	} else {
		fmt.Fprintf(v.out, "%s: slot %d has %s; the next sync repairs it\n", name, r.Slot,
			term.Count(int64(len(r.Differences)), "difference", "differences"))
	}
}

func percentOf(v float64) string { return strconv.FormatFloat(v*100, 'f', -1, 64) + "%" }
