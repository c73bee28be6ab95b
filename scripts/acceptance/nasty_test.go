package acceptance

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// nastyAccount makes an account's directory with everything that file systems allow and customers have: raw names,
// depth, hard links, holes, attributes. Times have nanoseconds where nanos is set. It returns the parent.
func nastyAccount(t *testing.T, user string, nanos bool) string {
	t.Helper()
	parent := filepath.Join(t.TempDir(), "src")
	root := filepath.Join(parent, user)
	home := filepath.Join(root, "homedir")
	write := func(name, content string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(root, "cp", user), "DNS=example.com\nUSER="+user+"\n")
	write(filepath.Join(root, "version"), "pkgacct version: 10\n")
	for i, name := range nastyNames() {
		write(filepath.Join(home, "names", name), fmt.Sprintf("file %d\n", i))
		if err := os.Mkdir(filepath.Join(home, "names", "d"+name[:min(len(name), 250)]), 0o711); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(home, strings.Repeat("deep/", 30), "bottom"), "thirty levels down\n")
	write(filepath.Join(home, "empty"), "")
	write(filepath.Join(home, "zero-mode"), "nobody may read this\n")
	write(filepath.Join(home, "links", "first"), "one file, three names\n")
	write(filepath.Join(home, "attributes"), "with attributes\n")
	run(t, `
cd "$1"
ln links/first links/second; mkdir other; ln links/first other/third
ln -s public_html www; ln -s /etc/passwd leads-outside; ln -s "$(printf 'raw\377target')" rawlink
ln -s ../../../../../etc/shadow climbs
mkfifo pipe
chmod 0000 zero-mode; chmod 4755 empty; mkdir -m 1777 sticky; mkdir -m 0700 private
truncate -s 12M sparse; printf head | dd of=sparse conv=notrunc status=none
printf middle | dd of=sparse bs=1M seek=7 conv=notrunc status=none
truncate -s 3M all-hole
head -c 3000000 /dev/urandom >random; head -c 70000 /dev/urandom >block+1
mkdir -p mail/example.com/info/cur; printf 'Subject: hi\n\nbody\n' >mail/example.com/info/cur/1.M1.srv:2,S
mkdir public_html; echo '<?php' >public_html/index.php
setfattr -n user.comment -v 'extended attribute' attributes
setfattr -n user.empty attributes
setfattr -n user.dir -v x private
setfacl -m u:12345:r,g:54321:rw attributes
chown -hR 1007:1008 .; chown 5000000:6000000 block+1
`, home)
	if nanos {
		run(t, `find "$1" -depth -exec touch -h -d '2025-06-07 08:09:10.123456789 UTC' {} +; touch -d '1969-12-31 12:00:00.5 UTC' "$1/homedir/random" ; touch -d @14000000000.75 "$1/homedir/empty"`, root)
	} else {
		run(t, `find "$1" -depth -exec touch -h -d '2025-06-07 08:09:10 UTC' {} +; touch -d '2038-02-03 04:05:06 UTC' "$1/homedir/random"`, root)
	}
	return parent
}

// nastyNames are raw file names: line breaks, quotes, wildcards, 255 bytes, and bytes that are not UTF-8.
func nastyNames() []string {
	return []string{
		"line\nbreak", " leading and trailing ", "quote\"and'quote", "?*|<>", "back\\slash", "-rf", "~", "#hash",
		"tab\there", "\x01\x02", "caf\xe9 latin1", "\xff\xfe", "caf\u00e9", strings.Repeat("n", 255),
		strings.Repeat("\xc3\xa4", 127), "100%", "a:b", "..dots", "...", "!", "=", "$HOME", "`id`",
	}
}

// find prints every entry below dir as find sees it; set-id bits are masked, as the mount never shows them,
// and sizes of directories are left out, as they are the file system's own.
func find(t *testing.T, dir string, format string) string {
	t.Helper()
	return run(t, `cd "$1"; find . -printf "$2" | LC_ALL=C sort -z | tr '\0' '\n'`, dir, format)
}

// withoutSetID clears the set-id bits of everything below dir.
func withoutSetID(t *testing.T, dir string) {
	t.Helper()
	run(t, `find "$1" -perm /6000 -exec chmod ug-s {} +`, dir)
}

// mkdev reports a device node's number, for tests of nodes that must not appear.
func mkdev(t *testing.T, name string) {
	t.Helper()
	if err := unix.Mknod(name, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))); err != nil {
		t.Fatal(err)
	}
}
