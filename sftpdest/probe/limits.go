package probe

import (
	"context"
	"time"

	"slotfs/sftpdest/auth"
	"slotfs/sftpdest/session"
	"slotfs/sftpdest/settings"
)

// limits opens sessions and connections until the server refuses one more.
func (p *probe) limits(ctx context.Context) {
	known, err := auth.ParsePins(p.settings)
	if err != nil {
		p.skip("connections", err)
		return
	}
	o := p.options.WithDefaults()
	creds := auth.NewCredentials(p.settings, o.AgentPath)
	var open []*auth.Connection
	defer func() {
		for _, c := range open {
			c.Close()
		}
		p.freed = time.Now()
	}()
	for began := time.Now(); len(open) < p.may.Connections && (len(open) == 0 || time.Since(began) < patience); {
		var c *auth.Connection
		err := p.settled(ctx, func() (err error) {
			c, err = p.another(ctx, o, known, creds)
			return err
		})
		if err != nil {
			p.report.AllowedIsLimit = ctx.Err() == nil
			break
		}
		open = append(open, c)
	}
	p.report.Allowed = len(open)
	if len(open) == 0 {
		return
	}
	p.report.Sessions = 1
	for began := time.Now(); p.report.Sessions < mostSessions && time.Since(began) < patience; {
		within, cancel := context.WithTimeout(ctx, p.settings.ConnectionTimeout)
		_, err := session.Open(within, open[0].Client, session.Config{})
		cancel()
		if err != nil {
			break
		}
		p.report.Sessions++
	}
}

// another makes a connection with a session: some servers refuse that only.
func (p *probe) another(ctx context.Context, o settings.Options, known *auth.Pins, creds *auth.Credentials) (*auth.Connection, error) {
	c, err := auth.Login(ctx, p.settings, o, known, creds)
	if err != nil {
		return nil, err
	}
	within, cancel := context.WithTimeout(ctx, p.settings.ConnectionTimeout)
	defer cancel()
	if _, err := session.Open(within, c.Client, session.Config{}); err != nil {
		c.Close()
		return nil, &auth.UnreachableError{Address: p.settings.Address(), Err: err}
	}
	return c, nil
}
