package servertest

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Postgres is a server that runs until Stop, as the machine's user postgres, who alone gets in without a password.
type Postgres struct {
	Dir string // with the socket
	cmd *exec.Cmd
	who *syscall.Credential
	bin string
}

// PostgresPort is part of the name of the socket.
const PostgresPort = 5499

// NewPostgres makes a server in dir, which is short enough for a socket, and starts it.
func NewPostgres(dir string) (*Postgres, error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(found) == 0 {
		return nil, fmt.Errorf("no PostgreSQL: %w", err)
	}
	p := &Postgres{Dir: dir, bin: found[len(found)-1], who: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	if err := os.Chown(dir, uid, gid); err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	if _, err := p.run(p.command(filepath.Join(p.bin, "initdb"), "--pgdata="+data, "--auth=peer", "--encoding=UTF8", "--locale=C", "--no-sync"), ""); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(data, "pg_hba.conf"), []byte("local all postgres peer\nlocal all all scram-sha-256\n"), 0o644); err != nil {
		return nil, err
	}
	return p, p.Start()
}

func (p *Postgres) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = "/", []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "HOME=/"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.who}
	return cmd
}

// Start starts the server and waits until it answers.
func (p *Postgres) Start() error {
	p.cmd = p.command(filepath.Join(p.bin, "postgres"), "-D", filepath.Join(p.Dir, "data"), "-k", p.Dir, "-p", strconv.Itoa(PostgresPort), "-c", "listen_addresses=", "-c", "fsync=off",
		"-c", "shared_buffers=16MB", "-c", "max_connections=20", "-c", "autovacuum=off")
	log, err := os.OpenFile(filepath.Join(p.Dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		return err
	}
	for range 600 {
		if _, err = p.Query("postgres", "SELECT 1"); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("postgres: %w", err)
}

// Kill ends the server as it ends at once: what was committed is there.
func (p *Postgres) Kill() {
	_ = p.cmd.Process.Signal(syscall.SIGQUIT)
	_ = p.cmd.Wait()
}

// Query runs SQL as the administrator and tells what it answers.
func (p *Postgres) Query(db, sql string) (string, error) {
	return p.run(p.command("psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", p.Dir, "-p", strconv.Itoa(PostgresPort), "-U", "postgres", "-d", db, "-f", "-"), sql)
}

// Dump is an archive of a database in a format of pg_dump: c, t or p.
func (p *Postgres) Dump(db, format string) (string, error) {
	return p.run(p.command("pg_dump", "-h", p.Dir, "-p", strconv.Itoa(PostgresPort), "-U", "postgres", "-F", format, db), "")
}

func (p *Postgres) run(cmd *exec.Cmd, in string) (string, error) {
	cmd.Stdin = strings.NewReader(in)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, said.String())
	}
	return string(out), err
}
