package sftpdest

import "slotfs/sftpdest/pool"

// Stats tell how the destination is connected. It does not connect.
func (d *Destination) Stats() pool.Stats { return d.pool.Stats() }
