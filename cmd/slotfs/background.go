package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"slotfs/cmd/internal/exit"
)

// answer is what a background process tells the one that started it.
type answer struct {
	Error string `json:"error,omitempty"`
	Hint  string `json:"hint,omitempty"`
	Code  int    `json:"code"`
}

// background mounts in a process of its own and returns when the mount answers, or with the reason why not.
func (m *mountCmd) background(ctx context.Context) error {
	if err := m.State.Make(); err != nil {
		return err
	}
	log, err := m.openLog()
	if err != nil {
		return err
	}
	defer log.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("mount %s: %w", m.mount.Mountpoint, err)
	}
	defer r.Close()
	child := exec.Command("/proc/self/exe", m.commandLine()...)
	child.Args[0] = "slotfs"
	child.Dir = "/"
	child.Stderr = log
	child.ExtraFiles = []*os.File{w} // descriptor 3
	child.Env = append(os.Environ(), environReady+"=3")
	if err := child.Start(); err != nil {
		w.Close()
		return fmt.Errorf("mount %s: %w", m.mount.Mountpoint, err)
	}
	w.Close()
	// Who interrupts the command wants no mount.
	stop := context.AfterFunc(ctx, func() { _ = child.Process.Signal(syscall.SIGTERM) })
	defer stop()
	return m.hear(ctx, r, child)
}

// hear waits for the answer of the background process.
func (m *mountCmd) hear(ctx context.Context, r *os.File, child *exec.Cmd) error {
	var a answer
	err := json.NewDecoder(r).Decode(&a)
	switch {
	case err == nil && a.Error == "":
		return m.answers()
	case err == nil:
		_ = child.Wait()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return exit.With(errors.New(a.Error), a.Code, a.Hint)
	}
	err = child.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return exit.Hinted(fmt.Errorf("mount %s: the background process ended: %w", m.mount.Mountpoint, err), "see "+m.State.Log())
}

// answers looks at the mount from outside.
func (m *mountCmd) answers() error {
	var st unix.Statfs_t
	if err := unix.Statfs(m.mount.Mountpoint, &st); err != nil {
		return exit.Hinted(fmt.Errorf("mount %s: does not answer: %w", m.mount.Mountpoint, err), "see "+m.State.Log())
	}
	return nil
}

// maxLog is the size at which the log is put aside when a mount begins.
const maxLog = 10 << 20

// openLog opens the file for the messages of the background process.
func (m *mountCmd) openLog() (*os.File, error) {
	path := m.State.Log()
	if info, err := os.Stat(path); err == nil && info.Size() > maxLog {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, m.State.Fault(err)
		}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, m.State.Fault(err)
	}
	return f, nil
}

// waiter is the parent of a background process, on its pipe.
type waiter struct {
	pipe *os.File // nil: nobody waits
	once sync.Once
}

// readiness finds the parent that waits. What this process starts does not inherit the pipe.
func readiness() *waiter {
	fd, err := strconv.Atoi(os.Getenv(environReady))
	if err != nil || fd < 3 {
		return &waiter{}
	}
	_ = os.Unsetenv(environReady)
	syscall.CloseOnExec(fd)
	return &waiter{pipe: os.NewFile(uintptr(fd), "readiness")}
}

// tell answers the parent, once. From then on this process stands on its own: not before, because automount
// lets nobody through to the mountpoint but the process group that it started.
func (w *waiter) tell(err error) {
	w.once.Do(func() {
		if w.pipe == nil {
			return
		}
		a := answer{Code: exit.Code(err)}
		if err != nil {
			a.Error, a.Hint = err.Error(), exit.Hint(err)
		}
		_ = json.NewEncoder(w.pipe).Encode(a)
		w.pipe.Close()
		_, _ = syscall.Setsid()
	})
}
