package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/sftpdest/slot/source"
)

// environWorker names the descriptor on which a worker says its exit code.
const environWorker = "SLOTFS_SYNC_WORKER_FD"

// workerEnds is how long a worker that has said its exit code may take to end.
const workerEnds = 2 * time.Second

// worker gives what a process that works for another one says its exit code on; nil: this process is none.
func worker() io.WriteCloser {
	fd, err := strconv.Atoi(os.Getenv(environWorker))
	if err != nil || fd < 3 {
		return nil
	}
	_ = os.Unsetenv(environWorker) // commands before and after are none
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), "worker")
}

// needWorker reports whether sources of jobs lie on file systems that may stop answering. A process with a thread that waits
// for one in the kernel does not end, whatever it does, and whoever waits for it (cron, systemd) would never start it again.
func needWorker(jobs []*config.Job) bool {
	for _, j := range jobs {
		if source.OnRemote(j.Source) {
			return true
		}
	}
	return false
}

// inWorker runs this command line in a process of its own and ends as that says, even if it cannot end.
func inWorker(ctx context.Context) error {
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	defer r.Close()
	child := exec.Command("/proc/self/exe", os.Args[1:]...)
	child.Args[0] = os.Args[0]
	child.Stdin, child.Stdout, child.Stderr = os.Stdin, os.Stdout, os.Stderr
	child.ExtraFiles = []*os.File{w} // descriptor 3
	child.Env = append(os.Environ(), environWorker+"=3")
	// Signals of a terminal come here, and go on once. The parent's death, which is that of this thread, is one.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	child.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	err = child.Start()
	w.Close()
	if err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	defer context.AfterFunc(ctx, func() { _ = child.Process.Signal(syscall.SIGTERM) })()
	said, err := io.ReadAll(io.LimitReader(r, 8))
	if err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	if code, err := strconv.Atoi(strings.TrimSpace(string(said))); err == nil {
		select {
		case _ = <-ended:
		case <-time.After(workerEnds): // it waits for a file system, and init for it
			_ = child.Process.Kill()
		}
		return &reported{code}
	}
	return workerEnd(<-ended)
}

// workerEnd is what became of a worker that said nothing.
func workerEnd(err error) error {
	var failed *exec.ExitError
	if errors.As(err, &failed) && failed.Exited() {
		return &reported{failed.ExitCode()}
	}
	if err != nil {
		return exit.With(fmt.Errorf("sync: the process that did it: %w", err), exit.Failed, "")
	}
	return nil
}

// tellEnd says how a worker ends, and what was wrong. If it cannot end, nobody waits for more output of it.
func (s *shell) tellEnd(to io.WriteCloser, err error) error {
	code := s.exit(err)
	os.Stdout.Close()
	os.Stderr.Close()
	fmt.Fprintln(to, code)
	to.Close()
	return &reported{code}
}
