package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"

	"slotfs/cache/index"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/api"
)

// Serving is a service that lasts: it answers requests, runs the schedules and looks after the installation. A mount is one that shows
// the snapshots below a directory, too.
type Serving struct {
	*Environment
	// ReadDeadline is how long one read may wait for a destination.
	ReadDeadline time.Duration
	CacheSize    int64 // bytes; -1: as the configuration says
	// IgnoreHangup is called before the service answers: from then on a SIGHUP has the configuration read again.
	IgnoreHangup func()

	mountpoint string // "": nothing is mounted
}

// Serve answers until ctx ends. ready is called when it does.
func (v *Serving) Serve(ctx context.Context, ready func(error)) error {
	return v.with(ctx, func(s *Service) error {
		work, err := v.start(ctx, s)
		if err != nil {
			return err
		}
		v.tellManager("READY=1\n" + statusLine("serves "+v.State.Socket()))
		work.inform()
		ready(nil)
		<-ctx.Done()
		v.tellManager("STOPPING=1")
		return work.stop()
	})
}

// with opens the index and the cache for run, and closes them.
func (v *Serving) with(ctx context.Context, run func(*Service) error) error {
	// A thread that comes out of the kernel with a request must not wait for a processor behind decoders.
	v.Processors = runtime.GOMAXPROCS(0)
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(v.Processors + 2)
	}
	conf, err := v.Config()
	if err != nil {
		return err
	}
	LimitMemory(memoryToMount(conf))
	x, err := v.openIndex(ctx)
	if err != nil {
		return err
	}
	d := newDestinations(v.Environment, conf, x)
	d.deadline, d.known = v.ReadDeadline, true
	if d.cache, err = v.openCache(ctx, conf.Cache); err == nil {
		err = run(newService(v.Environment, x, d))
	}
	d.close()
	if d.cache != nil {
		d.cache.Close() // nothing in it would be missed
	}
	if closeErr := x.Close(); closeErr != nil {
		err = errors.Join(err, v.State.Fault(closeErr))
	}
	return err
}

// work is what a service does until it is stopped.
type work struct {
	*Serving
	service  *Service
	ctx      context.Context
	cancel   context.CancelFunc
	socket   *api.Server
	handlers *api.Handlers
	wait     sync.WaitGroup
}

// start has the service work.
func (v *Serving) start(ctx context.Context, s *Service) (*work, error) {
	w := &work{Serving: v, service: s}
	w.ctx, w.cancel = context.WithCancel(ctx)
	var err error
	if w.socket, w.handlers, err = s.listen(w.ctx); err != nil {
		w.cancel()
		return nil, err
	}
	hangups := make(chan os.Signal, 1)
	v.IgnoreHangup()
	signal.Notify(hangups, syscall.SIGHUP)
	w.wait.Go(func() { s.serve(w.socket) })
	w.wait.Go(func() { s.refresh(w.ctx) })
	w.wait.Go(func() { s.oversee(w.ctx) })
	// The signal is taken to the end of the process: one that comes while the mount goes away must not kill it.
	w.wait.Go(func() { s.reloadOn(w.ctx, hangups) })
	s.startSchedules(w.ctx)
	return w, nil
}

// inform tells the service manager how the service is, as long as it works.
func (w *work) inform() {
	w.wait.Go(func() { w.service.keepManagerInformed(w.ctx, w.tellManager) })
	w.wait.Go(func() { w.service.keepWatchdogQuiet(w.ctx, 2*w.ReadDeadline+time.Minute, w.tellManager) })
}

// interrupt ends passes, schedules and requests.
func (w *work) interrupt() error {
	w.cancel()
	return w.socket.Close()
}

// end returns when nothing works any more that was interrupted.
func (w *work) end() {
	w.service.scheduler.Wait()
	w.service.daily.Wait()
	w.handlers.Wait()
	w.wait.Wait()
}

func (w *work) stop() error {
	err := w.interrupt()
	w.end()
	return err
}

// purpose is what the service is for, at the beginning of errors.
func (v *Serving) purpose() string {
	if v.mountpoint == "" {
		return "serve"
	}
	return "mount " + v.mountpoint
}

// openIndex opens the index, and says who owns it if another service does.
func (v *Serving) openIndex(ctx context.Context) (x *index.Index, err error) {
	err = retryWhileEnding(ctx, func() (again bool, err error) {
		if x, err = v.OpenIndex(); !errors.Is(err, index.ErrBusy) {
			return false, err
		}
		r, reportErr := v.Owner().Report(ctx, true)
		if reportErr != nil {
			return true, fmt.Errorf("%s: %w", v.purpose(), err)
		}
		if r.Mountpoint == "" {
			err = fmt.Errorf("%s: %w: process %d works with it", v.purpose(), index.ErrBusy, r.PID)
			return r.Passes == 0 && !r.Serves, exit.Hinted(err, "wait until it has ended; `slotfs status` tells what it does")
		}
		return v.behindMount(ctx, r)
	})
	return x, err
}
