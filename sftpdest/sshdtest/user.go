package sshdtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// User is a user of this machine that a test made.
type User struct {
	Name     string
	Password string
	Home     string
}

// AddUser makes a user with a password and a home, which takes root. Remove ends it.
func AddUser(password string) (*User, error) {
	home, err := os.MkdirTemp("", "sshduser")
	if err != nil {
		return nil, err
	}
	u := &User{Password: password, Home: filepath.Join(home, "home"), Name: "slotfs" + strconv.FormatInt(time.Now().UnixNano()%1e10, 36)}
	if err := os.Chmod(home, 0o755); err != nil {
		return nil, err
	}
	if err := locked("useradd", "", "--create-home", "--home-dir", u.Home, "--skel", "/dev/null", "--shell", "/bin/sh", u.Name); err != nil {
		os.RemoveAll(home)
		return nil, err
	}
	if err := os.Chmod(u.Home, 0o755); err != nil {
		return nil, err
	}
	if err := locked("chpasswd", u.Name+":"+password); err != nil {
		u.Remove()
		return nil, err
	}
	return u, nil
}

// Remove takes the user and its home away.
func (u *User) Remove() error {
	defer os.RemoveAll(filepath.Dir(u.Home))
	return locked("userdel", "", "--force", u.Name)
}

// locked runs a tool that fails while another one holds the lock of passwd(5).
func locked(tool, stdin string, args ...string) error {
	var said []byte
	var err error
	for range 50 {
		c := exec.Command(tool, args...)
		if _, lookErr := exec.LookPath(tool); lookErr != nil {
			c = exec.Command("/usr/sbin/"+tool, args...)
		}
		c.Stdin = strings.NewReader(stdin)
		if said, err = c.CombinedOutput(); err == nil || !strings.Contains(string(said), "lock") {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err != nil {
		return fmt.Errorf("%s: %w: %s", tool, err, said)
	}
	return nil
}

// WithPasswords are lines of sshd_config for a server that takes passwords, and keys from the users' own homes, as
// a freshly installed one does.
const WithPasswords = "PasswordAuthentication yes\nAuthorizedKeysFile .ssh/authorized_keys\nStrictModes yes\nForceCommand none\n"
