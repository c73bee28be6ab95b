package state

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"slotfs/cmd/internal/exit"
)

// ErrLocked says that another process holds a lock.
var ErrLocked = errors.New("another run holds the account")

// Locks and staging directories of sync:
//
//	locks/DESTINATION/job/JOB          held while a job runs over all its accounts
//	locks/DESTINATION/account/ACCOUNT  held while a process changes the account's slots
//	staging/DESTINATION/ACCOUNT        what the command before a backup staged
func (d Dir) jobLock(destination, job string) string {
	return filepath.Join(string(d), "locks", destination, "job", job)
}

func (d Dir) accountLock(destination, account string) string {
	return filepath.Join(string(d), "locks", destination, "account", account)
}

// Staging is the staging directory of an account.
func (d Dir) Staging(destination, account string) string {
	return filepath.Join(string(d), "staging", destination, account)
}

// Lock is a file that this process has locked. The kernel unlocks it when the process ends, however that is.
type Lock struct{ f *os.File }

// LockJob locks a job, which keeps others from running all of it.
func (d Dir) LockJob(destination, job string) (*Lock, error) {
	return d.lock(d.jobLock(destination, job))
}

// LockAccount locks an account, which keeps others from changing its slots.
func (d Dir) LockAccount(destination, account string) (*Lock, error) {
	return d.lock(d.accountLock(destination, account))
}

// lock locks a file, or says who has it. The file stays: removing it would let two processes hold one each.
func (d Dir) lock(path string) (*Lock, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, d.Fault(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, d.Fault(err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		who := holder(f)
		f.Close()
		return nil, exit.With(ErrLocked, exit.Busy, who)
	}
	if err != nil {
		f.Close()
		return nil, d.Fault(fmt.Errorf("lock %s: %w", path, err))
	}
	if err := f.Truncate(0); err == nil {
		fmt.Fprintf(f, "%d\n", os.Getpid()) // for people: what counts is the lock
	}
	return &Lock{f}, nil
}

// holder names the process that wrote its id into a locked file.
func holder(f *os.File) string {
	data, err := io.ReadAll(io.LimitReader(f, 32))
	if err != nil {
		return ""
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return ""
	}
	return fmt.Sprintf("process %d holds it", pid)
}

// Release unlocks the file.
func (l *Lock) Release() { l.f.Close() }
