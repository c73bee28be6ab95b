package main

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
	"slotfs/sftpdest/slot"
)

// Locks and staging folders of sync lie in the state directory:
//
//	locks/DESTINATION/job/JOB          held while a job runs over all its accounts
//	locks/DESTINATION/account/ACCOUNT  held while a process changes the account's slots
//	staging/DESTINATION/ACCOUNT        what the command before a backup staged
func (d stateDir) jobLock(destination, job string) string {
	return filepath.Join(string(d), "locks", destination, "job", job)
}

func (d stateDir) accountLock(destination, account string) string {
	return filepath.Join(string(d), "locks", destination, "account", account)
}

func (d stateDir) staging(destination, account string) string {
	return filepath.Join(string(d), "staging", destination, account)
}

// lock is a file that this process holds. It is free when the process ends, however that is.
type lock struct{ f *os.File }

// take takes a lock, or says who has it. The file stays: removing it would let two processes hold one each.
func (d stateDir) take(path string) (*lock, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, d.fault(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, d.fault(err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		who := holder(f)
		f.Close()
		return nil, exit.With(slot.ErrBusy, exit.Busy, who)
	}
	if err != nil {
		f.Close()
		return nil, d.fault(fmt.Errorf("lock %s: %w", path, err))
	}
	if err := f.Truncate(0); err == nil {
		fmt.Fprintf(f, "%d\n", os.Getpid()) // for people: what counts is the lock
	}
	return &lock{f}, nil
}

// holder names the process that wrote itself into the file of a lock.
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

func (l *lock) release() { l.f.Close() }
