// Package sshdtest has servers to try a destination against: the system's own sshd, one in the process that takes
// passwords, and a proxy that puts distance and accidents in front of them. It knows nothing of slotfs.
package sshdtest

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
)

// Options of a Server.
type Options struct {
	User        string   // who logs in; "": the current user. Another one needs root
	MaxSessions int      // per connection; 0: 10, as sshd has it
	HostKeys    []string // types of host keys; nil: ed25519 and ecdsa (rsa takes its time)
	Config      string   // further lines of sshd_config
	HostCA      string   // file of the private key that signs host certificates; "": none
	Principal   string   // host that certificates are for; "": 127.0.0.1
}

// Server is a running sshd.
type Server struct {
	Host     string
	Port     int
	Username string
	Identity string   // file of the private key that logs in
	HostKeys []string // lines of the server's public keys

	dir    string
	config string
	mu     sync.Mutex // guards what follows
	cmd    *exec.Cmd
}

// Start runs the system's sshd on a free port of the loopback, with keys of its own, until Close.
func Start(o Options) (*Server, error) {
	dir, err := os.MkdirTemp("", "sshdtest")
	if err != nil {
		return nil, err
	}
	s := &Server{Host: "127.0.0.1", Username: o.User, dir: dir, config: filepath.Join(dir, "sshd_config")}
	if err := s.prepare(o); err != nil {
		os.RemoveAll(dir)
		return nil, fmt.Errorf("prepare sshd: %w", err)
	}
	if err := s.Restart(); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return s, nil
}

func (s *Server) prepare(o Options) error {
	if err := os.Chmod(s.dir, 0o755); err != nil { // authorized_keys is read as the user
		return err
	}
	if s.Username == "" {
		u, err := user.Current()
		if err != nil {
			return err
		}
		s.Username = u.Username
	}
	if os.Geteuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // privilege separation wants it
			return err
		}
	}
	if o.HostKeys == nil {
		o.HostKeys = []string{"ed25519", "ecdsa"}
	}
	var config strings.Builder
	config.WriteString(o.Config) // of several values sshd takes the first one
	for _, typ := range o.HostKeys {
		file, line, err := hostKeyFile(s.dir, typ)
		if err != nil {
			return err
		}
		s.HostKeys = append(s.HostKeys, line)
		fmt.Fprintf(&config, "HostKey %s\n", file)
		if o.HostCA != "" {
			if err := certify(file, o.HostCA, o.Principal); err != nil {
				return err
			}
			fmt.Fprintf(&config, "HostCertificate %s-cert.pub\n", file)
		}
	}
	var line string
	var err error
	if s.Identity, line, err = NewKey(s.dir, "id_ed25519"); err != nil {
		return err
	}
	authorized := filepath.Join(s.dir, "authorized_keys")
	if err := os.WriteFile(authorized, []byte(line+"\n"), 0o644); err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	s.Port = port
	fmt.Fprintf(&config, "ListenAddress 127.0.0.1:%d\nAuthorizedKeysFile %s\n", port, authorized)
	fmt.Fprintf(&config, "PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nUseDNS no\n")
	fmt.Fprintf(&config, "KbdInteractiveAuthentication no\nPermitRootLogin yes\nLogLevel ERROR\n")
	fmt.Fprintf(&config, "ForceCommand internal-sftp\nSubsystem sftp internal-sftp\nMaxStartups 100\n")
	if o.MaxSessions > 0 {
		fmt.Fprintf(&config, "MaxSessions %d\n", o.MaxSessions)
	}
	return os.WriteFile(s.config, []byte(config.String()), 0o644)
}

func hostKeyFile(dir, typ string) (file, line string, err error) {
	file = filepath.Join(dir, "host_"+typ)
	command := []string{"-q", "-t", typ, "-N", "", "-C", "", "-f", file}
	if typ == "rsa" {
		command = append(command, "-b", "2048")
	}
	out, err := exec.Command("ssh-keygen", command...).CombinedOutput()
	if err != nil {
		return "", "", fmt.Errorf("ssh-keygen: %w: %s", err, out)
	}
	public, err := os.ReadFile(file + ".pub")
	return file, strings.TrimSpace(string(public)), err
}

// certify signs a host key; the certificate stands beside it.
func certify(file, authority, principal string) error {
	if principal == "" {
		principal = "127.0.0.1"
	}
	out, err := exec.Command("ssh-keygen", "-q", "-s", authority, "-I", "test", "-h", "-n", principal, file+".pub").CombinedOutput()
	if err != nil {
		return fmt.Errorf("ssh-keygen: %w: %s", err, out)
	}
	return nil
}

// NewKey makes an ed25519 key in dir and returns its private file and the line of its public half.
func NewKey(dir, name string) (file, line string, err error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", "", err
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		return "", "", err
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		return "", "", err
	}
	file = filepath.Join(dir, name)
	line = strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
	return file, line, os.WriteFile(file, pem.EncodeToMemory(block), 0o600)
}

// freePort finds a port that nobody gets who asks for any (ip_local_port_range): it is to be free still when the server
// starts, and when it starts again.
func freePort() (port int, err error) {
	const first, behind = 12_000, 32_000
	for range 100 {
		var l net.Listener
		port = first + mathrand.IntN(behind-first)
		if l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return port, l.Close()
		}
	}
	return 0, err
}

// Address is where the server listens.
func (s *Server) Address() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// Restart starts the server again, on the same port and with the same keys.
func (s *Server) Restart() error {
	s.Kill()
	sshd, err := exec.LookPath("sshd")
	if err != nil {
		sshd = "/usr/sbin/sshd" // not everybody has sbin in the path
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	cmd := exec.Command(sshd, "-D", "-e", "-f", s.config)
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stderr = log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start sshd: %w", err)
	}
	s.cmd = cmd
	return s.wait()
}

// wait needs s.mu.
func (s *Server) wait() error {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", s.Address())
		if err == nil {
			return c.Close()
		}
	}
	said, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	return errors.New("sshd does not listen: " + string(said))
}

// Kill ends the server and every connection at once.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGSTOP) // it makes no more of them
	below := descendants(s.cmd.Process.Pid)
	_ = s.cmd.Process.Kill()
	for _, pid := range below {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	_ = s.cmd.Wait()
	s.cmd = nil
}

// KillSessions ends every connection; the server goes on.
func (s *Server) KillSessions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	for _, pid := range descendants(s.cmd.Process.Pid) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// Close ends the server and removes its files.
func (s *Server) Close() error {
	s.Kill()
	return os.RemoveAll(s.dir)
}

// descendants lists the processes below pid, as /proc has them.
func descendants(pid int) []int {
	children := make(map[int][]int)
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range stats {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		// "pid (name) state ppid ...", and a name may contain anything.
		line := string(stat)
		fields := strings.Fields(line[strings.LastIndexByte(line, ')')+1:])
		if len(fields) < 2 {
			continue
		}
		parent, _ := strconv.Atoi(fields[1])
		child, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		children[parent] = append(children[parent], child)
	}
	var all []int
	for queue := []int{pid}; len(queue) > 0; queue = queue[1:] {
		all = append(all, children[queue[0]]...)
		queue = append(queue, children[queue[0]]...)
	}
	return all
}
