package sftpdest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/auth"
	"slotfs/sftpdest/sshdtest"
)

// passwordServer is an sshd with a user who has a password and a home of his own.
func passwordServer(t *testing.T, config string) (Settings, *sshdtest.User) {
	t.Helper()
	u, err := sshdtest.AddUser(secret)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := u.Remove(); err != nil {
			t.Error(err)
		}
	})
	server := startSSHD(t, sshdtest.Options{User: u.Name, Config: config + sshdtest.WithPasswords})
	s := settingsOf(server)
	s.IdentityFile, s.Password = "", secret
	return s, u
}

func newKeyFile(t *testing.T) (file, line string) {
	t.Helper()
	key, err := auth.NewKey("slotfs test")
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, key.Private, 0o600); err != nil {
		t.Fatal(err)
	}
	return file, key.Line
}

// state is what a directory holds, modes included.
func state(t *testing.T, dir string) string {
	t.Helper()
	out, err := exec.Command("find", dir, "-printf", "%P %M %u %s\n").CombinedOutput()
	if err != nil {
		t.Fatalf("find: %v\n%s", err, out)
	}
	return string(out)
}

func TestKeyIsInstalledAndLogsIn(t *testing.T) {
	t.Parallel()
	for _, before := range []string{"", "# mine\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBKMzVvvSBhTPDTSzhZpq1tGdS0KLFGAXmDtCfbVqZqZ old@key"} {
		s, u := passwordServer(t, "")
		file := filepath.Join(u.Home, ".ssh", "authorized_keys")
		if before != "" {
			for _, args := range [][]string{{"install", "-d", "-m", "755", "-o", u.Name, filepath.Dir(file)}, {"install", "-m", "664", "-o", u.Name, "/dev/null", file}} {
				if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
			}
			if err := os.WriteFile(file, []byte(before), 0o664); err != nil {
				t.Fatal(err)
			}
		}
		identity, line := newKeyFile(t)
		got, err := InstallKey(t.Context(), s, Options{}, identity, "slotfs-test", false)
		if err != nil || !got.OnlySFTP || got.ReadOnly {
			t.Fatalf("%+v, %v", got, err)
		}
		keys, err := os.ReadFile(file)
		if err != nil || !strings.HasPrefix(string(keys), before) || strings.Count(string(keys), strings.Fields(line)[1]) != 1 {
			t.Errorf("authorized_keys has %q, %v", keys, err)
		}
		dirMode, fileMode := "drwx------", "-rw-------"
		if before != "" { // others may not write any more; who may read is nobody's business
			dirMode, fileMode = "drwxr-xr-x", "-rw-r--r--"
		}
		if modes := state(t, filepath.Dir(file)); !strings.Contains(modes, " "+dirMode+" "+u.Name) || !strings.Contains(modes, "authorized_keys "+fileMode+" "+u.Name) {
			t.Errorf("modes:\n%s", modes)
		}
		// The key may do SFTP and nothing else.
		out, err := exec.Command("ssh", "-F", "none", "-p", fmt.Sprint(s.Port), "-i", identity, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
			"-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", s.Username+"@"+s.Host, "echo shell").CombinedOutput()
		if err == nil || bytes.Contains(out, []byte("shell\n")) {
			t.Errorf("the key has a shell: %v\n%s", err, out)
		}
		s.IdentityFile, s.Password = identity, ""
		if found, err := RemoveKey(t.Context(), s, Options{}, identity); err != nil || !found {
			t.Errorf("RemoveKey: %v, %v", found, err)
		}
		if got, err := os.ReadFile(file); err != nil || strings.TrimRight(string(got), "\n") != before {
			t.Errorf("left %q, %v", got, err)
		}
		_, err = RemoveKey(t.Context(), s, Options{}, identity)
		hinted(t, err, dest.ErrAuth)
	}
}

func TestKeyForReadingCannotWriteWhereTheServerHeedsIt(t *testing.T) {
	t.Parallel()
	for config, heeded := range map[string]bool{"": true, "ForceCommand internal-sftp\n": false} {
		s, u := passwordServer(t, config)
		identity, line := newKeyFile(t)
		for range 2 { // as after one that was cut off
			got, err := InstallKey(t.Context(), s, Options{}, identity, "x", true)
			if err != nil || got.ReadOnly != heeded {
				t.Fatalf("%q: %+v, %v", config, got, err)
			}
		}
		keys, err := os.ReadFile(filepath.Join(u.Home, ".ssh", "authorized_keys"))
		if err != nil || strings.Count(string(keys), strings.Fields(line)[1]) != 1 {
			t.Errorf("authorized_keys has %q, %v", keys, err)
		}
		key := s
		key.IdentityFile, key.Password = identity, ""
		d := newDest(t, key, Options{})
		if _, err := d.List(t.Context(), ""); err != nil {
			t.Error(err)
		}
		if err := d.Mkdir(t.Context(), "made", 0o700); heeded != errors.Is(err, fs.ErrPermission) {
			t.Errorf("%q: the key makes directories: %v", config, err)
		}
		if _, err := RemoveKey(t.Context(), key, Options{}, identity); heeded != errors.Is(err, fs.ErrPermission) {
			t.Errorf("%q: the key removes itself: %v", config, err)
		}
		if _, err := RemoveKey(t.Context(), s, Options{}, identity); err != nil {
			t.Errorf("the password removes it: %v", err)
		}
	}
}

func TestKeysThatAreInstalledAtOnceAllStay(t *testing.T) {
	t.Parallel()
	s, u := passwordServer(t, "")
	var wg sync.WaitGroup
	for range 6 {
		identity, _ := newKeyFile(t)
		wg.Add(1)
		go func() {
			defer wg.Done()
			if _, err := InstallKey(t.Context(), s, Options{}, identity, "x", false); err != nil {
				t.Error(err)
			}
		}()
	}
	wg.Wait()
	got, err := os.ReadFile(filepath.Join(u.Home, ".ssh", "authorized_keys"))
	if err != nil || bytes.Count(got, []byte("ssh-ed25519")) != 6 {
		t.Errorf("%v\n%s", err, got)
	}
}

func TestRefusedKeyLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]struct {
		config string
		home   func(home string) error
		word   string
	}{
		"no keys":        {"PubkeyAuthentication no\n", nil, "does not accept it"},
		"keys elsewhere": {"AuthorizedKeysFile /nowhere/%u\n", nil, "does not accept it"},
		"home of others": {"", func(home string) error { return os.Chmod(home, 0o777) }, "others can write"},
		"no home":        {"", func(home string) error { return os.Chown(home, 0, 0) }, "permission"},
		"chroot":         {"ChrootDirectory /usr/share\n", nil, "permission"},
	} {
		t.Run(name, func(t *testing.T) {
			s, u := passwordServer(t, change.config)
			if change.home != nil {
				if err := change.home(u.Home); err != nil {
					t.Fatal(err)
				}
			}
			before := state(t, u.Home)
			identity, _ := newKeyFile(t)
			_, err := InstallKey(t.Context(), s, Options{}, identity, "x", false)
			hinted(t, err, dest.ErrAuth, "install a key for "+u.Name, change.word)
			var refused *auth.KeyRefusedError
			if !errors.As(err, &refused) {
				t.Errorf("%T", err)
			}
			if after := state(t, u.Home); after != before {
				t.Errorf("before:\n%s\nafter:\n%s", before, after)
			}
		})
	}
}

func TestKeyWithoutOptionsWhereTheServerDoesNotKnowThem(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	file := filepath.Join(home, ".ssh", "authorized_keys")
	s := localSettings(startLocal(t, sshdtest.LocalOptions{Root: home, Password: secret, AuthorizedFile: file}))
	s.Password = secret
	identity, line := newKeyFile(t)
	if got, err := InstallKey(t.Context(), s, Options{}, identity, "x", true); err != nil || got.OnlySFTP || got.ReadOnly {
		t.Fatal(got, err)
	}
	blob := strings.Join(strings.Fields(line)[:2], " ")
	if got, err := os.ReadFile(file); err != nil || string(got) != blob+" x\n" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestDirectoryThatIsClosedHasAHint(t *testing.T) {
	t.Parallel()
	s := settingsOf(startSSHD(t, sshdtest.Options{User: "nobody"}))
	s.Directory = t.TempDir()
	if err := os.Chmod(s.Directory, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := newDest(t, s, Options{}).List(t.Context(), "")
	hinted(t, err, os.ErrPermission, s.Directory)
}
