package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"golang.org/x/sys/unix"
)

//check:without needs root
func TestDirectoriesThatCannotBeReadAreFrozen(t *testing.T) {
	root := plant(t, "shut/file", "list-only/file", "open/file")
	for name, mode := range map[string]os.FileMode{"shut": 0, "list-only": 0o644, "": 0o755} {
		if err := os.Chmod(filepath.Join(root, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	asNobody(t, root, func(root string) {
		tree, err := Open(root, Options{})
		if err != nil {
			t.Error(err)
			return
		}
		defer tree.Close()
		frozen := map[string]bool{}
		for found, err := range tree.Walk(context.Background()) {
			if err != nil {
				t.Error(err)
				return
			}
			frozen[found.Path] = found.Frozen
			if found.Frozen && (!errors.Is(found.Warning, fs.ErrPermission) || !found.IsDir() || found.Inode == 0) {
				t.Errorf("%+v", found)
			}
		}
		want := map[string]bool{"": false, "shut": true, "list-only": true, "open": false, "open/file": false}
		if !reflect.DeepEqual(frozen, want) {
			t.Errorf("%v", frozen)
		}
	})
}

// asNobody runs a function on a thread that has no privileges.
func asNobody(t *testing.T, root string, run func(root string)) {
	t.Helper()
	directory, err := os.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	defer directory.Close()
	onOwnThread(func() {
		if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0); errno != 0 {
			t.Error(errno)
			return
		}
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, 65534, 65534, 65534); errno != 0 {
			t.Error(errno)
			return
		}
		// The way to the directory is closed to others, its handle is not.
		run(fmt.Sprintf("/proc/thread-self/fd/%d", directory.Fd()))
	})
}
