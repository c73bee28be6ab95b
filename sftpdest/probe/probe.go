package probe

import (
	"context"
	"errors"
	"fmt"
	"path"
	"time"

	"slotfs/indexer/backup"
	"slotfs/sftpdest"
	"slotfs/sftpdest/auth"
	"slotfs/sftpdest/settings"
)

// probe is one Probe under way.
type probe struct {
	settings settings.Settings
	options  settings.Options
	may      Options
	report   *Report
	one      *sftpdest.Destination // with one connection
	many     *sftpdest.Destination
	made     []string  // files to be removed
	large    string    // the one that was measured with
	freed    time.Time // when connections were closed last
}

// Run tells about a destination what somebody wants to know who sets one up. It fails only if the directory
// cannot be listed; the report then has what was found before.
func Run(ctx context.Context, s settings.Settings, o settings.Options, may Options) (report *Report, err error) {
	if may.Time == 0 {
		may.Time = 3 * time.Second
	}
	if may.Connections == 0 {
		may.Connections = 16
	}
	s, err = s.WithDefaults()
	if err != nil {
		return nil, fmt.Errorf("destination settings: %w", err)
	}
	p := &probe{settings: s, options: o, may: may, report: &Report{Address: s.Address(), Skipped: map[string]string{}}}
	if err := p.connect(ctx); err != nil {
		return p.report, err
	}
	defer p.one.Close()
	defer p.many.Close()
	defer func() { err = errors.Join(err, p.clean(ctx)) }()
	if err := p.measure(ctx); err != nil {
		return p.report, err
	}
	return p.report, ctx.Err()
}

// measure fills the report in. What was cut off by the end of ctx says nothing, so that nothing is skipped for it.
func (p *probe) measure(ctx context.Context) error {
	release := func(context.Context) {
		p.one.Close()
		p.many.Close()
		p.freed = time.Now()
	}
	steps := []func(context.Context){p.volume, p.renaming, p.writing, p.reading, p.writingMany, release, p.limits}
	if !p.may.Write {
		steps = []func(context.Context){p.volume, p.renaming, p.reading, release, p.limits}
		for _, what := range []string{"write", "fsync", "clock"} {
			p.skip(what, errors.New("only measured with --write"))
		}
	}
	for _, step := range steps {
		if step(ctx); ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

func (p *probe) skip(what string, err error) {
	if _, there := p.report.Skipped[what]; !there {
		p.report.Skipped[what] = err.Error()
	}
}

// connect makes the destinations and takes what a connection tells.
func (p *probe) connect(ctx context.Context) (err error) {
	one := p.settings
	one.MaxConnections = 1
	if p.one, err = sftpdest.New(one, p.options); err != nil {
		return err
	}
	began := time.Now()
	names, err := p.one.List(ctx, "")
	if err != nil {
		p.one.Close()
		return err
	}
	if p.many, err = sftpdest.New(p.settings, p.options); err != nil {
		p.one.Close()
		return err
	}
	r := p.report
	r.ConnectSeconds, r.Entries = time.Since(began).Seconds(), len(names)
	if err = p.describe(ctx); err != nil {
		p.one.Close()
		p.many.Close()
	}
	return err
}

// describe takes what the server says of itself, and the round trip.
func (p *probe) describe(ctx context.Context) error {
	server, err := p.one.Server(ctx)
	if err != nil {
		return err
	}
	r := p.report
	r.Server, r.Authenticated, r.Extensions = server.Version, server.Method, server.Extensions
	best := time.Duration(1<<63 - 1)
	for range 5 {
		began := time.Now()
		if _, err := p.one.Resolve(ctx, "."); err != nil {
			return err
		}
		best = min(best, time.Since(began))
	}
	r.RoundTripSeconds = best.Seconds()
	return nil
}

// settled runs connect, which makes a connection, and again where it is refused while the server may count those that were
// closed before: what it says then is not its limit.
func (p *probe) settled(ctx context.Context, connect func() error) error {
	for pause := settling / 64; ; pause *= 2 {
		err := connect()
		var refused *auth.UnreachableError
		if !errors.As(err, &refused) || time.Since(p.freed)+pause > settling {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// volume asks how much room there is.
func (p *probe) volume(ctx context.Context) {
	v, err := p.one.Volume(ctx, "")
	if errors.Is(err, errors.ErrUnsupported) {
		err = errors.New("the server cannot tell")
	}
	if err != nil {
		p.skip("free space", err)
		return
	}
	p.report.Free, p.report.Size = v.Available*v.Fragment, v.Blocks*v.Fragment
}

// renaming looks whether the server replaces a file, by trying where that is allowed.
func (p *probe) renaming(ctx context.Context) {
	var err error
	if p.report.Replaces, err = p.one.Replaces(ctx); err != nil || !p.may.Write {
		return
	}
	for range 2 {
		o, err := p.file(ctx, p.one)
		if err != nil {
			return // writing tells
		}
		if err := o.Close(ctx); err != nil {
			return
		}
	}
	err = p.one.Rename(ctx, p.made[1], p.made[0])
	p.report.Replaces = err == nil
}

// largest finds a file worth reading: the first one of 8 MiB, or the largest in the directories that come first.
func (p *probe) largest(ctx context.Context) (string, int64, error) {
	const enough, most = 8 << 20, 64
	queue := []string{""}
	name, size := "", int64(0)
	for n := 0; n < most && len(queue) > 0 && size < enough; n++ {
		dir := queue[0]
		queue = queue[1:]
		list, err := p.one.List(ctx, dir)
		if err != nil {
			continue
		}
		for _, info := range list {
			switch info.Mode & backup.ModeType {
			case backup.ModeDir:
				queue = append(queue, path.Join(dir, info.Name))
			case backup.ModeRegular:
				if info.Size > size {
					name, size = path.Join(dir, info.Name), info.Size
				}
			}
		}
	}
	if size == 0 {
		return "", 0, errors.New("found no file to read")
	}
	return name, size, ctx.Err()
}
