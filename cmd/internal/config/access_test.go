package config

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// chowned makes a file or directory as others could have made it.
func chowned(t *testing.T, path string, mode os.FileMode, uid int) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	if uid >= 0 {
		if err := os.Chown(path, uid, 0); err != nil {
			t.Fatal(err)
		}
	}
}

//check:without needs root
func TestConfigurationThatOthersMayWriteIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		file, dir os.FileMode
		uid       int
		ok        bool
	}{
		"as it is made": {0o600, 0o755, -1, true}, "readable": {0o644, 0o755, -1, true}, "of a group": {0o660, 0o755, -1, false},
		"of all": {0o606, 0o755, -1, false}, "in a directory of all": {0o600, 0o777, -1, false}, "in one of a group": {0o600, 0o775, -1, false},
		"in a sticky one": {0o600, 0o777 | os.ModeSticky, -1, true}, "of another user": {0o600, 0o755, 12345, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path, link := filepath.Join(dir, "slotfs.toml"), filepath.Join(t.TempDir(), "link.toml")
			if err := os.WriteFile(path, []byte("# none\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(path, link); err != nil {
				t.Fatal(err)
			}
			chowned(t, path, c.file, c.uid)
			chowned(t, dir, c.dir, -1)
			for _, p := range []string{path, link} {
				_, err := Load(p, engines)
				var access *AccessError
				if c.ok != (err == nil) || err != nil && (!errors.As(err, &access) || access.Hint() == "") {
					t.Errorf("%s: %v", p, err)
				}
			}
		})
	}
	if _, err := Load(filepath.Join(t.TempDir(), "missing"), engines); err != nil {
		t.Error(err)
	}
}

//check:without needs root
func TestSecretThatOthersMayReadIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte("x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, ok := range map[os.FileMode]bool{0o600: true, 0o400: true, 0o640: false, 0o604: false, 0o602: false} {
		chowned(t, path, mode, -1)
		if err := Private(path); (err == nil) != ok {
			t.Errorf("%#o: %v", mode, err)
		}
	}
	chowned(t, path, 0o600, 12345)
	if err := Private(path); err == nil {
		t.Error("a secret of another user is taken")
	}
	if err := Private("/dev/null"); err != nil {
		t.Error(err)
	}
}

func TestWhatAKilledWriterLeftIsSwept(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{".slotfs-123456", ".slotfs-18446744073709551615", ".slotfs-keep", ".slotfs-", "slotfs-1"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := WriteFile(filepath.Join(dir, "file"), []byte("y")); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 4 {
		t.Errorf("%v, %v", left, err)
	}
}
