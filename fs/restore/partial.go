package restore

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// PartialSuffix ends the names of files of which only the beginning could be read.
const PartialSuffix = ".partial"

// keepBeginning gives the n bytes of the file temp that could be read before cause a name which says that they are not all.
// It returns cause, with what became of them.
func (j *job) keepBeginning(ctx context.Context, temp string, fd int, n int64, cause error) error {
	var t *TargetError
	if !j.r.o.Partial || n == 0 || Fatal(cause) || errors.As(cause, &t) || context.Cause(ctx) != nil {
		return errors.Join(cause, j.in.remove(temp))
	}
	name := j.name + PartialSuffix
	if err := j.placeBeginning(temp, fd, name, n); err != nil {
		return errors.Join(cause, fmt.Errorf("keep %s: %w", name, err))
	}
	j.r.partial.Add(1)
	return fmt.Errorf("%w; its first %d bytes are in %s", cause, n, name)
}

// placeBeginning gives the first n bytes of a file their attributes and their name. The file temp is gone then.
func (j *job) placeBeginning(temp string, fd int, name string, n int64) error {
	beginning := j.entry
	beginning.Size = n
	at, err := j.in.look(name)
	if err == nil && at.same(&beginning) {
		return j.in.remove(temp) // an earlier run kept it
	}
	if err == nil {
		err = j.r.free(&at)
	}
	if err == nil {
		err = target("set size", unix.Ftruncate(fd, n))
	}
	if err == nil {
		if j.in.inherits {
			dropACL(fd)
		}
		bare := j.r.dress(fd, &beginning)
		if err = j.in.place(temp, name, at.there); err == nil {
			return bare
		}
	}
	return errors.Join(err, j.in.remove(temp))
}
