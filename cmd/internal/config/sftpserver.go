package config

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
)

// SFTPServer is the [sftp-server] table: where what the mount shows can be had by SFTP, read only.
//
//	[sftp-server]
//	listen = ":2022"
//	keys = {alice = "ssh-ed25519 AAAA...", root = ["ssh-ed25519 AAAA..."]}
type SFTPServer struct {
	Listen string              // empty: nowhere
	Keys   map[string][]string // public keys by account; those of root see everything
}

// Administrator is who sees everything by SFTP.
const Administrator = "root"

// sftpTable is the table as it stands in the file.
type sftpTable struct {
	Listen string         `toml:"listen"`
	Keys   map[string]any `toml:"keys"` // text or a list of it
}

// server checks. With an error comes the key that it is about.
func (t *sftpTable) server() (s SFTPServer, key string, err error) {
	if t == nil {
		return s, "", nil
	}
	s.Listen = t.Listen
	if s.Listen != "" {
		if err := checkPublicListen(s.Listen); err != nil {
			return s, "listen", err
		}
	}
	if len(t.Keys) > 0 {
		s.Keys = make(map[string][]string, len(t.Keys))
	}
	for _, account := range slices.Sorted(maps.Keys(t.Keys)) {
		keys, err := list(t.Keys[account])
		if err == nil && len(keys) == 0 {
			err = fmt.Errorf("there is none")
		}
		for _, k := range keys {
			if f := strings.Fields(k); err == nil && (len(f) < 2 || unfit(k) || !strings.HasPrefix(f[1], "AAAA")) {
				err = fmt.Errorf("%.40q is no public key: want a line of the form `ssh-ed25519 AAAA...`", k)
			}
		}
		if err != nil {
			return s, "keys", fmt.Errorf("keys of %q: %w", account, err)
		}
		s.Keys[account] = keys
	}
	return s, "", nil
}

// Equal reports whether two servers have the same settings.
func (s SFTPServer) Equal(other SFTPServer) bool {
	return s.Listen == other.Listen && maps.EqualFunc(s.Keys, other.Keys, slices.Equal[[]string])
}

// checkPublicListen refuses what is no address to listen on. One without a host is that of every interface.
func checkPublicListen(address string) error {
	wrong := fmt.Errorf("listen %q: want a port with or without an address, like :2022 or 192.0.2.1:2022", address)
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return wrong
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return wrong
	}
	if host != "" && net.ParseIP(host) == nil && (unfit(host) || strings.ContainsAny(host, " /")) {
		return wrong
	}
	return nil
}
