package config

import (
	"net"
	"strconv"
)

// Address is a destination in one word: user@host:port:directory.
func (d *Destination) Address() string {
	host := d.Host
	if d.Port != DefaultPort {
		host = net.JoinHostPort(d.Host, strconv.Itoa(d.Port))
	}
	return d.Username + "@" + host + ":" + d.Directory
}
