package sftpdest

import (
	"context"
	"maps"
	"slices"

	"slotfs/sftpdest/pool"
)

// Server is what a server says of itself.
type Server struct {
	Version    string   // of its SSH
	Method     string   // that logged in
	Extensions []string // of SFTP, sorted
}

// Server connects, unless there is a connection, and asks.
func (d *Destination) Server(ctx context.Context) (server Server, err error) {
	err = d.do(ctx, func(s *pool.Session) error {
		server = Server{Version: s.Server(), Method: s.Method(), Extensions: slices.Sorted(maps.Keys(s.Extensions()))}
		return nil
	})
	return server, err
}

// Connections is how many there are at the moment.
func (d *Destination) Connections() int {
	conns, _ := d.pool.Counts()
	return conns
}
