package jsonlog

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Follower reads a log, and what is added to it later.
type Follower[R any] struct {
	log  *Log[R]
	from time.Time        // months that ended before are not read
	read map[string]int64 // how much of each month
	// Skipped counts the lines that are no records: a process was killed while it wrote them, or somebody edited the file.
	Skipped int
}

// Follow begins with the oldest record.
func (l *Log[R]) Follow() *Follower[R] { return &Follower[R]{log: l, read: map[string]int64{}} }

// FollowSince begins with the month that a time is in.
func (l *Log[R]) FollowSince(t time.Time) *Follower[R] {
	f := l.Follow()
	f.from = t
	return f
}

// maxLine bounds a line: records have bounded texts.
const maxLine = 64 << 10

// Poll hands the records that were not read before to yield, oldest month first and in the order in which they were added. The
// record is yield's for the call only.
func (f *Follower[R]) Poll(yield func(*R) error) error {
	names, err := segments(f.log.Dir)
	if err != nil {
		return f.log.fault(err)
	}
	for _, name := range names {
		if month, ok := monthOf(name); ok && month.AddDate(0, 1, 0).Before(f.from) {
			continue
		}
		err := f.segment(name, yield)
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile
		}
		if err != nil {
			return f.log.fault(err)
		}
	}
	return nil
}

// segment reads what was added to a month.
func (f *Follower[R]) segment(name string, yield func(*R) error) error {
	file, err := os.Open(filepath.Join(f.log.Dir, name))
	if err != nil {
		return err
	}
	defer file.Close()
	size, err := lockedSize(file)
	if err != nil {
		return err
	}
	from := f.read[name]
	if size < from {
		from = 0 // another file has its name
	}
	in := bufio.NewReaderSize(io.NewSectionReader(file, from, size-from), maxLine)
	for from < size {
		line, n, err := nextLine(in)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		from += n
		// A last line without an end is no writer's that is still at work: those hold the lock.
		if err := f.line(line, yield); err != nil {
			return err
		}
		f.read[name] = from
	}
	return nil
}

// lockedSize is the size of a file to which nobody is appending at that moment.
func lockedSize(file *os.File) (int64, error) {
	if err := unix.Flock(int(file.Fd()), unix.LOCK_SH); err != nil {
		return 0, fmt.Errorf("lock %s: %w", file.Name(), err)
	}
	defer func() { _ = unix.Flock(int(file.Fd()), unix.LOCK_UN) }()
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// nextLine reads a line and tells how long it is in the file. Of one that is too long comes nothing that could be parsed.
func nextLine(in *bufio.Reader) (line []byte, n int64, err error) {
	for {
		part, err := in.ReadSlice('\n')
		n += int64(len(part))
		if errors.Is(err, bufio.ErrBufferFull) {
			line = nil
			continue
		}
		if n == int64(len(part)) {
			line = part
		}
		return line, n, err
	}
}

// line hands a record on, or counts what is none.
func (f *Follower[R]) line(line []byte, yield func(*R) error) error {
	line = bytes.TrimSpace(line)
	var r R
	if json.Unmarshal(line, &r) != nil || f.log.Time(&r).IsZero() {
		f.Skipped++
		return nil
	}
	return yield(&r)
}
