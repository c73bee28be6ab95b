package config

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"slotfs/sftpdest/slot/retention"
)

// SlotsEngine is the engine of destinations that jobs write to.
const SlotsEngine = "slots"

// Defaults of what a job leaves out.
const (
	DefaultMode        = "incremental"
	DefaultFill        = "auto"
	DefaultConcurrency = 2048

	DefaultStallTimeout = 10 * time.Minute
)

// Job is one [job.NAME] table with its defaults filled in:
//
//	[job.NAME]                       NAME: as that of a destination
//	destination = "own-box"          one with engine "slots"
//	source = ["/home/*"]             each directory that a pattern matches is an account; a path without pattern is one.
//	                                 {path = "/home2/*", allow-empty = true} in place of a text: it is no error if it
//	                                 matches nothing, is not there or has fewer accounts than the last time
//	account-name = "www"             name of the one account of a job with one source that is no pattern
//	retention = 7                    how many backups are kept, 1 to 999; or, in its place, of which times:
//	keep-hourly = 24                 the newest one of each of so many hours,
//	keep-daily = 7                   days, and so on, each beside what the finer ones keep
//	keep-weekly = 4
//	keep-monthly = 6
//	keep-yearly = 2
//	mode = "incremental"             or "compressed"
//	prefix = "homedir"               directory of the backup that the source becomes; absent: the backup is the source
//	exclude = ["*.log", "/tmp/"]     patterns as rsync has them
//	exclude-file = "NAME"            file in the source with more patterns
//	exclude-caches = false           leave out what is below a CACHEDIR.TAG
//	one-file-system = false
//	include-network-filesystems = false  read what is mounted in the source from other machines
//	stall-timeout = "10m"            an account whose source answers nothing for so long is given up
//	before = "command"               for the shell, before an account is read
//	after = "command"                for the shell, when its backup ended
//	fill = "auto"                    or "upload", "copy", "link"
//	bandwidth = "10M"                bytes per second, with K, M or G; absent: no limit
//	concurrency = 2048               files of an account on their way at once
//	parallel-accounts = 4            accounts side by side; absent: 1 with commands or archives
//	gone-after = "90d"               remove the backups of accounts that were not found on so many days; absent: never
//	max-age = "26h"                  age of the newest good backup from which on there is an alarm; absent: that of [watch]
//	ping = "https://hc-ping.com/ID"  URL that is asked when a run of all accounts succeeded; with /start and /fail behind it when
//	                                 one begins and fails
type Job struct {
	Name          string
	Destination   string
	Source        []string
	AllowEmpty    []string // sources that may match nothing
	AccountName   string
	Policy        retention.Policy
	Mode          string
	Prefix        string
	Exclude       []string
	ExcludeFile   string
	ExcludeCaches bool
	OneFileSystem bool
	NetworkFS     bool          // what is mounted in the source from other machines is read
	StallTimeout  time.Duration // of a source that does not answer; 0: DefaultStallTimeout
	Before        string
	After         string
	Fill          string
	Bandwidth     int64 // bytes per second; 0: no limit
	Concurrency   int
	Parallel      int           // accounts side by side
	GoneAfter     time.Duration // until the backups of an account that is gone are removed; 0: never
	MaxAge        time.Duration // of the newest good backup; 0: as Watch has it, Never: any
	Ping          string        // a secret
}

// jobTable is a job as it stands in the file: pointers tell what is absent.
type jobTable struct {
	Destination string `toml:"destination"`
	Source      []any  `toml:"source"` // texts, or tables as sourceTable reads them
	AccountName string `toml:"account-name"`
	policyTable
	Mode          *string  `toml:"mode"`
	Prefix        string   `toml:"prefix"`
	Exclude       []string `toml:"exclude"`
	ExcludeFile   string   `toml:"exclude-file"`
	ExcludeCaches bool     `toml:"exclude-caches"`
	OneFileSystem bool     `toml:"one-file-system"`
	NetworkFS     bool     `toml:"include-network-filesystems"`
	StallTimeout  *string  `toml:"stall-timeout"`
	Before        string   `toml:"before"`
	After         string   `toml:"after"`
	Fill          *string  `toml:"fill"`
	Bandwidth     *string  `toml:"bandwidth"`
	Concurrency   *int     `toml:"concurrency"`
	Parallel      *int     `toml:"parallel-accounts"`
	GoneAfter     *string  `toml:"gone-after"`
	MaxAge        *string  `toml:"max-age"`
	Ping          string   `toml:"ping"`
}

// JobNames lists the jobs in order.
func (c *Config) JobNames() []string { return slices.Sorted(mapKeys(c.Jobs)) }

// parseJobs reads and checks the jobs of a document whose destinations are known.
func (c *Config) parseJobs(tables map[string]*jobTable, where *places) error {
	c.Jobs = make(map[string]*Job, len(tables))
	for _, name := range slices.Sorted(mapKeys(tables)) {
		j, key, err := tables[name].job(name)
		if err == nil {
			key, err = j.check()
		}
		if err == nil {
			key, err = "destination", c.writable(j.Destination)
		}
		if err != nil {
			err = fmt.Errorf("job %s: %w", name, err)
			return &Error{Path: c.Path, Line: where.line("job", name, key), Err: err}
		}
		c.Jobs[name] = j
	}
	return nil
}

// writable reports whether jobs may write to a destination.
func (c *Config) writable(name string) error {
	d := c.Destinations[name]
	switch {
	case d == nil:
		return fmt.Errorf("destination %q: unknown; before a job names it: `slotfs destination add %s --engine %s`, after that write [destination.%s]", name, name, SlotsEngine, name)
	case d.Engine != SlotsEngine:
		return fmt.Errorf("destination %s: its engine is %s: backups on it are made by cPanel itself; want one with engine %s",
			name, d.Engine, SlotsEngine)
	}
	return nil
}

// CheckJob checks all settings of a job against the rest of the configuration.
func (c *Config) CheckJob(j *Job) error {
	if _, err := j.check(); err != nil {
		return err
	}
	return c.writable(j.Destination)
}

// job fills defaults in. With an error comes the key that it is about.
func (t *jobTable) job(name string) (*Job, string, error) {
	if t == nil {
		t = &jobTable{}
	}
	j := &Job{
		Name: name, Destination: t.Destination, AccountName: t.AccountName, NetworkFS: t.NetworkFS,
		Mode: or(t.Mode, DefaultMode), Prefix: t.Prefix, Exclude: t.Exclude, ExcludeFile: t.ExcludeFile,
		ExcludeCaches: t.ExcludeCaches, OneFileSystem: t.OneFileSystem, Before: t.Before, After: t.After,
		Fill: or(t.Fill, DefaultFill), Concurrency: or(t.Concurrency, DefaultConcurrency), Ping: t.Ping,
	}
	var err error
	if j.MaxAge, err = ownAge(t.MaxAge); err != nil {
		return nil, "max-age", err
	}
	if j.GoneAfter, err = ParseGoneAfter(or(t.GoneAfter, "never")); err != nil {
		return nil, "gone-after", err
	}
	if err := j.readSources(t.Source); err != nil {
		return nil, "source", err
	}
	key := ""
	if j.Policy, key, err = t.policy(); err != nil {
		return nil, key, err
	}
	j.Parallel = or(t.Parallel, j.DefaultParallel())
	if t.StallTimeout != nil {
		d, err := time.ParseDuration(*t.StallTimeout)
		if err != nil || d == 0 {
			return nil, "stall-timeout", fmt.Errorf(`stall-timeout %q: want a duration like "10m"`, *t.StallTimeout)
		}
		j.StallTimeout = d
	}
	if t.Bandwidth != nil {
		rate, err := ParseRate(*t.Bandwidth)
		if err != nil {
			return nil, "bandwidth", err
		}
		j.Bandwidth = rate
	}
	return j, "", nil
}

// DefaultParallel is how many accounts are backed up side by side if nothing is said: small ones are mostly waited for. Commands
// are work for this machine, and what they stage takes room here, as archives do on the server until they replace others: one then.
func (j *Job) DefaultParallel() int {
	if j.Before != "" || j.After != "" || j.Mode != DefaultMode {
		return 1
	}
	return 4
}

// rateUnits are what a rate may end with.
var rateUnits = map[byte]int64{'K': 1 << 10, 'M': 1 << 20, 'G': 1 << 30}

// ParseRate reads bytes per second: "500K", "10M", "1G" or a plain number.
func ParseRate(text string) (int64, error) {
	wrong := fmt.Errorf(`bandwidth %q: want bytes per second like "500K", "10M" or "1G"`, text)
	number, unit := strings.ToUpper(strings.TrimSpace(text)), int64(1)
	if n := len(number); n > 0 && rateUnits[number[n-1]] > 0 {
		number, unit = number[:n-1], rateUnits[number[n-1]]
	}
	v, err := strconv.ParseInt(number, 10, 64)
	if err != nil || v < 1 || v > math.MaxInt64/unit {
		return 0, wrong
	}
	return v * unit, nil
}

// FormatRate writes bytes per second as ParseRate reads them.
func FormatRate(n int64) string {
	for _, unit := range []byte("GMK") {
		if size := rateUnits[unit]; n >= size && n%size == 0 {
			return strconv.FormatInt(n/size, 10) + string(unit)
		}
	}
	return strconv.FormatInt(n, 10)
}
