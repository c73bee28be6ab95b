package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// configuration is what .golangci.yml says, as far as this program knows it. What it does not know is an error.
type configuration struct {
	Version string
	Linters struct {
		Default  string
		Enable   []string
		Settings struct {
			Errcheck struct {
				ExcludeFunctions []string `yaml:"exclude-functions"`
			}
			Staticcheck struct{ Checks []string }
		}
		Exclusions struct{ Rules []*rule }
	}
}

// rule excludes findings of some linters by where they are: the file, the text of the line, or both.
type rule struct {
	Path, Source string
	Linters      []string

	path, source *regexp.Regexp
}

func readConfiguration(name string) (*configuration, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var c configuration
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&c); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if c.Version != "2" || c.Linters.Default != "none" {
		return nil, fmt.Errorf("%s: want version 2, and the default none", name)
	}
	for _, r := range c.Linters.Exclusions.Rules {
		if err := r.compile(); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return &c, nil
}

func (r *rule) compile() (err error) {
	if r.Path == "" && r.Source == "" || len(r.Linters) == 0 {
		return fmt.Errorf("a rule excludes everything")
	}
	if r.path, err = regexp.Compile(r.Path); err != nil {
		return err
	}
	r.source, err = regexp.Compile(r.Source)
	return err
}

// excluded reports whether a finding does not count.
func (c *configuration) excluded(linter, path, source string) bool {
	return slices.ContainsFunc(c.Linters.Exclusions.Rules, func(r *rule) bool {
		return slices.Contains(r.Linters, linter) && r.path.MatchString(path) && r.source.MatchString(source)
	})
}

// wanted reports whether a check of staticcheck is asked for.
func (c *configuration) wanted(check string) bool {
	return slices.ContainsFunc(c.Linters.Settings.Staticcheck.Checks, func(pattern string) bool {
		prefix, ok := strings.CutSuffix(pattern, "*")
		return check == pattern || ok && strings.HasPrefix(check, prefix)
	})
}
