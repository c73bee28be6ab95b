package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/slots"
	"slotfs/cmd/internal/term"
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
			v := &verifying{settings: g, job: j, what: slots.Verification{Account: c.String("account"), Slot: c.Int("slot")}}
			if c.IsSet("slot") && v.what.Slot < 1 {
				return exit.Usagef("--slot %d: want its number, as `slotfs slots` shows it", v.what.Slot)
			}
			if v.what.Sample, err = share(c.String("sample")); err != nil {
				return err
			}
			if c.Bool("full") {
				if c.IsSet("sample") {
					return exit.Usagef("--sample and --full: only one of them")
				}
				v.what.Sample = 1
			}
			return g.onJob(j, func(set *slots.Set) error { return v.run(c.Context, set) })
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
	what    slots.Verification
	results []slots.Verified
	failed  error // the last account or slot that could not be compared
	differs bool
}

func (v *verifying) run(ctx context.Context, set *slots.Set) error {
	compared := 0
	err := set.Verify(ctx, v.what, func(got slots.AccountVerified) {
		for _, s := range got.Slots {
			v.show(s)
		}
		if got.Foreign != nil {
			v.warn(fmt.Sprintf("account %s: compared only, nothing is noted in the slots: %v", got.Account, got.Foreign), "")
		}
		if got.Err != nil {
			v.fail(got.Account, got.Err)
			return
		}
		compared++
	})
	if err != nil {
		return err
	}
	v.lookAfter(ctx)
	return v.end(compared)
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
	v.results = append(v.results, slots.Verified{Account: account, Differences: []slots.Difference{}, Error: err.Error()})
	v.complain(fmt.Sprintf("%s/%s: %v", v.job.Name, account, err), exit.Hint(err), exit.Code(err))
}

// maxShown bounds the differences that are printed of a slot.
const maxShown = 100

// show tells how a slot compares.
func (v *verifying) show(r slots.Verified) {
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
		fmt.Fprintf(v.out, "%s: slot %d is as its manifest says (content of %s of the files read)\n", name, r.Slot, percentOf(v.what.Sample))
	} else {
		fmt.Fprintf(v.out, "%s: slot %d has %s; the next sync repairs it\n", name, r.Slot,
			term.Count(int64(len(r.Differences)), "difference", "differences"))
	}
}

func percentOf(v float64) string { return strconv.FormatFloat(v*100, 'f', -1, 64) + "%" }
