package config

import (
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
)

// Metrics is the [metrics] table: where Prometheus finds what can be measured.
//
//	[metrics]
//	listen = "127.0.0.1:9812"        the process that has the index answers GET /metrics here
//	textfile = "/var/lib/node_exporter/slotfs.prom"   file that is replaced each minute, and by sync
type Metrics struct {
	Listen   string // empty: nowhere
	Textfile string // empty: none
}

// metricsTable is the table as it stands in the file.
type metricsTable struct {
	Listen   string `toml:"listen"`
	Textfile string `toml:"textfile"`
}

// metrics checks. With an error comes the key that it is about.
func (t *metricsTable) metrics() (m Metrics, key string, err error) {
	if t == nil {
		return m, "", nil
	}
	m = Metrics{Listen: t.Listen, Textfile: t.Textfile}
	if m.Listen != "" {
		if err := checkListen(m.Listen); err != nil {
			return m, "listen", err
		}
	}
	if m.Textfile == "" {
		return m, "", nil
	}
	if !filepath.IsAbs(m.Textfile) || unfit(m.Textfile) {
		return m, "textfile", fmt.Errorf("textfile %q: want an absolute path", m.Textfile)
	}
	if !strings.HasSuffix(m.Textfile, ".prom") {
		return m, "textfile", fmt.Errorf("textfile %q: node_exporter reads files that end with .prom", m.Textfile)
	}
	return m, "", nil
}

func checkListen(address string) error {
	wrong := fmt.Errorf("listen %q: want an address and a port like 127.0.0.1:9812", address)
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return wrong
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return wrong
	}
	if host == "" {
		return fmt.Errorf("%w; 0.0.0.0%s lets the whole network read it", wrong, address)
	}
	if net.ParseIP(host) == nil && (unfit(host) || strings.ContainsAny(host, " /")) {
		return wrong
	}
	return nil
}
