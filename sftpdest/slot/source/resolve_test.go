package source

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const customer = 12345 // a user who is not root

// owned gives files below root to a customer.
func owned(t *testing.T, root string, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := os.Lchown(filepath.Join(root, name), customer, customer); err != nil {
			t.Fatal(err)
		}
	}
}

//check:without needs root
func TestLinksAreFollowedWhereOnlyRootMakesThem(t *testing.T) {
	root := plant(t, "data/www/file", "data/deep -> www", "www -> data/deep", "absolute -> /", "loop -> loop", "file",
		"home/alice/own/file", "home/alice/in -> own", "home/alice/out -> ../../data/www",
		"tmp/rooted -> ../data/www", "tmp/alices -> ../data/www", "group/link -> ../data/www", "to-alice -> home/alice/own")
	owned(t, root, "home/alice", "home/alice/own", "home/alice/in", "home/alice/out", "tmp/alices")
	for name, mode := range map[string]os.FileMode{"tmp": 0o777 | os.ModeSticky, "group": 0o775} {
		if err := os.Chmod(filepath.Join(root, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(filepath.Join(root, "group"), 0, customer); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(root, "www"), filepath.Join(root, "whole")); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		"data/www": nil, "www": nil, "whole": nil, "./data//www/": nil, "absolute": nil, "to-alice": nil, "tmp/rooted": nil,
		"home/alice/own": nil, "home/alice/in": ErrForeignLink, "home/alice/out": ErrForeignLink, "tmp/alices": ErrForeignLink,
		"group/link": ErrForeignLink, "loop": unix.ELOOP, "none": fs.ErrNotExist, "www/none": fs.ErrNotExist,
		"file": unix.ENOTDIR, "file/below": unix.ENOTDIR,
	} {
		if err := Check(root+"/"+path, 0); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
}

//check:without needs root
func TestFindFollowsNoLinksOfCustomers(t *testing.T) {
	root := plant(t, "home/alice/domains/a/f", "home/alice/web/html/", "home/bob/domains/b/f", "home/bob/domains/.hidden/", "home/bob/secret/",
		"home/.hidden/domains/h/", "home/virtfs/domains/v/", "home/eve/domains -> ../bob/secret", "home/eve/web -> ../alice/web",
		"home/linked -> bob", "home/file", "other -> home")
	owned(t, root, "home/alice", "home/bob", "home/eve", "home/eve/domains", "home/eve/web")
	for pattern, want := range map[string]string{
		"home/*":               "home/alice home/bob home/eve",
		"home/*/domains/*":     "home/alice/domains/a home/bob/domains/b home/eve/domains!",
		"home/*/domains/.*":    "home/bob/domains/.hidden home/eve/domains!",
		"none/*":               "",
		"home/*/web/html":      "home/alice/web/html home/eve/web!",
		"home/[ab]*/dom?ins/*": "home/alice/domains/a home/bob/domains/b",
		"other/a*":             "other/alice",
		"home/\\alice/*/a":     "home/alice/domains/a",
		"home/alice/*/*":       "home/alice/domains/a home/alice/web/html",
		"none*":                "",
	} {
		matches, err := Find(root+"/"+pattern, 0)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
		}
		var got []string
		for _, m := range matches {
			text := strings.TrimPrefix(m.Path, root+"/")
			if m.Err != nil {
				text += "!"
			}
			got = append(got, text)
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("%s: %q, want %q", pattern, text, want)
		}
	}
}

// TestSwappedSourcesNeverLeadToSecrets exchanges a directory on the way to a source for a link to another one while the
// source is found, opened and read.
//
//check:without needs root
func TestSwappedSourcesNeverLeadToSecrets(t *testing.T) {
	root := plant(t, "home/alice/web/html/file", "home/bob/html/"+secret)
	if err := os.Symlink("../bob", filepath.Join(root, "home/alice/link")); err != nil {
		t.Fatal(err)
	}
	owned(t, root, "home/alice", "home/alice/web", "home/alice/link")
	enough := swapping(t, filepath.Join(root, "home/alice/web"), filepath.Join(root, "home/alice/link"))
	opened, refused := 0, 0
	for done := false; !done || opened == 0; {
		select {
		case <-enough:
			done = true
		default:
		}
		if matches, err := Find(root+"/home/*/web/*", 0); err != nil || len(matches) > 1 {
			t.Fatalf("found %v, %v", matches, err)
		}
		tree, err := Open(root+"/home/alice/web/html", Options{})
		if err != nil {
			refused++
			continue
		}
		opened++
		for found, err := range tree.Walk(context.Background()) {
			if err == nil && found.Name == secret {
				t.Fatal("a link led to somebody else's directory")
			}
		}
		tree.Close()
	}
	t.Logf("opened %d times, refused %d times", opened, refused)
}
