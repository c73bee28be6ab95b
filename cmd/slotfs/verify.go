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
	"slotfs/cmd/internal/service/jobs"
	"slotfs/cmd/internal/service/slots"
	"slotfs/cmd/internal/term"
)

// defaultSample is the share of files whose content is read.
const defaultSample = "5%"

func verifyCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "verify",
		Usage:     "compare backups with what was indexed of them, and slots with their manifests",
		ArgsUsage: "DESTINATION|JOB",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "account", Usage: "only the backups of `ACCOUNT`"},
			&cli.IntFlag{Name: "slot", Usage: "of a job, only the slot with this `NUMBER`"},
			&cli.StringFlag{Name: "sample", Usage: "`SHARE` that is read: of the bytes of a destination, those that were not read for longest; of the files of a job's slots any (1/30, 5%)", Value: defaultSample},
			&cli.BoolFlag{Name: "full", Usage: "read everything"},
			&cli.StringFlag{Name: "bandwidth", Usage: "of a destination, read at most so many bytes per second, with K, M or G: `RATE`", DefaultText: "no limit"},
		},
		Action: func(c *cli.Context) error {
			g, conf, err := s.configured(c, "DESTINATION|JOB")
			if err != nil {
				return err
			}
			sample, err := sampleOf(c)
			if err != nil {
				return err
			}
			d, j, err := verifiable(conf, c.Args().First())
			if err != nil {
				return err
			}
			if d != nil {
				return g.verifyDestination(c, d, sample)
			}
			if c.IsSet("bandwidth") {
				return exit.Usagef("--bandwidth: only for a destination")
			}
			v := &verifying{settings: g, job: j, what: slots.Verification{Account: c.String("account"), Slot: c.Int("slot"), Sample: sample}}
			if c.IsSet("slot") && v.what.Slot < 1 {
				return exit.Usagef("--slot %d: want its number, as `slotfs slots` shows it", v.what.Slot)
			}
			return g.onJob(j, func(set *slots.Set) error { return v.run(c.Context, set) })
		},
	}
}

// sampleOf is the share that is to be read.
func sampleOf(c *cli.Context) (float64, error) {
	if c.Bool("full") {
		if c.IsSet("sample") {
			return 0, exit.Usagef("--sample and --full: only one of them")
		}
		return 1, nil
	}
	v, err := config.ParseShare(c.String("sample"))
	if err != nil {
		return 0, exit.Usagef("--sample %w", err)
	}
	return v, nil
}

// verifiable finds the destination or the job with a name. Where there are both, "destination:NAME" and "job:NAME" tell them apart.
func verifiable(c *config.Config, text string) (*config.Destination, *config.Job, error) {
	kind, name, told := strings.Cut(text, ":")
	if !told {
		kind, name = "", text
	}
	d, j := c.Destinations[name], c.Jobs[name]
	switch {
	case kind != "" && kind != "destination" && kind != "job":
		return nil, nil, exit.Usagef("%q: want the name of a destination or a job", text)
	case kind == "destination" || kind == "" && j == nil:
		j = nil
	case kind == "job" || d == nil:
		d = nil
	default:
		return nil, nil, exit.With(fmt.Errorf("verify %s: there is a destination and a job of this name", name), exit.Usage,
			fmt.Sprintf("`slotfs verify destination:%s` or `slotfs verify job:%s`", name, name))
	}
	switch {
	case d != nil && d.Engine == config.SlotsEngine:
		hint := "no job writes to it"
		if jobs := c.UsedBy(name); len(jobs) > 0 {
			hint = "slotfs verify " + jobs[0]
		}
		return nil, nil, exit.With(fmt.Errorf("verify %s: slots are compared with their manifests, job by job", name), exit.Usage, hint)
	case d == nil && j == nil && kind == "job":
		return nil, nil, jobs.Unknown(c, name)
	case d == nil && j == nil:
		hint := "there is " + strings.Join(append(c.Names(), c.JobNames()...), ", ")
		return nil, nil, exit.With(fmt.Errorf("verify %s: no destination and no job in %s", name, c.Path), exit.Usage, hint)
	}
	return d, j, nil
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
