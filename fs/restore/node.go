package restore

import (
	"errors"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"slotfs/indexer/backup"
)

// make makes something that has no content, and counts it.
func (r *run) make(f *directory, e *Entry, name string, at *found, how func(as string) error, count *atomic.Int64) error {
	if err := r.free(at); err != nil {
		return err
	}
	if at.there {
		r.replaced.Add(1)
	}
	count.Add(1)
	if r.o.Rehearse {
		return nil
	}
	temp := tempName()
	if err := how(temp); err != nil {
		count.Add(-1)
		return target("make it", err)
	}
	bare := r.dressNode(f, e, temp)
	if err := f.place(temp, name, at.there); err != nil {
		count.Add(-1)
		return errors.Join(err, f.remove(temp))
	}
	return bare
}

// errExchanged says that somebody put something else in the place of what was made.
var errExchanged = errors.New("it was exchanged for something else")

// dressNode gives a link, pipe or socket its attributes, if it still is one of ours.
func (r *run) dressNode(f *directory, e *Entry, name string) error {
	fd, err := retried(func() (int, error) { return unix.Openat(f.fd, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0) })
	if err != nil {
		return incomplete("attributes", target("open", err))
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	err = unix.Fstat(fd, &st)
	if err == nil && (st.Mode&unix.S_IFMT != e.Mode&backup.ModeType || st.Nlink > 1) {
		err = errExchanged
	}
	if err != nil {
		return incomplete("attributes", target("stat", err))
	}
	return r.dressLink(fd, e)
}
