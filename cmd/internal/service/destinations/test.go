package destinations

import (
	"context"
	"errors"
	"fmt"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest"
	"slotfs/sftpdest/probe"
	"slotfs/sftpdest/slot"
)

// Report is what a test found.
type Report struct {
	*probe.Report
	Names manifest.Traits `json:"names,omitempty"` // what the server does to names; nothing: not tried
}

// WritesInTest reports whether a test of a destination writes to it where nobody says.
func WritesInTest(d *config.Destination) bool { return d.Engine == config.SlotsEngine }

// Test looks at a destination as a pass would see it, and measures it. The report is nil where nothing was found before an error.
func Test(ctx context.Context, c Connector, d *config.Destination, may probe.Options) (*Report, error) {
	r, err := test(ctx, c, d, may)
	if err != nil {
		err = fmt.Errorf("destination %s: %w", d.Name, err)
	}
	if r.Report == nil || r.Server == "" {
		return nil, err
	}
	return r, err
}

func test(ctx context.Context, c Connector, d *config.Destination, may probe.Options) (*Report, error) {
	r := &Report{}
	if len(d.HostKeys) == 0 {
		return r, exit.With(errors.New("no host key is accepted"), exit.Refused,
			"add the line of `ssh-keyscan -t ed25519 "+d.Host+"` without its first word as host-key")
	}
	remote, o, err := once(c, d)
	if err != nil {
		return r, err
	}
	if r.Report, err = probe.Run(ctx, remote, o, may); err != nil || !may.Write || d.Engine != config.SlotsEngine {
		return r, err
	}
	conn, err := sftpdest.New(remote, o)
	if err != nil {
		return r, err
	}
	defer conn.Close()
	r.Names, err = slot.FindTraits(ctx, conn)
	return r, err
}
