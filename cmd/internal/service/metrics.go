package service

import (
	"context"
	"time"

	"slotfs/cmd/internal/service/alarm"
	"slotfs/cmd/internal/service/metrics"
	"slotfs/fs"
	"slotfs/fs/content"
	"slotfs/sftpdest/pool"
)

// values are what this process shows to Prometheus; nil if that cannot be told.
func (s *Service) values(ctx context.Context) *metrics.Values {
	v, err := s.allValues(ctx)
	if err != nil {
		s.Log.Warn("metrics", "error", err)
		return nil
	}
	return v
}

func (s *Service) allValues(ctx context.Context) (*metrics.Values, error) {
	c := s.destinations.current()
	seen, tally, err := s.look(ctx)
	if err != nil {
		return nil, err
	}
	f, err := s.oversight.watcher.Facts(c, seen)
	if err != nil {
		return nil, err
	}
	v := s.oversight.watcher.Values(f, alarm.Find(f))
	v.Version = s.Version
	tally.AddTo(v, c)
	for i := range v.Destinations {
		s.destinations.addLink(&v.Destinations[i])
	}
	stats, err := s.index.Stats(ctx)
	if err != nil {
		return nil, err
	}
	v.Index = &metrics.Index{Snapshots: stats.Snapshots, Directories: stats.Nodes, Points: stats.Points, DiskBytes: stats.DiskBytes}
	if r := s.destinations.cacheReport(); r != nil {
		v.Cache = &metrics.Cache{Bytes: r.Bytes, Limit: r.Limit, Hits: r.Hits, Misses: r.Misses}
	}
	if seen.Watching {
		mounted := s.mounts.now() != nil
		v.Mounted = &mounted
	}
	return v, nil
}

// addLink adds how a destination that is in use is connected.
func (d *destinations) addLink(v *metrics.Destination) {
	if v.Link == nil {
		return
	}
	d.mu.Lock()
	t := d.open[v.Name]
	d.mu.Unlock()
	if t == nil {
		return
	}
	if connected, ok := t.dest.(interface{ Stats() pool.Stats }); ok {
		stats := connected.Stats()
		v.Link.Connections, v.Link.Retries, v.Link.RoundTrip = stats.Connections, stats.Retries, stats.RTT
	}
}

// writeMetrics replaces the text file. That it cannot be written is an error once, until it can.
func (s *Service) writeMetrics(ctx context.Context, path string) error {
	err := metrics.Write(path, metrics.NewRegistry(func() *metrics.Values { return s.values(ctx) }, s.oversight.reads))
	o := s.oversight
	o.mu.Lock()
	defer o.mu.Unlock()
	known := o.refused
	o.refused = err != nil
	if known {
		return nil
	}
	return err
}

// followMetrics answers Prometheus at an address from now on.
func (s *Service) followMetrics(ctx context.Context, l *listener, address string) {
	same := func(before any) bool { return before == address }
	if address == "" {
		l.follow(ctx, address, same, nil)
		return
	}
	l.follow(ctx, address, same, func() (func(context.Context) error, error) {
		server, err := metrics.Listen(address, metrics.NewRegistry(func() *metrics.Values { return s.values(ctx) }, s.oversight.reads), s.Log)
		if err != nil {
			return nil, err
		}
		return server.Serve, nil
	})
}

// meteredFile counts what is read of a file.
type meteredFile struct {
	*content.File
	reads       *metrics.Reads
	destination string
}

var (
	_ fs.File      = (*meteredFile)(nil)
	_ fs.Blocks    = (*meteredFile)(nil)
	_ fs.LateProof = (*meteredFile)(nil)
)

// ReadAt implements fs.File.
func (f *meteredFile) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	began := time.Now()
	n, err := f.File.ReadAt(ctx, p, off)
	f.reads.Saw(f.destination, time.Since(began), n, err)
	return n, err
}

// ReadBlocks implements fs.Blocks.
func (f *meteredFile) ReadBlocks(ctx context.Context, n int, off int64) ([][]byte, error) {
	began := time.Now()
	blocks, err := f.File.ReadBlocks(ctx, n, off)
	total := 0
	for _, b := range blocks {
		total += len(b)
	}
	f.reads.Saw(f.destination, time.Since(began), total, err)
	return blocks, err
}
