package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"slotfs/indexer/dest"
	"slotfs/sftpdest"
)

const (
	probeFile  = 32 << 20 // the file that is written and read again
	probeChunk = 4 << 20
	// slowest bounds the wait for the first byte.
	slowest = 10 * time.Second
	// mostSessions bounds how many sessions are opened on one connection to find the limit.
	mostSessions = 12
	// settling is how long a server may count a connection that was closed: it hears of that late, and logs out.
	settling = 2 * time.Second
	// patience is how long connections are opened, one after the other, to find how many the server takes.
	patience = 30 * time.Second
)

// writing measures one connection, the disk and the clock.
func (p *probe) writing(ctx context.Context) {
	o, err := p.file(ctx, p.one)
	p.large = p.made[len(p.made)-1]
	if err != nil {
		p.large = ""
		p.skip("write", fmt.Errorf("the directory is not writable: %w", err))
		p.skip("fsync", errors.New("the directory is not writable"))
		p.skip("clock", errors.New("the directory is not writable"))
		return
	}
	if p.report.FsyncSeconds, err = fsyncTime(ctx, o); err != nil {
		p.skip("fsync", err)
	}
	if info, err := p.one.Stat(ctx, p.large); err == nil {
		// The attributes have whole seconds.
		p.report.Clock = float64(info.MTime - time.Now().Unix())
	} else {
		p.skip("clock", err)
	}
	if p.report.WriteOne, err = writeRate(ctx, o, p.may.Time); err != nil {
		p.skip("write", err)
	}
	if err := o.Close(ctx); err != nil {
		p.skip("write", err)
	}
}

// fsyncTime is the shortest of a few.
func fsyncTime(ctx context.Context, o dest.WriteFile) (float64, error) {
	best := time.Duration(1<<63 - 1)
	for i := range 5 {
		if _, err := o.WriteAt(ctx, make([]byte, 4<<10), int64(i)<<12); err != nil {
			return 0, err
		}
		began := time.Now()
		if err := o.Sync(ctx); err != nil {
			return 0, err
		}
		best = min(best, time.Since(began))
	}
	return best.Seconds(), nil
}

// writeRate writes the file once, and over it until the time is over.
func writeRate(ctx context.Context, o dest.WriteFile, limit time.Duration) (float64, error) {
	p := make([]byte, probeChunk)
	began, sum := time.Now(), 0
	for sum < probeFile && time.Since(began) < limit || sum == 0 {
		n, err := o.WriteAt(ctx, p, int64(sum))
		sum += n
		if err != nil {
			return 0, err
		}
	}
	return float64(sum) / time.Since(began).Seconds(), nil
}

// writingMany writes as many files as there are connections.
func (p *probe) writingMany(ctx context.Context) {
	if p.report.WriteOne == 0 {
		return
	}
	var rates []float64
	var mu sync.Mutex // guards rates and the report's Skipped
	var wg sync.WaitGroup
	for range max(p.report.Connections, 1) {
		o, err := p.file(ctx, p.many)
		if err != nil {
			p.skip("write", err)
			break
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			rate, err := writeRate(ctx, o, p.may.Time)
			err = errors.Join(err, o.Close(ctx))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				p.skip("write", err)
				return
			}
			rates = append(rates, rate)
		}()
	}
	wg.Wait()
	for _, rate := range rates {
		p.report.WriteMany += rate
	}
}

// reading measures with the probe's own file, or with one that is there.
func (p *probe) reading(ctx context.Context) {
	name := ""
	var size int64
	var err error
	if p.large != "" {
		var info dest.Info
		name = p.large
		info, err = p.one.Stat(ctx, name)
		size = info.Size
	} else {
		name, size, err = p.largest(ctx)
	}
	if err == nil && size == 0 {
		err = errors.New("the file is empty")
	}
	if err != nil {
		p.skip("read", err)
		return
	}
	if p.report.ReadOne, err = readRate(ctx, p.one, name, size, p.may.Time); err != nil {
		p.skip("read", err)
	}
	p.one.Close() // the server may allow no other connection beside it
	p.freed = time.Now()
	if err = p.settled(ctx, func() error { return p.many.Connect(ctx) }); err == nil {
		p.report.ReadMany, err = readRate(ctx, p.many, name, size, p.may.Time)
	}
	if err != nil {
		p.skip("read", err)
	}
	p.report.Connections = p.many.Connections()
}

// readRate reads a file over and over. The first third of the time is for sessions and windows to grow.
func readRate(ctx context.Context, d *sftpdest.Destination, name string, size int64, limit time.Duration) (float64, error) {
	f, err := d.Open(ctx, name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	p := make([]byte, 64<<10)
	began := time.Now()
	measured := began
	var sum int64
	warm := true
	// What is slower than the time that was meant for it is waited for a while.
	over := func() bool {
		e := time.Since(began)
		return e > limit && (!warm && sum > 0 || e > limit+slowest)
	}
	for !over() && ctx.Err() == nil {
		stream := dest.NewStream(ctx, f, 0, size, 16)
		for err = nil; err == nil && !over(); {
			var n int
			n, err = stream.Read(p)
			sum += int64(n)
			if warm && time.Since(began) > limit/3 {
				warm, measured, sum = false, time.Now(), 0
			}
		}
		stream.Close()
		if err != nil && err != io.EOF {
			return 0, err
		}
	}
	if sum == 0 {
		return 0, errors.New("nothing came")
	}
	return float64(sum) / time.Since(measured).Seconds(), nil
}
