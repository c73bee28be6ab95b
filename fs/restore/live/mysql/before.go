package mysql

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"

	"slotfs/fs/restore/live/record"
	"slotfs/indexer/durable"
)

// dumpPrograms write dumps, the one that fits the server first.
func (s *Server) dumpPrograms() []string {
	if s.Info.MariaDB {
		return []string{"mariadb-dump", "mysqldump"}
	}
	return []string{"mysqldump", "mariadb-dump"}
}

// canDump looks whether what is there before could be kept.
func (s *Server) canDump() error {
	_, err := s.dumpProgram()
	return err
}

func (s *Server) dumpProgram() (string, error) {
	var err error
	for _, name := range s.dumpPrograms() {
		var path string
		if path, err = exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", err
}

// keepBefore dumps the tables that were moved out, with the programs that were there, to a file of the record.
func (s *Server) keepBefore(ctx context.Context, r *record.Record, d *detail) error {
	if d.Before != "" {
		return nil
	}
	name := "before-" + r.Time.Format("20060102T150405") + ".sql.zst"
	path := filepath.Join(r.Dir(), name)
	f, err := os.OpenFile(path+".partial", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	z, err := zstd.NewWriter(f, zstd.WithEncoderConcurrency(1))
	if err == nil {
		err = s.dumpOld(ctx, r.Dir(), d.Scratch.Old, z)
	}
	if err == nil {
		err = writePrograms(z, d.Swap.Before)
	}
	if z != nil {
		err = errors.Join(err, z.Close())
	}
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(path+".partial", path)
	}
	if err == nil {
		err = durable.SyncDir(r.Dir())
	}
	if err != nil {
		return errors.Join(err, os.Remove(path+".partial"))
	}
	d.Before = name
	return r.Reach(swapped, d)
}

// dumpOld runs the dump program on the tables that were moved out.
func (s *Server) dumpOld(ctx context.Context, dir, old string, w io.Writer) error {
	program, err := s.dumpProgram()
	if err != nil {
		return err
	}
	options := filepath.Join(dir, "client.cnf")
	if err := s.Login.write(options); err != nil {
		return err
	}
	defer os.Remove(options)
	args := []string{"--defaults-file=" + options, "--default-character-set=utf8mb4", "--max-allowed-packet=1G", "--single-transaction", "--quick",
		"--skip-triggers", "--no-tablespaces", "--hex-blob", "--ignore-table=" + old + "." + marker}
	if !s.Info.MariaDB && strings.HasSuffix(program, "mysqldump") {
		args = append(args, "--set-gtid-purged=OFF")
	}
	cmd := exec.CommandContext(ctx, program, append(args, old)...)
	var said bytes.Buffer
	end := &tail{to: w}
	cmd.Stdout, cmd.Stderr = end, &said
	err = cmd.Run()
	if err == nil && !bytes.Contains(end.last, []byte("-- Dump completed")) {
		err = errors.New("the dump has no end")
	}
	if err != nil {
		return fmt.Errorf("%s: %w: %.500s", filepath.Base(program), err, strings.TrimSpace(said.String()))
	}
	return nil
}

// tail passes on what is written and remembers its end.
type tail struct {
	to   io.Writer
	last []byte
}

// Write writes.
func (t *tail) Write(p []byte) (int, error) {
	const keep = 256
	t.last = append(t.last, p[max(0, len(p)-keep):]...)
	t.last = t.last[max(0, len(t.last)-keep):]
	return t.to.Write(p)
}

// write writes an option file for clients.
func (l Login) write(path string) error {
	quote := func(s string) string { return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"` }
	var b strings.Builder
	b.WriteString("[client]\n")
	add := func(key, value string) {
		if value != "" {
			b.WriteString(key + "=" + quote(value) + "\n")
		}
	}
	add("user", l.User)
	add("password", l.Password)
	if l.Host == "" {
		add("socket", l.Socket)
	} else {
		add("host", l.Host)
		if l.Port > 0 {
			add("port", strconv.Itoa(l.Port))
		}
	}
	return os.WriteFile(path, []byte(b.String()), 0o600)
}

// writePrograms writes programs as dumps have them, for people: an undo takes them from the record.
func writePrograms(w io.Writer, all []program) error {
	if len(all) == 0 {
		return nil
	}
	var b bytes.Buffer
	for _, q := range define(all, nil) {
		b.WriteString(q)
		b.WriteByte(0)
	}
	end := delimiterFor(b.Bytes())
	text := bytes.ReplaceAll(b.Bytes(), []byte{0}, []byte("\n"+end+"\n"))
	_, err := fmt.Fprintf(w, "\nDELIMITER %s\n%sDELIMITER ;\n", end, text)
	return err
}

// delimiterFor is a delimiter that a text does not have.
func delimiterFor(text []byte) string {
	for _, d := range []string{";;", "$$", "//", "%%", "@@", "~~", "^^", ";;;;"} {
		if !bytes.Contains(text, []byte(d)) {
			return d
		}
	}
	return ";;;;;;;;"
}

// openBefore opens what was there before a restore.
func openBefore(dir, name string) (io.Reader, func(), error) {
	if name == "" {
		return strings.NewReader(""), func() {}, nil
	}
	f, err := os.Open(filepath.Join(dir, filepath.Base(name)))
	if err != nil {
		return nil, nil, err
	}
	return f, func() { f.Close() }, nil
}
