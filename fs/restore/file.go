package restore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"slotfs/indexer/backup"
)

// chunk is what is read at once: large enough to be spread over many requests.
const chunk = 1 << 20

// job is a regular file, or a further name of one, on its way.
type job struct {
	r        *run
	in       *directory
	entry    Entry
	name     string
	path     string
	file     File
	left     int64 // bytes to read, held in the window
	replaces bool
	first    *first // nil: it has no other names
	link     bool   // another name of first
}

// begin hands the job to whoever is free, when it is near enough to what is being read.
func (j *job) begin(ctx context.Context) error {
	err := j.r.window.enter(ctx, j.left)
	if err == nil {
		select {
		case j.r.jobs <- j:
			return nil
		case <-ctx.Done():
			err = context.Cause(ctx)
			j.r.window.leave(j.left)
		}
	}
	j.drop(ctx, err)
	return err
}

// drop gives up what the job holds.
func (j *job) drop(ctx context.Context, err error) {
	if j.file != nil {
		j.file.Close()
	}
	if !j.link {
		j.first.settle(0, 0, err)
	}
	j.in.leave(ctx)
}

// do restores the file.
func (j *job) do(ctx context.Context) {
	var err error
	switch {
	case context.Cause(ctx) != nil:
		err = context.Cause(ctx)
	case j.link:
		err = j.another(ctx)
	default:
		err = j.write(ctx)
	}
	j.r.window.leave(j.left)
	if err != nil {
		j.r.fail(j.path, err)
	}
	j.drop(ctx, err)
}

// write makes the file under a name of its own and renames it when it is whole.
func (j *job) write(ctx context.Context) error {
	temp, fd, err := j.in.create()
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if done, err := j.copy(ctx, fd); err != nil {
		return j.keepBeginning(ctx, temp, fd, done, err)
	}
	if j.in.inherits {
		dropACL(fd)
	}
	e := &j.entry
	bare := j.r.dress(fd, e)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return errors.Join(target("stat", err), j.in.remove(temp))
	}
	if err := j.in.place(temp, j.name, j.replaces); err != nil {
		return errors.Join(err, j.in.remove(temp))
	}
	j.first.settle(st.Dev, st.Ino, nil)
	j.in.delivered(j.name)
	j.r.wrote(j, e.stored())
	if bare != nil {
		j.r.fail(j.path, bare)
	}
	return nil
}

// wrote counts a file.
func (r *run) wrote(j *job, stored int64) {
	r.files.Add(1)
	r.bytes.Add(stored)
	r.sent(1, 0)
	if r.o.Rehearse {
		r.sent(0, stored)
	}
	if j.replaces {
		r.replaced.Add(1)
	}
}

// copy writes the content, and tells up to where before an error. Holes stay holes.
func (j *job) copy(ctx context.Context, fd int) (done int64, err error) {
	e := &j.entry
	extents := e.Extents
	if extents == nil {
		extents = []backup.Extent{{Length: e.Size}}
	}
	buf := make([]byte, max(min(chunk, e.Size), 1))
	end := int64(0)
	for _, x := range extents {
		for off := x.Offset; off < x.Offset+x.Length; {
			p := buf[:min(int64(len(buf)), x.Offset+x.Length-off)]
			got, err := j.read(ctx, p, off)
			if writeErr := writeAll(fd, p[:got], off); writeErr != nil {
				err = writeErr
			}
			if err != nil {
				return off + int64(got), err
			}
			n := int64(len(p))
			off += n
			j.left -= n
			j.r.window.leave(n)
			j.r.sent(0, n)
		}
		if x.Length > 0 {
			end = max(end, x.Offset+x.Length)
		}
	}
	if end < e.Size {
		return end, target("set size", unix.Ftruncate(fd, e.Size))
	}
	return end, nil
}

// errShort says that a file ended before the size that it is known to have.
var errShort = errors.New("ends early")

// read reads all of p, or with an error what comes before it.
func (j *job) read(ctx context.Context, p []byte, off int64) (int, error) {
	if cause := context.Cause(ctx); cause != nil {
		return 0, cause
	}
	n, err := j.file.ReadAt(ctx, p, off)
	switch {
	case n == len(p):
		return n, nil
	case context.Cause(ctx) != nil:
		return 0, context.Cause(ctx)
	case err == nil || err == io.EOF: // a lost connection may have an EOF in its chain
		err = fmt.Errorf("read at %d: %w", off+int64(n), errShort)
	}
	return n, err
}

func writeAll(fd int, p []byte, off int64) error {
	for len(p) > 0 {
		n, err := retried(func() (int, error) { return unix.Pwrite(fd, p, off) })
		if err != nil {
			return target("write", err)
		}
		p, off = p[n:], off+int64(n)
	}
	return nil
}

// tempName is a name that nothing has.
func tempName() string { return tempPrefix + rand.Text() }

// create makes an empty file that is nobody's but ours. It is locked, which tells other runs that it is not left behind.
func (f *directory) create() (temp string, fd int, err error) {
	temp = tempName()
	fd, err = retried(func() (int, error) {
		return unix.Openat(f.fd, temp, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	})
	if err != nil {
		return "", -1, target("make file", err)
	}
	_ = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) // not all file systems have locks
	return temp, fd, nil
}

func (f *directory) remove(temp string) error {
	return target("remove what is not whole", unix.Unlinkat(f.fd, temp, 0))
}

// place gives what is whole its name. Without replace something that appeared there in the meantime stays.
func (f *directory) place(temp, name string, replace bool) error {
	if replace {
		if err := f.r.keeper.save(f, name, false); err != nil {
			return err
		}
		return target("rename", unix.Renameat(f.fd, temp, f.fd, name))
	}
	return f.r.keeper.making(f, name, func() error { return f.placeNew(temp, name) })
}

// placeNew gives what is whole a name that nothing has.
func (f *directory) placeNew(temp, name string) error {
	err := unix.Renameat2(f.fd, temp, f.fd, name, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) { // the file system cannot do that at once
		if err = unix.Faccessat(f.fd, name, unix.F_OK, unix.AT_SYMLINK_NOFOLLOW); err == nil {
			err = unix.EEXIST
		} else if errors.Is(err, unix.ENOENT) {
			err = unix.Renameat(f.fd, temp, f.fd, name)
		}
	}
	if errors.Is(err, unix.EEXIST) {
		return ErrExists
	}
	return target("rename", err)
}
