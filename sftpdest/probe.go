package sftpdest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"time"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/sftpdest/wire"
)

// ProbeOptions say what a Probe may do.
type ProbeOptions struct {
	Write       bool          // make a file in the directory, measure with it, and remove it
	Time        time.Duration // of each measurement of a rate; 0: 3 s
	Connections int           // most that are opened to find what the server allows; 0: 16
}

// Report is what a Probe found. What was not measured is 0, and Skipped has the reason by the name of the field.
type Report struct {
	Address       string   `json:"address"`
	Server        string   `json:"server"`        // its SSH version
	Authenticated string   `json:"authenticated"` // method
	Extensions    []string `json:"extensions"`    // of SFTP
	Entries       int      `json:"entries"`       // in the directory

	ConnectSeconds   float64 `json:"connect_seconds"` // from the first packet to the listing
	RoundTripSeconds float64 `json:"round_trip_seconds"`
	FsyncSeconds     float64 `json:"fsync_seconds,omitempty"` // to have 4 KiB on disk that the server has got

	Connections    int     `json:"connections"`                // that "many" stands for
	ReadOne        float64 `json:"read_one,omitempty"`         // bytes per second over one connection
	ReadMany       float64 `json:"read_many,omitempty"`        // over several
	WriteOne       float64 `json:"write_one,omitempty"`        // the same of writing
	WriteMany      float64 `json:"write_many,omitempty"`       //
	Free           uint64  `json:"free_bytes,omitempty"`       // for this user
	Size           uint64  `json:"size_bytes,omitempty"`       // of the file system
	Allowed        int     `json:"allowed_connections"`        // at the same time
	AllowedIsLimit bool    `json:"allowed_is_limit"`           // one more was refused; otherwise no more were tried
	Sessions       int     `json:"sessions_per_connection"`    //
	Replaces       bool    `json:"rename_replaces"`            // renaming replaces a file that is there, at once
	Clock          float64 `json:"clock_difference,omitempty"` // seconds that the server's clock is ahead, to a second

	Skipped map[string]string `json:"skipped,omitempty"`
}

// probe is one Probe under way.
type probe struct {
	settings Settings
	options  Options
	may      ProbeOptions
	report   *Report
	one      *Destination // with one connection
	many     *Destination
	made     []string  // files to be removed
	large    string    // the one that was measured with
	freed    time.Time // when connections were closed last
}

// Probe tells about a destination what somebody wants to know who sets one up. It fails only if the directory
// cannot be listed; the report then has what was found before.
func Probe(ctx context.Context, s Settings, o Options, may ProbeOptions) (report *Report, err error) {
	if may.Time == 0 {
		may.Time = 3 * time.Second
	}
	if may.Connections == 0 {
		may.Connections = 16
	}
	s, err = s.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("destination settings: %w", err)
	}
	p := &probe{settings: s, options: o, may: may, report: &Report{Address: s.address(), Skipped: map[string]string{}}}
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
	if p.one, err = New(one, p.options); err != nil {
		return err
	}
	began := time.Now()
	names, err := p.one.List(ctx, "")
	if err != nil {
		p.one.Close()
		return err
	}
	if p.many, err = New(p.settings, p.options); err != nil {
		p.one.Close()
		return err
	}
	r := p.report
	r.ConnectSeconds, r.Entries = time.Since(began).Seconds(), len(names)
	err = p.one.do(ctx, func(s *session) error {
		r.Server, r.Authenticated = string(s.conn.client.ServerVersion()), s.conn.how
		for name := range s.extensions {
			r.Extensions = append(r.Extensions, name)
		}
		slices.Sort(r.Extensions)
		best := time.Duration(1<<63 - 1)
		for range 5 {
			began := time.Now()
			if _, err := s.ask(ctx, wire.RealPath, "."); err != nil {
				return err
			}
			best = min(best, time.Since(began))
		}
		r.RoundTripSeconds = best.Seconds()
		return nil
	})
	if err != nil {
		p.one.Close()
		p.many.Close()
	}
	return err
}

// settled runs connect, which makes a connection, and again where it is refused while the server may count those that were
// closed before: what it says then is not its limit.
func (p *probe) settled(ctx context.Context, connect func() error) error {
	for pause := settling / 64; ; pause *= 2 {
		err := connect()
		var refused *UnreachableError
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
	v, err := p.one.volume(ctx, "")
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

// file makes one more file of the probe's own.
func (p *probe) file(ctx context.Context, d *Destination) (dest.WriteFile, error) {
	name := ".slotfs-test-" + rand.Text()[:12]
	p.made = append(p.made, name) // it may be there though nobody waited for the answer
	return d.Create(ctx, name, dest.Create{})
}

// clean removes the probe's files, also when its caller does not wait any more. What the server was asked to make may come
// late then: it looks again.
func (p *probe) clean(ctx context.Context) error {
	if len(p.made) == 0 {
		return nil
	}
	p.one.Close() // the server may allow no other connection beside them
	p.many.Close()
	p.freed = time.Now()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	d, err := New(p.settings, p.options)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := p.settled(ctx, func() error { return d.Connect(ctx) }); err != nil {
		return err
	}
	for left := p.made; len(left) > 0; {
		var denied error // a login that may only read is told so also of what is not there
		for _, name := range left {
			err := d.Remove(ctx, name)
			if errors.Is(err, fs.ErrPermission) {
				denied = err
			} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		names, err := d.List(ctx, "")
		if err != nil {
			return err
		}
		left = nil
		for _, info := range names {
			if slices.Contains(p.made, info.Name) {
				left = append(left, info.Name)
			}
		}
		if len(left) > 0 && denied != nil {
			return denied
		}
	}
	return nil
}

// largest finds a file worth reading: the first one of 8 MiB, or the largest in the folders that come first.
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
