package config

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Bounds of the settings of jobs.
const (
	maxConcurrency = 4096
	maxParallel    = 64
	maxPatterns    = 10_000
	minBandwidth   = 1 << 10
	minStall       = time.Second
	maxStall       = 24 * time.Hour
)

// Values that settings of jobs may have.
var (
	jobModes = []string{"incremental", "compressed"}
	jobFills = []string{"auto", "upload", "copy", "link"}
)

// Pattern reports whether a source is a pattern: each directory that it matches is an account.
func Pattern(source string) bool { return strings.ContainsAny(source, `*?[\`) }

// check checks what can be checked without the rest of the file; with an error comes the key that it is about.
func (j *Job) check() (string, error) {
	if err := Name(j.Name); err != nil {
		return "", err
	}
	if j.Destination == "" {
		return "destination", errors.New("destination is missing")
	}
	if err := j.checkSources(); err != nil {
		return "source", err
	}
	if j.AccountName != "" {
		if err := j.checkAccountName(); err != nil {
			return "account-name", err
		}
	}
	if key, err := j.checkPatterns(); err != nil {
		return key, err
	}
	if !slices.Contains(jobModes, j.Mode) {
		return "mode", fmt.Errorf("mode %q: want %s", j.Mode, strings.Join(jobModes, " or "))
	}
	if !slices.Contains(jobFills, j.Fill) {
		return "fill", fmt.Errorf("fill %q: want %s", j.Fill, strings.Join(jobFills, ", "))
	}
	for key, command := range map[string]string{"before": j.Before, "after": j.After} {
		if len(command) > maxText || strings.Contains(command, "\x00") {
			return key, fmt.Errorf("%s: too long, or with control characters; put it into a script", key)
		}
	}
	if err := checkPing(j.Ping); err != nil {
		return "ping", err
	}
	return j.checkNumbers()
}

func (j *Job) checkNumbers() (string, error) {
	if key, err := j.Policy.Check(); err != nil {
		return key, err
	}
	if j.Bandwidth != 0 && j.Bandwidth < minBandwidth {
		return "bandwidth", fmt.Errorf("bandwidth %d: want at least 1K", j.Bandwidth)
	}
	if j.Concurrency < 1 || j.Concurrency > maxConcurrency {
		return "concurrency", fmt.Errorf("concurrency %d: want 1 to %d", j.Concurrency, maxConcurrency)
	}
	if j.Parallel < 1 || j.Parallel > maxParallel {
		return "parallel-accounts", fmt.Errorf("parallel-accounts %d: want 1 to %d", j.Parallel, maxParallel)
	}
	if d := j.StallTimeout; d != 0 && (d < minStall || d > maxStall) {
		return "stall-timeout", fmt.Errorf("stall-timeout %v: want %v to %v", j.StallTimeout, minStall, maxStall)
	}
	return "", nil
}

func (j *Job) checkSources() error {
	if len(j.Source) == 0 {
		return errors.New("source is missing")
	}
	for _, s := range j.Source {
		if !filepath.IsAbs(s) || unfit(s) {
			return fmt.Errorf("source %q: want an absolute path", s)
		}
		if path.Clean(s) == "/" && j.AccountName == "" {
			return errors.New("source /: give it an account-name")
		}
		if _, err := path.Match(s, ""); err != nil {
			return fmt.Errorf("source %q: %w", s, err)
		}
	}
	for _, s := range j.AllowEmpty {
		if !slices.Contains(j.Source, s) {
			return fmt.Errorf("allow-empty %q: no source of this job", s)
		}
	}
	return nil
}

func (j *Job) checkAccountName() error {
	if len(j.Source) != 1 || Pattern(j.Source[0]) {
		return errors.New("account-name: only for a job with one source that is no pattern")
	}
	return AccountName(j.AccountName)
}

// AccountName checks the name of an account: a directory of the destination.
func AccountName(name string) error {
	if name == "" || len(name) > 255 || strings.Contains(name, "/") || strings.HasPrefix(name, ".") || unfit(name) {
		return fmt.Errorf("account %q: want the name of a directory that does not begin with a dot", name)
	}
	return nil
}

// checkPatterns checks the texts that say what is backed up under which name.
func (j *Job) checkPatterns() (string, error) {
	if len(j.Exclude) > maxPatterns {
		return "exclude", fmt.Errorf("exclude: more than %d patterns; use exclude-file", maxPatterns)
	}
	for _, p := range j.Exclude {
		if p == "" || len(p) > maxText || strings.ContainsAny(p, "\x00\n") {
			return "exclude", fmt.Errorf("exclude %q: want a pattern of one line", p)
		}
	}
	if f := j.ExcludeFile; f != "" && (strings.Contains(f, "/") || f == "." || f == ".." || unfit(f)) {
		return "exclude-file", fmt.Errorf("exclude-file %q: want the name of a file in the source", f)
	}
	if p := j.Prefix; p != "" && (unfit(p) || path.IsAbs(p) || path.Clean(p) != p || p == "." || strings.HasPrefix(p, "..")) {
		return "prefix", fmt.Errorf("prefix %q: want a relative path like homedir", p)
	}
	return "", nil
}

// unfit reports what no setting of one line holds.
func unfit(s string) bool { return len(s) > maxText || strings.ContainsFunc(s, unicode.IsControl) }
