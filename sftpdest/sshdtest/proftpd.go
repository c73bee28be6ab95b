package sshdtest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// ProFTPD is a running proftpd with mod_sftp: version 3 with other extensions, packets and manners than OpenSSH's.
type ProFTPD struct {
	Host     string
	Port     int
	Username string
	Identity string // file of the private key that logs in
	HostKeys []string

	dir string
	cmd *exec.Cmd
}

// StartProFTPD runs a ProFTPD of its own for one virtual user with the given ids, until Close. It takes root.
func StartProFTPD(uid, gid int) (*ProFTPD, error) { return startProFTPD(uid, gid, "on") }

// StartStrictProFTPD is StartProFTPD with "AllowOverwrite off", which is ProFTPD's own default: what is there is not
// opened for writing.
func StartStrictProFTPD(uid, gid int) (*ProFTPD, error) { return startProFTPD(uid, gid, "off") }

func startProFTPD(uid, gid int, overwrite string) (*ProFTPD, error) {
	dir, err := os.MkdirTemp("", "proftpdtest")
	if err != nil {
		return nil, err
	}
	s := &ProFTPD{Host: "127.0.0.1", Username: "box", dir: dir}
	if err := s.start(uid, gid, overwrite); err != nil {
		said, _ := os.ReadFile(filepath.Join(dir, "log"))
		s.Close()
		return nil, fmt.Errorf("start proftpd: %w: %s", err, said)
	}
	return s, nil
}

func (s *ProFTPD) start(uid, gid int, overwrite string) error {
	if err := os.Chmod(s.dir, 0o755); err != nil {
		return err
	}
	hostKey, line, err := hostKeyFile(s.dir, "ed25519")
	if err != nil {
		return err
	}
	s.HostKeys = []string{line}
	var public string
	if s.Identity, public, err = NewKey(s.dir, "id"); err != nil {
		return err
	}
	if err := os.WriteFile(s.Identity+".pub", []byte(public+"\n"), 0o644); err != nil {
		return err
	}
	// It takes keys in the format of RFC 4716 only.
	rfc, err := exec.Command("ssh-keygen", "-e", "-m", "RFC4716", "-f", s.Identity+".pub").Output()
	if err != nil {
		return fmt.Errorf("ssh-keygen: %w", err)
	}
	if s.Port, err = freePort(); err != nil {
		return err
	}
	authorized, users, groups := filepath.Join(s.dir, "authorized"), filepath.Join(s.dir, "passwd"), filepath.Join(s.dir, "group")
	config := filepath.Join(s.dir, "proftpd.conf")
	for file, text := range map[string]string{
		authorized: string(rfc),
		users:      fmt.Sprintf("%s:*:%d:%d::%s:/bin/sh\n", s.Username, uid, gid, s.dir),
		groups:     fmt.Sprintf("box:x:%d:\n", gid),
		config: fmt.Sprintf(`LoadModule mod_sftp.c
ServerType standalone
ServerName test
DefaultAddress 127.0.0.1
UseIPv6 off
Port %d
User root
Group root
Umask 022
RootLogin on
RequireValidShell off
WtmpLog off
UseReverseDNS off
PidFile %[2]s/pid
ScoreboardFile %[2]s/scoreboard
DelayTable none
SystemLog %[2]s/log
AuthUserFile %[2]s/passwd
AuthGroupFile %[2]s/group
AuthOrder mod_auth_file.c
AllowOverwrite %[4]s
AllowStoreRestart on
<Directory />
HideNoAccess off
AllowOverwrite %[4]s
</Directory>
SFTPEngine on
SFTPHostKey %[3]s
SFTPAuthMethods publickey
SFTPAuthorizedUserKeys file:%[2]s/authorized
`, s.Port, s.dir, hostKey, overwrite),
	} {
		mode := os.FileMode(0o644)
		if file == users || file == groups {
			mode = 0o600
		}
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			return err
		}
	}
	proftpd, err := exec.LookPath("proftpd")
	if err != nil {
		proftpd = "/usr/sbin/proftpd"
	}
	s.cmd = exec.Command(proftpd, "--nodaemon", "--quiet", "--config", config)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	return s.wait()
}

func (s *ProFTPD) wait() error {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", net.JoinHostPort(s.Host, strconv.Itoa(s.Port)))
		if err == nil {
			return c.Close()
		}
	}
	return errors.New("it does not listen")
}

// Close ends the server, its connections and its files.
func (s *ProFTPD) Close() error {
	if s.cmd != nil && s.cmd.Process != nil {
		below := descendants(s.cmd.Process.Pid)
		_ = s.cmd.Process.Kill()
		for _, pid := range below {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		_ = s.cmd.Wait()
	}
	return os.RemoveAll(s.dir)
}
