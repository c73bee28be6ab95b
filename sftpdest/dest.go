package sftpdest

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync/atomic"

	"slotfs/indexer/dest"
	"slotfs/indexer/dest/retry"
	"slotfs/sftpdest/auth"
	"slotfs/sftpdest/pool"
	"slotfs/sftpdest/session"
	"slotfs/sftpdest/wire"
)

// Destination is a directory of an SFTP account. Its methods may be called side by side.
type Destination struct {
	settings Settings
	options  Options
	pool     *pool.Pool
	files    *openFiles
	server   *findings

	// What bounds a session, which tests replace.
	windowLimited, cpuLimited func(*pool.Session) bool
}

// findings are what the server was found not to do, whatever it offers.
type findings struct {
	plainRename atomic.Bool // to rename over a file
	noModes     atomic.Bool // to let permissions be chosen
}

var (
	_ dest.Destination = (*Destination)(nil)
	_ dest.Troubled    = (*Destination)(nil)
)

// New prepares a destination. It does not connect: the first call does, or Connect.
func New(s Settings, o Options) (*Destination, error) {
	s, err := s.WithDefaults()
	if err != nil {
		return nil, fmt.Errorf("destination settings: %w", err)
	}
	p, err := auth.ParsePins(s)
	if err != nil {
		return nil, fmt.Errorf("destination settings: %w", err)
	}
	o = o.WithDefaults()
	files := &openFiles{}
	pooled := pool.New(s, o, p, auth.NewCredentials(s, o.AgentPath), files.evict)
	return &Destination{
		settings: s, options: o, pool: pooled, files: files, server: &findings{},
		windowLimited: func(s *pool.Session) bool { return s.WindowLimited(pooled.RTT()) },
		cpuLimited:    func(s *pool.Session) bool { return s.CPULimited() },
	}, nil
}

// Dial is New and Connect.
func Dial(ctx context.Context, s Settings, o Options) (*Destination, error) {
	d, err := New(s, o)
	if err != nil {
		return nil, err
	}
	if err := d.Connect(ctx); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// Connect logs in and looks whether the directory is there.
func (d *Destination) Connect(ctx context.Context) error {
	_, err := d.Stat(ctx, "")
	return err
}

// Trouble implements dest.Troubled.
func (d *Destination) Trouble() error {
	return d.pool.Trouble()
}

// Close ends all calls and connections without waiting for the network.
func (d *Destination) Close() error {
	d.pool.Close()
	return nil
}

// remote is the path as the server knows it.
func (d *Destination) remote(p string) (string, error) {
	if err := dest.CheckPath(p); err != nil {
		return "", err
	}
	switch dir := d.settings.Directory; {
	case p == "" && dir == "":
		return ".", nil
	case p == "":
		return dir, nil
	case dir == "":
		return p, nil
	default:
		return strings.TrimSuffix(dir, "/") + "/" + p, nil
	}
}

// repeat runs f, and again while its session is lost under it: see package retry. f calls progress when a part of what it does is done.
func (d *Destination) repeat(ctx context.Context, f func(progress func()) error) error {
	policy := retry.Default
	policy.Lost = lost
	err := policy.DoParts(ctx, f)
	if lost(err) {
		return &auth.UnreachableError{Address: d.settings.Address(), Err: err}
	}
	return err
}

// lost reports whether a session was lost under a request. That the pool has none to give, for whatever it lost, is something else.
func lost(err error) bool {
	return errors.Is(err, session.ErrLost) && !errors.Is(err, dest.ErrUnreachable)
}

// once is the error of what is not repeated: whether the server did what it was asked in a session that was lost is not known.
func (d *Destination) once(err error) error {
	if lost(err) {
		return &auth.UnreachableError{Address: d.settings.Address(), Err: err, Unknown: true}
	}
	return err
}

// do runs f on a session, and again on another one if the first is lost.
func (d *Destination) do(ctx context.Context, f func(s *pool.Session) error) error {
	return d.repeat(ctx, func(func()) error { return d.onSession(ctx, f) })
}

// doOnce is do for what must not be asked twice.
func (d *Destination) doOnce(ctx context.Context, f func(s *pool.Session) error) error {
	return d.once(d.onSession(ctx, f))
}

// onSession runs f on a session.
func (d *Destination) onSession(ctx context.Context, f func(s *pool.Session) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s, err := d.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	return d.drop(s, f(s))
}

// drop ends a session that does not speak SFTP, or so slowly that it holds us up. It returns err, which in those cases is about
// the whole destination.
func (d *Destination) drop(s *pool.Session, err error) error {
	if !errors.Is(err, wire.ErrMalformed) && !errors.Is(err, session.ErrSlow) {
		return err
	}
	s.Fail(err)
	if errors.Is(err, session.ErrSlow) {
		return &auth.UnreachableError{Address: d.settings.Address(), Err: err}
	}
	return err
}

// Stat implements dest.Stater. The destination's directory itself may be a symbolic link, which is followed.
func (d *Destination) Stat(ctx context.Context, p string) (dest.Info, error) {
	remote, err := d.remote(p)
	if err != nil {
		return dest.Info{}, err
	}
	typ := byte(wire.Lstat)
	if p == "" {
		typ = wire.Stat
	}
	var a wire.Attributes
	err = d.do(ctx, func(s *pool.Session) (err error) {
		a, err = s.Attributes(ctx, typ, remote)
		return err
	})
	if err != nil {
		return dest.Info{}, d.absent(ctx, "stat", p, remote, err)
	}
	return info(base(p), a), nil
}

// ReadLink implements dest.Reader.
func (d *Destination) ReadLink(ctx context.Context, p string) (string, error) {
	remote, err := d.remote(p)
	if err != nil {
		return "", err
	}
	var target string
	err = d.do(ctx, func(s *pool.Session) (err error) {
		target, err = s.Name(ctx, wire.ReadLink, remote)
		return err
	})
	if err != nil {
		return "", d.absent(ctx, "read link", p, remote, err)
	}
	return target, nil
}

func info(name string, a wire.Attributes) dest.Info {
	return dest.Info{Name: name, Mode: a.Mode, UID: a.UID, GID: a.GID, Size: a.Size, MTime: int64(a.MTime)}
}

func base(p string) string {
	if p == "" {
		return ""
	}
	return path.Base(p)
}
