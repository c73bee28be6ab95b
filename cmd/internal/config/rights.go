package config

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"slotfs/indexer/backup"
)

// The rights that an account's owner can have, each with those before it in what it is worth nothing without.
const (
	RightView     = "view"     // names, sizes and times
	RightDownload = "download" // contents
	RightRestore  = "restore"  // into the live account
)

// Access is one [access.NAME] table: what owners of accounts may do with parts of their backups. Where several tables are about a
// part of an account, the last one in the file counts; where none is, owners may look and download.
//
//	[access.NAME]                    NAME: as that of a destination
//	accounts = ["shop*"]             patterns of names: * ? [a-z]; absent: all
//	parts = ["email", "databases"]   absent: all
//	rights = ["view", "download"]    and "restore"; [] is none
type Access struct {
	Name     string
	Accounts []string // nil: all
	Parts    []string // nil: all
	Rights   []string
}

// accessTable is the table as it stands in the file.
type accessTable struct {
	Accounts []string  `toml:"accounts"`
	Parts    []string  `toml:"parts"`
	Rights   *[]string `toml:"rights"`
}

// parseAccess reads and checks the tables, in the order of the file.
func (c *Config) parseAccess(tables map[string]*accessTable, where *places) error {
	for _, name := range slices.Sorted(mapKeys(tables)) {
		a, key, err := tables[name].access(name)
		if err != nil {
			return &Error{Path: c.Path, Line: where.line("access", name, key), Err: fmt.Errorf("access %s: %w", name, err)}
		}
		c.Access = append(c.Access, a)
	}
	slices.SortStableFunc(c.Access, func(a, b Access) int {
		return cmp.Compare(where.line("access", a.Name, ""), where.line("access", b.Name, ""))
	})
	return nil
}

// access checks. With an error comes the key that it is about.
func (t *accessTable) access(name string) (a Access, key string, err error) {
	if err := Name(name); err != nil {
		return a, "", err
	}
	if t == nil || t.Rights == nil {
		return a, "", fmt.Errorf("rights are missing: want a list of view, download, restore; [] is none")
	}
	a = Access{Name: name, Accounts: t.Accounts, Parts: t.Parts, Rights: *t.Rights}
	for _, pattern := range a.Accounts {
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" || unfit(pattern) {
			return a, "accounts", fmt.Errorf("accounts: %q is no pattern", pattern)
		}
	}
	for _, list := range []struct {
		key           string
		names, choice []string
	}{{"parts", a.Parts, partNames()}, {"rights", a.Rights, []string{RightView, RightDownload, RightRestore}}} {
		for _, name := range list.names {
			if !slices.Contains(list.choice, name) {
				return a, list.key, fmt.Errorf("%s: %q is unknown; there is %s", list.key, name, strings.Join(list.choice, ", "))
			}
		}
	}
	if len(a.Rights) > 0 && !slices.Contains(a.Rights, RightView) {
		return a, "rights", fmt.Errorf("rights: %s without view: who may not look finds nothing", a.Rights[0])
	}
	return a, "", nil
}

func partNames() []string {
	var all []string
	for _, k := range backup.PartKinds() {
		all = append(all, string(k))
	}
	return all
}

// Rights are what an account's owner may do with a part.
type Rights struct {
	View     bool `json:"view"`
	Download bool `json:"download"`
	Restore  bool `json:"restore"`
}

// RightsOf tells what the owner of an account may do with its parts of a kind. There is no other place that says so.
func (c *Config) RightsOf(account string, kind backup.PartKind) Rights {
	rights := Rights{View: true, Download: true}
	for i := range c.Access {
		if a := &c.Access[i]; a.about(account, kind) {
			rights = Rights{slices.Contains(a.Rights, RightView), slices.Contains(a.Rights, RightDownload), slices.Contains(a.Rights, RightRestore)}
		}
	}
	return rights
}

func (a *Access) about(account string, kind backup.PartKind) bool {
	matches := func(pattern string) bool {
		ok, _ := path.Match(pattern, account)
		return ok
	}
	return (a.Accounts == nil || slices.ContainsFunc(a.Accounts, matches)) && (a.Parts == nil || slices.Contains(a.Parts, string(kind)))
}

// MayRestore reports whether the owner of an account may put anything back into it.
func (c *Config) MayRestore(account string) bool {
	return slices.ContainsFunc(backup.PartKinds(), func(k backup.PartKind) bool { return c.RightsOf(account, k).Restore })
}
