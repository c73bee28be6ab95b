package postgres

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// archive is an archive of pg_dump, in a file that has no name, and what of it is restored.
type archive struct {
	file *os.File
	who  *syscall.Credential // with whose rights it is read
	list *contents
}

// contents are the entries of an archive by their numbers.
type contents struct {
	Restored   []int // by the role of the scratch database
	Rights     []int // grants, after them
	Tables     []string
	Extensions []extension
	LeftOut    []string
}

// extension is the entry of an extension.
type extension struct {
	number int
	name   string
}

// openArchive copies an archive to a file without a name in dir: pg_restore goes back and forth in it.
func openArchive(ctx context.Context, src io.Reader, dir string, who *syscall.Credential) (*archive, error) {
	f, err := os.CreateTemp(dir, "archive")
	if err != nil {
		return nil, err
	}
	a := &archive{file: f, who: who}
	err = os.Remove(f.Name())
	if err == nil {
		_, err = io.CopyBuffer(struct{ io.Writer }{f}, src, make([]byte, 1<<20))
	}
	if err == nil {
		err = a.whole()
	}
	if err == nil {
		var text string
		if text, err = a.pgRestore(ctx, environment("/", ""), "--list"); err == nil {
			a.list = readList(text)
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return a, nil
}

// close gives the room back.
func (a *archive) close() error { return a.file.Close() }

// pgRestore runs pg_restore on the archive with the rights of the account's user.
func (a *archive) pgRestore(ctx context.Context, environment []string, args ...string) (string, error) {
	if _, err := a.file.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	cmd := exec.CommandContext(ctx, "pg_restore", args...)
	cmd.Dir, cmd.Env, cmd.Stdin = "/", environment, a.file
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: a.who}
	var out bytes.Buffer
	said := &tail{}
	cmd.Stdout, cmd.Stderr = &out, said
	if err := cmd.Start(); err != nil {
		return "", err
	}
	go a.watch(ctx, cmd.Process.Pid, cancel)
	if err := cmd.Wait(); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return "", fmt.Errorf("pg_restore: %w: %s", err, strings.TrimSpace(string(said.last)))
	}
	return out.String(), nil
}

// errStalled says that pg_restore works and gets nowhere, as it does for ever at the end of some archives that were cut.
var errStalled = errors.New("no progress: the archive is damaged")

// A pg_restore that has worked for stallChecks intervals in a row without reading on is ended. While it waits for the server it does not work.
const (
	stallInterval = 5 * time.Second
	stallChecks   = 24
)

// watch ends pg_restore where it gets nowhere. It ends with ctx.
func (a *archive) watch(ctx context.Context, pid int, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(stallInterval)
	defer tick.Stop()
	var at int64
	var used uint64
	for still := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now, err := a.file.Seek(0, io.SeekCurrent) // it shares the offset
		work := processorTime(pid)
		still++
		if err != nil || now != at || work <= used {
			still = 0
		}
		at, used = now, work
		if still >= stallChecks {
			cancel(errStalled)
			return
		}
	}
}

// processorTime is how long a process has worked, in ticks.
func processorTime(pid int) uint64 {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseUint(fields[11], 10, 64)
	system, _ := strconv.ParseUint(fields[12], 10, 64)
	return user + system
}

// whole refuses a tar archive that was cut: pg_restore would not end.
func (a *archive) whole() error {
	head := make([]byte, 512)
	if _, err := a.file.ReadAt(head, 0); err != nil || string(head[257:262]) != "ustar" {
		return nil // pg_restore tells what it is
	}
	end := make([]byte, 1024)
	size, err := a.file.Seek(-int64(len(end)), io.SeekEnd)
	if err == nil {
		_, err = io.ReadFull(a.file, end)
	}
	if err != nil || size%512 != 0 || len(bytes.Trim(end, "\x00")) > 0 {
		return errors.Join(errors.New("the archive is damaged: it has no end"), err)
	}
	if _, err := a.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	r := tar.NewReader(a.file)
	for {
		_, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		if err != nil {
			return fmt.Errorf("the archive is damaged: %w", err)
		}
	}
}

// readList reads what pg_restore --list tells: lines of "NUMBER; OID OID KIND SCHEMA NAME OWNER".
func readList(text string) *contents {
	c := &contents{}
	for line := range strings.SplitSeq(text, "\n") {
		number, rest, ok := strings.Cut(line, ";")
		n, err := strconv.Atoi(number)
		fields := strings.Fields(rest)
		if !ok || err != nil || n <= 0 || len(fields) < 4 {
			continue
		}
		c.take(n, fields[2:])
	}
	return c
}

// administrators are the kinds of what only an administrator could make.
var administrators = []string{"EVENT TRIGGER", "PROCEDURAL LANGUAGE", "FOREIGN DATA WRAPPER", "SERVER", "USER MAPPING", "PUBLICATION", "SUBSCRIPTION", "ACCESS METHOD",
	"TRANSFORM", "FOREIGN TABLE", "SECURITY LABEL"}

// everywhere are the entries for what a new database has of itself.
var everywhere = []string{"SCHEMA - public", "COMMENT - SCHEMA public", "COMMENT - EXTENSION", "PROCEDURAL LANGUAGE - plpgsql", "COMMENT - LANGUAGE", "EXTENSION - plpgsql", "DATABASE",
	"COMMENT - DATABASE", "PUBLICATION TABLE"}

// take sorts one entry.
func (c *contents) take(n int, fields []string) {
	what := strings.Join(fields, " ")
	is := func(kind string) bool { return what == kind || strings.HasPrefix(what, kind+" ") }
	switch {
	case slices.ContainsFunc(everywhere, is):
	case is("ACL"), is("DEFAULT ACL"):
		c.Rights = append(c.Rights, n)
	case is("EXTENSION"):
		c.Extensions = append(c.Extensions, extension{n, fields[2]})
	case slices.ContainsFunc(administrators, is):
		c.LeftOut = append(c.LeftOut, "only an administrator could make it: "+what)
	default:
		if fields[0] == "TABLE" && fields[1] != "DATA" && fields[1] != "ATTACH" && len(fields) > 2 {
			c.Tables = append(c.Tables, strings.TrimPrefix(fields[1]+"."+fields[2], "public."))
		}
		c.Restored = append(c.Restored, n)
	}
}

// chosen writes the numbers of entries to a file that the account's user may read.
func chosen(dir string, all []int) (string, error) {
	var b strings.Builder
	for _, n := range all {
		fmt.Fprintf(&b, "%d;\n", n)
	}
	name := filepath.Join(dir, "entries-"+strconv.Itoa(len(all)))
	if err := os.WriteFile(name, []byte(b.String()), 0o644); err != nil {
		return "", err
	}
	return name, os.Chmod(name, 0o644)
}
