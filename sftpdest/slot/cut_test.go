package slot

import (
	"context"
	"sync/atomic"
	"testing"

	"slotfs/sftpdest"
	"slotfs/sftpdest/sshdtest"
)

// cutting loses all its connections at some renames.
type cutting struct {
	*sftpdest.Destination
	server *sshdtest.Server
	n      atomic.Int64
}

func (c *cutting) Rename(ctx context.Context, from, to string) error {
	if n := c.n.Add(1); n%9 == 0 {
		c.server.KillSessions()
	}
	return c.Destination.Rename(ctx, from, to)
}

func (c *cutting) Install(ctx context.Context, from, to string) (bool, error) {
	if n := c.n.Add(1); n%9 == 0 {
		c.server.KillSessions()
	}
	return c.Destination.Install(ctx, from, to)
}

func TestRunOutlivesLostConnections(t *testing.T) {
	t.Parallel()
	s := startSSHD(t, "nobody")
	a, d := newAccount(t), dialSSHD(t, s, served(t))
	o := options(2)
	o.Lanes = 4
	for n := 1; n <= 3; n++ {
		a.edit(n)
		sum := a.mustRun(&cutting{Destination: d, server: s}, o)
		a.holdsAll(d, o, min(n, 2), sum.Slot)
	}
}
