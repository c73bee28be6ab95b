package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
)

// FleetHost is another machine with slotfs, a [fleet.NAME] table.
//
//	[fleet.NAME]                     NAME: as that of a destination
//	url = "ssh://root@web1"          by OpenSSH's `ssh`, which logs in without asking, to the control socket in /var/lib/slotfs, or in the
//	                                 URL's path; or "https://web1:8480", that machine's page
//	token-file = "/path"             of https: file with a link for an administrator that `slotfs link` made there
type FleetHost struct {
	Name      string
	URL       string
	TokenFile string
}

// fleetTable is the table as it stands in the file.
type fleetTable struct {
	URL       string `toml:"url"`
	TokenFile string `toml:"token-file"`
}

// FleetNames lists the other machines in order.
func (c *Config) FleetNames() []string { return slices.Sorted(mapKeys(c.Fleet)) }

// parseFleet reads and checks the other machines.
func (c *Config) parseFleet(tables map[string]*fleetTable, where *places) error {
	for _, name := range slices.Sorted(mapKeys(tables)) {
		t := tables[name]
		if t == nil {
			t = &fleetTable{}
		}
		h := &FleetHost{Name: name, URL: t.URL, TokenFile: t.TokenFile}
		if key, err := h.check(); err != nil {
			return &Error{Path: c.Path, Line: where.line("fleet", name, key), Err: fmt.Errorf("fleet %s: %w", name, err)}
		}
		if c.Fleet == nil {
			c.Fleet = map[string]*FleetHost{}
		}
		c.Fleet[name] = h
	}
	return nil
}

// check checks a machine; with an error comes the key that it is about.
func (h *FleetHost) check() (string, error) {
	if err := Name(h.Name); err != nil {
		return "", err
	}
	u, err := url.Parse(h.URL)
	if err != nil || unfit(h.URL) || u.Hostname() == "" || strings.HasPrefix(u.Hostname(), "-") || strings.HasPrefix(u.User.Username(), "-") ||
		u.RawQuery+u.Fragment != "" {
		return "url", fmt.Errorf("url %q: want one like ssh://root@web1 or https://web1:8480", h.URL)
	}
	if _, secret := u.User.Password(); secret {
		return "url", errors.New("url: want no password in it")
	}
	switch ip := net.ParseIP(u.Hostname()); {
	case u.Scheme == "ssh":
		if h.TokenFile != "" {
			return "token-file", errors.New("token-file: ssh has its own keys")
		}
	case u.Scheme != "https" && !(u.Scheme == "http" && ip != nil && ip.IsLoopback()), u.User != nil, u.Path != "":
		return "url", fmt.Errorf("url %q: want one like ssh://root@web1 or https://web1:8480", h.URL)
	case !filepath.IsAbs(h.TokenFile) || unfit(h.TokenFile):
		return "token-file", fmt.Errorf("token-file %q: want the absolute path of a file with a link that `slotfs link --admin` made there", h.TokenFile)
	}
	return "", nil
}
