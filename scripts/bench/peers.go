package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"slotfs/sftpdest/sshdtest"
)

// cipher is the one that slotfs prefers. All peers get it, but for a row that is about one as it is by default.
const cipher = "aes128-gcm@openssh.com"

// away is the server at a distance, for slotfs and its peers alike.
type away struct {
	*bench
	link *sshdtest.Link // nil: no distance
	rtt  time.Duration
	port int
}

// away puts rtt of distance in front of the server. Without any there is no proxy either: it would cost the fastest
// most.
func (b *bench) away(rtt time.Duration) (*away, error) {
	if rtt == 0 {
		return &away{bench: b, port: b.server.Port}, nil
	}
	link, err := sshdtest.Proxy(b.server.Address(), rtt)
	if err != nil {
		return nil, err
	}
	return &away{bench: b, link: link, rtt: rtt, port: link.Port}, nil
}

func (a *away) close() {
	if a.link != nil {
		a.link.Close()
	}
}

// received is how many bytes came from the server so far.
func (a *away) received() int64 {
	if a.link == nil {
		return 0
	}
	_, down := a.link.Bytes()
	return down
}

func (a *away) String() string { return fmt.Sprintf("%d ms", a.rtt.Milliseconds()) }

// sshOptions are those of OpenSSH's clients.
func (b *bench) sshOptions() string { return b.logIn() + " -o Ciphers=" + cipher }

// logIn are the options without which they do not log in.
func (b *bench) logIn() string {
	return "-o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o IdentityFile=" +
		b.server.Identity
}

// sftp gets a file with OpenSSH's own client, to nowhere, and returns how long that took.
func (a *away) sftp(options, name string) (time.Duration, error) {
	return a.timed(1, fmt.Sprintf(`sftp -q %s -P %d %s@%s:"$1" /dev/null`, options, a.port, a.server.Username, a.server.Host), name)
}

// How sshfs is mounted: as somebody does who reads no further than its synopsis, and with what makes it fastest. Targets are
// about the first; the second is shown beside it.
const (
	sshfsPlain = "ro"
	sshfsBest  = "ro,compression=no,max_conns=4,dir_cache=yes"
)

// sshfs runs f with a directory of the server mounted with options.
func (a *away) sshfs(directory, options string, f func(mnt string) error) error {
	mnt, err := os.MkdirTemp(a.dir, "sshfs")
	if err != nil {
		return err
	}
	_, err = a.shell(fmt.Sprintf(`sshfs %s@%s:"$1" "$2" -p %d %s -o %s`,
		a.server.Username, a.server.Host, a.port, a.sshOptions(), options), directory, mnt)
	if err != nil {
		return err
	}
	defer a.shell(`fusermount3 -u -z "$1"`, mnt)
	return f(mnt)
}

// rcloneConfig writes a file with the server as remote r, reached at port, whose times are set or not.
func (b *bench) rcloneConfig(port int, times bool) (name string, err error) {
	name = filepath.Join(b.dir, fmt.Sprintf("rclone-%d.conf", port))
	text := fmt.Sprintf("[r]\ntype = sftp\nhost = %s\nport = %d\nuser = %s\nkey_file = %s\nciphers = %s\n"+
		"shell_type = none\ndisable_hashcheck = true\nset_modtime = %v\nchunk_size = 255k\nconcurrency = 64\nidle_timeout = 0\n",
		b.server.Host, port, b.server.Username, b.server.Identity, cipher, times)
	return name, os.WriteFile(name, []byte(text), 0o600)
}

// rclone runs f with a directory of the server mounted by rclone.
func (a *away) rclone(directory string, f func(mnt string) error) error {
	config, err := a.rcloneConfig(a.port, false)
	if err != nil {
		return err
	}
	mnt, err := os.MkdirTemp(a.dir, "rclone")
	if err != nil {
		return err
	}
	cmd := exec.Command("rclone", "--config", config, "mount", "r:"+directory, mnt, "--read-only", "--dir-cache-time", "1h", "--attr-timeout", "1h",
		"--vfs-cache-mode", "full", "--vfs-fast-fingerprint", "--cache-dir", mnt+".cache", "--transfers", "64", "--checkers", "64")
	if err := cmd.Start(); err != nil {
		return err
	}
	defer cmd.Wait()
	if _, err := a.shell(`for i in $(seq 100); do mountpoint -q "$1" && exit; sleep 0.1; done; exit 1`, mnt); err != nil {
		cmd.Process.Kill()
		return err
	}
	defer a.shell(`fusermount3 -u -z "$1"`, mnt)
	return f(mnt)
}

// rcloneList lists a directory of the server to the bottom.
func (a *away) rcloneList(directory string) (string, error) {
	config, err := a.rcloneConfig(a.port, false)
	if err != nil {
		return "", err
	}
	return a.shell(`rclone --config "$1" lsf -R --checkers 64 "r:$2"`, config, directory)
}

// warm has the server's memory hold a directory, as it would for the second of those who are compared.
func (b *bench) warm(directory string) error {
	_, err := b.shell(`find "$1" -type f -size +0 -exec cat {} + >/dev/null`, directory)
	return err
}
