package config

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"slotfs/sftpdest/slot/retention"
)

// policyTable is what a table says about how many backups are kept: pointers tell what is absent.
type policyTable struct {
	Retention   *int `toml:"retention"`
	KeepHourly  *int `toml:"keep-hourly"`
	KeepDaily   *int `toml:"keep-daily"`
	KeepWeekly  *int `toml:"keep-weekly"`
	KeepMonthly *int `toml:"keep-monthly"`
	KeepYearly  *int `toml:"keep-yearly"`
}

// policy checks what is there; with an error comes the key that it is about.
func (t *policyTable) policy() (retention.Policy, string, error) {
	p := retention.Policy{Last: or(t.Retention, 0), Hourly: or(t.KeepHourly, 0), Daily: or(t.KeepDaily, 0), Weekly: or(t.KeepWeekly, 0),
		Monthly: or(t.KeepMonthly, 0), Yearly: or(t.KeepYearly, 0)}
	switch {
	case *t == policyTable{}:
		return p, "retention", errors.New("retention is missing: give the number of backups, or keep-daily and the like")
	case t.Retention != nil && *t.Retention == 0:
		return p, "retention", fmt.Errorf("retention 0: want 1 to %d", retention.MaxBackups)
	}
	key, err := p.Check()
	return p, key, err
}

// ParseGoneAfter reads how long an account is gone before its backups are removed: "90d", or "never", which is 0.
func ParseGoneAfter(text string) (time.Duration, error) {
	d, err := ParseAge(text)
	switch {
	case err != nil:
		return 0, fmt.Errorf(`gone-after %q: want 1d to 400d, or "never"`, text)
	case d == Never:
		return 0, nil
	case d < leastGoneAfter:
		return 0, fmt.Errorf("gone-after %q: want at least a day: a run that misses an account is no proof that it is gone", text)
	}
	return d, nil
}

const leastGoneAfter = 24 * time.Hour

// policyText writes a policy as policyTable reads it.
func policyText(p retention.Policy) string {
	var b strings.Builder
	for _, n := range p.Numbers() {
		fmt.Fprintf(&b, "%s = %d\n", n.Key, n.N)
	}
	return b.String()
}
