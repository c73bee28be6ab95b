package sftpdest

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"slotfs/indexer/dest"
	"slotfs/indexer/dest/retry"
	"slotfs/sftpdest/wire"
)

// Destination is a directory of an SFTP account. Its methods may be called side by side.
type Destination struct {
	settings Settings
	pool     *pool
}

var _ dest.Destination = (*Destination)(nil)

// New prepares a destination. It does not connect: the first call does, or Connect.
func New(s Settings, o Options) (*Destination, error) {
	s, err := s.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("destination settings: %w", err)
	}
	p, err := parsePins(s)
	if err != nil {
		return nil, fmt.Errorf("destination settings: %w", err)
	}
	o = o.withDefaults()
	d := &Destination{settings: s, pool: newPool(s, o, p, &credentials{settings: s, agent: o.AgentPath})}
	d.pool.outage.known = o.Known // nobody else has the pool yet
	return d, nil
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

// Trouble tells why there is no connection, if the last attempt to make one failed.
func (d *Destination) Trouble() error {
	d.pool.mu.Lock()
	defer d.pool.mu.Unlock()
	return d.pool.outage.failure
}

// Close ends all calls and connections without waiting for the network.
func (d *Destination) Close() error {
	d.pool.close()
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
	policy.Lost = func(err error) bool { return errors.Is(err, errLost) }
	err := policy.DoParts(ctx, f)
	if errors.Is(err, errLost) {
		return &UnreachableError{Address: d.settings.address(), Err: err}
	}
	return err
}

// once is the error of what is not repeated: whether the server did what it was asked in a session that was lost is not known.
func (d *Destination) once(err error) error {
	if errors.Is(err, errLost) {
		return &UnreachableError{Address: d.settings.address(), Err: err, Unknown: true}
	}
	return err
}

// do runs f on a session, and again on another one if the first is lost.
func (d *Destination) do(ctx context.Context, f func(s *session) error) error {
	return d.repeat(ctx, func(func()) error { return d.onSession(ctx, f) })
}

// doOnce is do for what must not be asked twice.
func (d *Destination) doOnce(ctx context.Context, f func(s *session) error) error {
	return d.once(d.onSession(ctx, f))
}

// onSession runs f on a session.
func (d *Destination) onSession(ctx context.Context, f func(s *session) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s, err := d.pool.acquire(ctx)
	if err != nil {
		return err
	}
	return d.drop(s, f(s))
}

// drop ends a session that does not speak SFTP, or so slowly that it holds us up. It returns err, which in those cases is about
// the whole destination.
func (d *Destination) drop(s *session, err error) error {
	if !errors.Is(err, wire.ErrMalformed) && !errors.Is(err, errSlow) {
		return err
	}
	s.fail(err)
	if errors.Is(err, errSlow) {
		return &UnreachableError{Address: d.settings.address(), Err: err}
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
	err = d.do(ctx, func(s *session) (err error) {
		a, err = s.attributes(ctx, typ, remote)
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
	err = d.do(ctx, func(s *session) (err error) {
		target, err = s.name(ctx, wire.ReadLink, remote)
		return err
	})
	if err != nil {
		return "", d.absent(ctx, "read link", p, remote, err)
	}
	return target, nil
}

// attributes asks Stat, Lstat or Fstat.
func (s *session) attributes(ctx context.Context, typ byte, of string) (wire.Attributes, error) {
	reply, err := s.ask(ctx, typ, of)
	if err != nil {
		return wire.Attributes{}, err
	}
	return attributesOf(reply)
}

func attributesOf(reply wire.Reply) (wire.Attributes, error) {
	if reply.Type != wire.Attrs {
		return wire.Attributes{}, unexpected(reply)
	}
	return wire.AttrsOf(reply.Body)
}

// name asks ReadLink or RealPath.
func (s *session) name(ctx context.Context, typ byte, path string) (string, error) {
	reply, err := s.ask(ctx, typ, path)
	if err != nil {
		return "", err
	}
	if reply.Type != wire.Name {
		return "", unexpected(reply)
	}
	names, err := wire.NamesOf(nil, reply.Body)
	if err != nil {
		return "", err
	}
	if len(names) != 1 {
		return "", fmt.Errorf("%d names instead of one: %w", len(names), wire.ErrMalformed)
	}
	return names[0].Name, nil
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
