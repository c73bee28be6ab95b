package slots

import (
	"context"
	"fmt"
	"time"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/history"
	"slotfs/cmd/internal/service/jobs"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot"
)

// Verification says what to compare, and how.
type Verification struct {
	Account string  // "": all
	Slot    int     // 0: all
	Sample  float64 // share of the files whose content is read
}

// Verified is how one slot compares with its manifest.
type Verified struct {
	Account     string       `json:"account"`
	Slot        int          `json:"slot,omitempty"`
	Differences []Difference `json:"differences"`
	Error       string       `json:"error,omitempty"`
}

// Difference is a path at which a slot is not as its manifest says.
type Difference struct {
	Path string `json:"path"`
	What string `json:"what"`
}

// AccountVerified is what became of an account.
type AccountVerified struct {
	Account string
	Began   time.Time
	Slots   []Verified
	Foreign error // the slots are those of another machine: nothing is noted in them
	Err     error // of what could not be compared
}

// Verify compares slots with their manifests, notes in them what differs, and hands each account to yield in order.
func (s *Set) Verify(ctx context.Context, v Verification, yield func(AccountVerified)) error {
	accounts, err := s.accounts(ctx, v.Account)
	if err != nil {
		return err
	}
	one := func(account string) AccountVerified { return s.verifyAccount(ctx, account, v) }
	for _, got := range orderedParallel(ctx, accounts, one) {
		s.remember(&got)
		yield(got)
	}
	return ctx.Err()
}

// remember keeps what was found of an account.
func (s *Set) remember(got *AccountVerified) {
	if len(got.Slots) == 0 && got.Err == nil {
		return
	}
	r := history.Record{Kind: history.Verify, Began: got.Began, Ended: time.Now(), Seconds: time.Since(got.Began).Seconds(), Destination: s.Job.Destination, Job: s.Job.Name, Account: got.Account, Result: history.Complete}
	for _, one := range got.Slots {
		r.Differences += len(one.Differences)
	}
	if r.Differences > 0 {
		r.Result = history.Partial
	}
	r.Fail(got.Err, exit.Code(got.Err))
	jobs.Record(s.State, r, s.Warn)
}

// verifyAccount compares the slots of one account. It holds the account: what a run changes meanwhile would be a difference.
func (s *Set) verifyAccount(ctx context.Context, account string, v Verification) (got AccountVerified) {
	got.Account, got.Began = account, time.Now()
	held, err := s.State.LockAccount(s.Job.Destination, account)
	if err != nil {
		got.Err = err
		return got
	}
	defer held.Release()
	if v.Slot != 0 {
		if err := s.has(ctx, account, v.Slot); err != nil {
			got.Err = err
			return got
		}
	}
	got.Err = s.compare(ctx, account, v, &got)
	return got
}

// compare compares the chosen slots of an account, and adds them to got as far as it comes.
func (s *Set) compare(ctx context.Context, account string, v Verification, got *AccountVerified) error {
	machine, err := s.machine()
	if err != nil {
		return err
	}
	all, err := s.read(ctx, account)
	if err != nil {
		return err
	}
	for _, one := range all {
		if !v.chooses(&one) {
			continue
		}
		found, err := slot.Verify(ctx, s.Store, jobs.Directory(s.Job, account), one.State.Slot, slot.VerifyOptions{
			Sample: v.Sample, Repair: true, Machine: machine, Foreign: func(err error) { got.Foreign = err },
		})
		if err != nil {
			return fmt.Errorf("slot %d: %w", one.State.Slot, err)
		}
		result := Verified{Account: account, Slot: one.State.Slot, Differences: []Difference{}}
		for _, f := range found {
			result.Differences = append(result.Differences, Difference{f.Path, f.What})
		}
		got.Slots = append(got.Slots, result)
	}
	return nil
}

// chooses reports whether a slot is to be compared: the one that is asked for, else those that are backups.
func (v *Verification) chooses(s *slot.Slot) bool {
	if v.Slot != 0 {
		return v.Slot == s.State.Slot
	}
	return s.Err == nil && (s.State.Phase == manifest.Complete || s.State.Phase == manifest.Damaged)
}
