package slot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"slotfs/indexer/dest"
)

// Leases are files `lease.RUN` in the account's folder. Whoever made one and then sees no other one holds the account.
// One that was not written to for the time to live, by the server's clock, is stale: who comes makes his own, looks
// whether the stale one was written to meanwhile, and removes it. Who writes to his own looks for others after that.
// So of two that race at least one sees the other. Each run looks again before it commits.

const leasePrefix = "lease."

// mostHolder bounds what a lease or a hold says, in bytes.
const mostHolder = 4096

// holder is what a lease says about the run that made it.
type holder struct {
	Run   string `json:"run"`
	Host  string `json:"host"`
	Boot  string `json:"boot"`  // id of the boot of the host
	Space string `json:"space"` // process namespace
	PID   int    `json:"pid"`
	Start string `json:"start"` // of the process, in ticks since the boot
}

// me describes this process.
func me(run, host string) *holder {
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	space, _ := os.Readlink("/proc/self/ns/pid")
	h := &holder{Run: run, Host: host, Boot: strings.TrimSpace(string(boot)), Space: space, PID: os.Getpid()}
	h.Start = startOf(h.PID)
	return h
}

// startOf is when a process started; "" if there is none.
func startOf(pid int) string {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	// "pid (name) state ...", and a name may contain anything. The start is field 22.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 20 {
		return ""
	}
	return fields[19]
}

// dead reports whether h is known to have ended: a process of this boot and namespace that is not there any more.
func (h *holder) dead() bool {
	now := me("", "")
	if h.Boot == "" || h.Boot != now.Boot || h.Space == "" || h.Space != now.Space || h.PID <= 0 {
		return false
	}
	return startOf(h.PID) != h.Start
}

// lease is a held one.
type lease struct {
	r      *remote
	folder string
	name   string
	text   []byte
	ttl    time.Duration
	now    func() time.Time
	first  []dest.Info // names of the folder when the account was taken

	mu   sync.Mutex // guards what follows
	last time.Time  // when it was written
}

// current makes sure, before something is changed, that the lease was not left alone for long: a process that was
// stopped for hours must not go on as if nothing had happened.
func (l *lease) current(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	age := l.now().Sub(l.last)
	if age.Abs() < l.ttl/2 {
		return nil
	}
	return l.rewrite(unwatched(ctx))
}

// leases are those among the names of a folder.
func leases(names []dest.Info) map[string]dest.Info {
	found := make(map[string]dest.Info)
	for _, info := range names {
		if strings.HasPrefix(info.Name, leasePrefix) {
			found[info.Name] = info
		}
	}
	return found
}

// acquire takes the account. It makes the folder if that is not there.
func (r *remote) acquire(ctx context.Context, folder string, o *Options) (*lease, error) {
	names, err := r.List(ctx, folder)
	if errors.Is(err, fs.ErrNotExist) {
		err = r.ensureDirs(ctx, folder)
	}
	if err != nil {
		return nil, err
	}
	old := leases(names)
	for n := range old {
		if stale, err := r.stale(ctx, folder, old[n], o); err != nil || !stale {
			return nil, errors.Join(err, busy(folder, err))
		}
	}
	text, err := json.Marshal(me(r.run, o.Host))
	if err != nil {
		return nil, err
	}
	l := &lease{
		r: r, folder: folder, name: folder + "/" + leasePrefix + r.run, text: text,
		ttl: o.LeaseTTL, now: o.Now, last: o.Now(),
	}
	if err := l.create(ctx, old); err != nil {
		l.release(ctx)
		return nil, err
	}
	for _, info := range old {
		if err := r.drop(ctx, folder+"/"+info.Name); err != nil {
			l.release(ctx)
			return nil, err
		}
	}
	r.lease = l
	return l, nil
}

func busy(folder string, err error) error {
	if err != nil {
		return nil
	}
	return fmt.Errorf("%s: %w", folder, ErrBusy)
}

// create makes the lease, and looks who else is there but known stale ones. Others see it from its name on: what it says
// only tells them sooner that it is left over.
func (l *lease) create(ctx context.Context, known map[string]dest.Info) error {
	var out dest.WriteFile
	lost := false // it may be there then
	err := again(ctx, func() (err error) {
		out, err = l.r.Create(ctx, l.name, dest.Create{Existing: lost})
		lost = lost || errors.Is(err, dest.ErrUnreachable)
		return err
	})
	if err != nil {
		return err
	}
	return together(ctx, func(ctx context.Context) error {
		err := writeOut(ctx, out, l.text)
		if !errors.Is(err, dest.ErrUnreachable) {
			return err
		}
		return again(ctx, func() error { return l.r.writeAt(ctx, l.name, l.text, dest.Create{Existing: true}) })
	}, func(ctx context.Context) (err error) {
		l.first, err = l.look(ctx, known)
		return err
	})
}

// alone makes sure that no other lease appeared.
func (l *lease) alone(ctx context.Context) error {
	_, err := l.look(ctx, nil)
	return err
}

// look makes sure that no other lease appeared but known stale ones, and that nobody wrote to those. It returns the names
// in the folder.
func (l *lease) look(ctx context.Context, known map[string]dest.Info) ([]dest.Info, error) {
	var names []dest.Info
	err := again(ctx, func() (err error) {
		names, err = l.r.List(ctx, l.folder)
		return err
	})
	if err != nil {
		return nil, err
	}
	mine := false
	for n, info := range leases(names) {
		if l.folder+"/"+n == l.name {
			mine = true
		} else if old, ok := known[n]; !ok || old.MTime != info.MTime {
			return nil, busy(l.folder, nil)
		}
	}
	if !mine {
		return nil, busy(l.folder, nil)
	}
	return names, nil
}

// stale reports whether a lease is left over. Its age is by the server's clock alone.
func (r *remote) stale(ctx context.Context, folder string, info dest.Info, o *Options) (bool, error) {
	text, err := r.load(ctx, folder+"/"+info.Name, mostHolder)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil // released
	}
	if err != nil && !errors.Is(err, errTooLong) {
		return false, err
	}
	var h holder
	if json.Unmarshal(text, &h) == nil && h.Host == o.Host && h.Run != "" && o.tune.dead(&h) {
		return true, nil
	}
	now, err := r.serverTime(ctx, folder)
	if err != nil {
		return false, err
	}
	return now-info.MTime > int64(o.LeaseTTL/time.Second), nil
}

// serverTime is the server's clock: the time of a file that was just made.
func (r *remote) serverTime(ctx context.Context, folder string) (int64, error) {
	name := fmt.Sprintf("%s/clock.%s-%d", folder, r.run, r.seq.Add(1))
	out, err := r.Create(ctx, name, dest.Create{})
	if err != nil {
		return 0, err
	}
	if err := out.Close(ctx); err != nil {
		return 0, err
	}
	info, err := r.Stat(ctx, name)
	if dropErr := r.drop(ctx, name); err == nil {
		err = dropErr
	}
	return info.MTime, err
}

// refresh writes the lease again, as it was: that alone makes it younger.
func (l *lease) refresh(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rewrite(ctx)
}

// rewrite needs l.mu.
func (l *lease) rewrite(ctx context.Context) error {
	now := l.now()
	if _, err := l.r.Stat(ctx, l.name); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return busy(l.folder, nil)
		}
		return err
	}
	err := l.r.write(ctx, l.name, l.text)
	if err == nil {
		err = l.alone(ctx)
	}
	if err == nil {
		l.last = now
	}
	return err
}

// write writes a small file, whether it is there or not.
func (r *remote) write(ctx context.Context, name string, text []byte) error {
	err := r.writeAt(ctx, name, text, dest.Create{Existing: true})
	if err == nil || ctx.Err() != nil || errors.Is(err, dest.ErrUnreachable) || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// Some servers open nothing for writing that is there, and let it be replaced.
	temp := fmt.Sprintf("%s/clock.%s-%d", dest.Parent(name), r.run, r.seq.Add(1))
	if tempErr := r.writeAt(ctx, temp, text, dest.Create{}); tempErr != nil {
		return err
	}
	if moveErr := r.Rename(ctx, temp, name); moveErr != nil {
		_ = r.Remove(ctx, temp)
		return err
	}
	return nil
}

func (r *remote) writeAt(ctx context.Context, name string, text []byte, how dest.Create) error {
	out, err := r.Create(ctx, name, how)
	if err != nil {
		return err
	}
	return writeOut(ctx, out, text)
}

// writeOut fills a file that was opened for it, and closes it.
func writeOut(ctx context.Context, out dest.WriteFile, text []byte) error {
	_, err := out.WriteAt(ctx, text, 0)
	if closeErr := out.Close(ctx); err == nil {
		err = closeErr
	}
	return err
}

// keep refreshes until ctx ends. It gives up with cancel when the lease is lost or was not refreshed for too long.
func (l *lease) keep(ctx context.Context, cancel context.CancelCauseFunc, o *Options) {
	beat, stop := o.tune.beat()
	defer stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat:
		}
		err := l.refresh(ctx)
		switch {
		case err == nil:
			last = time.Now()
		case errors.Is(err, ErrBusy), time.Since(last) > o.LeaseTTL/2:
			cancel(fmt.Errorf("keep the lease of %s: %w", l.folder, err))
			return
		default:
			o.Log.Warn("lease", "folder", l.folder, "error", err)
		}
	}
}

// release gives the account back, also when ctx has ended.
func (l *lease) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	// Who comes next finds it stale if it stays.
	_ = again(ctx, func() error { return missing(l.r.Remove(ctx, l.name)) })
}
