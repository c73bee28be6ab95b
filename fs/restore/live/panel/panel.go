// Package panel knows how the programs of cPanel & WHM that make and take archives of whole accounts are called. It must not know where archives
// come from, nor what is kept of them.
package panel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// scripts is where the programs are.
const scripts = "/usr/local/cpanel/scripts/"

// Restorepkg is the program that makes an account of an archive (https://docs.cpanel.net/whm/scripts/the-restorepkg-script/).
const Restorepkg = scripts + "restorepkg"

// pkgacct makes an archive of an account (https://docs.cpanel.net/whm/scripts/the-pkgacct-script/).
const pkgacct = scripts + "pkgacct"

// Here reports whether this machine has cPanel.
func Here() bool {
	info, err := os.Stat(Restorepkg)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// ErrFailed says that a program of cPanel did not do what it was asked for.
var ErrFailed = errors.New("cPanel's program failed")

// Restore makes an account of an archive. With replace it takes the place of the account that is there.
func Restore(ctx context.Context, archive string, replace bool) error {
	args := []string{archive}
	if replace {
		args = []string{"--force", archive}
	}
	return run(ctx, Restorepkg, args...)
}

// Package writes an archive of an account as it is into a directory, and tells its path.
func Package(ctx context.Context, user, dir string) (string, error) {
	if err := run(ctx, pkgacct, user, dir); err != nil {
		return "", err
	}
	archive := filepath.Join(dir, "cpmove-"+user+".tar.gz")
	if _, err := os.Lstat(archive); err != nil {
		return "", fmt.Errorf("%s %s: %w: %w", pkgacct, user, ErrFailed, err)
	}
	return archive, nil
}

// maxSaid is how much is told of what a program says.
const maxSaid = 2000

func run(ctx context.Context, program string, args ...string) error {
	c := exec.CommandContext(ctx, program, args...)
	c.Dir, c.Env = "/", []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C"}
	var said bytes.Buffer
	c.Stdout, c.Stderr = &said, &said
	err := c.Run()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
		return nil
	}
	text := strings.TrimSpace(said.String())
	return fmt.Errorf("%s: %w: %w: %s", program, ErrFailed, err, strings.ReplaceAll(text[max(0, len(text)-maxSaid):], "\n", "; "))
}
