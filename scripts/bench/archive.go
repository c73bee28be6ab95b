package main

import (
	"archive/tar"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// cpanelPigz is cPanel's own compressor with its own options.
const cpanelPigz = "pigz -6 --processes 1 --blocksize 4096 --rsyncable"

// account makes the account that is indexed and restored, once, and returns the path of its archive on the server.
func (b *bench) account() (string, error) {
	archive := filepath.Join(b.store("account"), "2026-01-05/accounts/alice.tar.gz")
	if _, err := os.Stat(archive); err == nil {
		return archive, nil
	}
	if err := os.MkdirAll(filepath.Dir(archive), 0o755); err != nil {
		return "", err
	}
	_, err := b.shell(`go run slotfs/scripts/account -size "$1" "$2" && tar -C "$2" -cf - alice | `+cpanelPigz+` >"$3"`,
		fmt.Sprint(b.size), filepath.Join(b.dir, "src"), archive)
	return archive, err
}

// million writes an archive of n empty files and their directories, which would take too long to make on disk.
func (b *bench) million(name string, n int) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	zipped, err := gzip.NewWriterLevel(f, gzip.BestSpeed)
	if err != nil {
		return err
	}
	out := tar.NewWriter(zipped)
	when := time.Date(2025, 11, 3, 4, 5, 6, 0, time.UTC)
	head := func(name string, dir bool) error {
		h := &tar.Header{Name: name, Mode: 0o644, Uid: 1001, Gid: 1001, ModTime: when, Typeflag: tar.TypeReg}
		if dir {
			h.Name, h.Mode, h.Typeflag = name+"/", 0o755, tar.TypeDir
		}
		return out.WriteHeader(h)
	}
	for _, dir := range []string{"big", "big/cp", "big/homedir"} {
		if err := head(dir, true); err != nil {
			return err
		}
	}
	if err := head("big/cp/big", false); err != nil {
		return err
	}
	const perDirectory = 1000
	for i := 0; i < n; i++ {
		dir := fmt.Sprintf("big/homedir/directory-%04d", i/perDirectory)
		if i%perDirectory == 0 {
			if err := head(dir, true); err != nil {
				return err
			}
		}
		when = when.Add(time.Second)
		if err := head(fmt.Sprintf("%s/%d.M%06dP%05d.srv1", dir, 1760000000+i*7, i*7919%1000000, i*31%100000), false); err != nil {
			return err
		}
	}
	if err := out.Close(); err != nil {
		return err
	}
	return zipped.Close()
}

// spread lays n small archives over directories of days, as many accounts leave them.
func (b *bench) spread(store string, n int) error {
	const accounts = 50
	_, err := b.shell(`
src=$(mktemp -d "$3/spread.XXXX")
for i in $(seq `+fmt.Sprint(accounts)+`); do
	mkdir -p "$src/user$i/cp" "$src/user$i/homedir/public_html"
	echo "USER=user$i" >"$src/user$i/cp/user$i"; echo "<?php // $i" >"$src/user$i/homedir/public_html/index.php"
	tar -C "$src" -czf "$src/user$i.tar.gz" "user$i"
done
for day in $(seq "$2"); do
	dir=$1/$(date -u -d "2025-01-01 +$day days" +%F)/accounts
	mkdir -p "$dir"; cp "$src"/*.tar.gz "$dir/"
done`, store, fmt.Sprint((n+accounts-1)/accounts), b.dir)
	return err
}

// lines counts the lines of an output.
func lines(s string) int { return strings.Count(s, "\n") }
