// Package servertest runs database servers for tests, each with data and a socket of its own. It must not know what is tested.
package servertest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// MariaDB is a server that runs until Stop. Its administrator is root of this machine, without a password.
type MariaDB struct {
	Dir, Socket string
	cmd         *exec.Cmd
	args        []string
}

// Dir makes a directory for a server, in memory where that can be had: servers wait for the disk at each definition.
func Dir() (string, error) {
	if dir, err := os.MkdirTemp("/dev/shm", "slotfs-server-"); err == nil {
		return dir, nil
	}
	return os.MkdirTemp("", "slotfs-server-")
}

// NewMariaDB makes a server in dir, which is short enough for a socket, and starts it.
func NewMariaDB(dir string, args ...string) (*MariaDB, error) {
	m := &MariaDB{Dir: dir, Socket: filepath.Join(dir, "s"), args: args}
	data := filepath.Join(dir, "data")
	install := exec.Command("mariadb-install-db", "--no-defaults", "--user=root", "--datadir="+data, "--auth-root-authentication-method=socket", "--skip-test-db",
		"--innodb-log-file-size=4M", "--innodb-buffer-pool-size=8M", "--innodb-flush-method=nosync")
	if out, err := install.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("mariadb-install-db: %w: %s", err, out)
	}
	return m, m.Start()
}

// Start starts the server and waits until it answers.
func (m *MariaDB) Start() error {
	log, err := os.OpenFile(filepath.Join(m.Dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	m.cmd = exec.Command("mariadbd", append([]string{"--no-defaults", "--user=root", "--datadir=" + filepath.Join(m.Dir, "data"), "--socket=" + m.Socket,
		"--pid-file=" + filepath.Join(m.Dir, "pid"), "--skip-networking", "--innodb-buffer-pool-size=16M", "--innodb-flush-method=nosync",
		"--innodb-flush-log-at-trx-commit=2", "--event-scheduler=ON", "--lc-messages-dir=/usr/share/mysql"}, m.args...)...)
	m.cmd.Stdout, m.cmd.Stderr = log, log
	if err := m.cmd.Start(); err != nil {
		return err
	}
	for range 600 {
		if _, err = m.Query("SELECT 1"); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("mariadbd: %w", err)
}

// Kill ends the server as a power failure would.
func (m *MariaDB) Kill() {
	_ = m.cmd.Process.Kill()
	_ = m.cmd.Wait()
}

// Query runs SQL and tells what it answers, in lines of columns between tabs.
func (m *MariaDB) Query(sql string) (string, error) {
	return m.run(exec.Command("mariadb", "--no-defaults", "--socket="+m.Socket, "--batch", "--skip-column-names"), sql)
}

// Import runs SQL in a database.
func (m *MariaDB) Import(db, sql string) (string, error) {
	return m.run(exec.Command("mariadb", "--no-defaults", "--socket="+m.Socket, db), sql)
}

// Dump is the whole content of a database, as text that two databases of equal content have in common.
func (m *MariaDB) Dump(db string) (string, error) {
	return m.run(exec.Command("mariadb-dump", "--no-defaults", "--socket="+m.Socket, "--routines", "--events", "--triggers", "--skip-dump-date", "--hex-blob", "--order-by-primary", db), "")
}

func (m *MariaDB) run(cmd *exec.Cmd, in string) (string, error) {
	cmd.Stdin = strings.NewReader(in)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, said.String())
	}
	return string(out), err
}
