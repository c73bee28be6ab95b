package main

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb" // formats register themselves
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm"
)

const description = `backups on an SFTP destination, as a directory
slotfs shows the cPanel account backups on an SFTP destination as one read-only
mount, down to the single mailbox, database and file, and writes full and
incremental backups into rotating slots on any SFTP server.`

// writePackage writes a Debian or RPM package.
func (r *release) writePackage(format, arch string, content []item) error {
	packager, err := nfpm.Get(format)
	if err != nil {
		return err
	}
	info := nfpm.WithDefaults(&nfpm.Info{
		Name: "slotfs", Arch: arch, Platform: "linux", Version: r.version, Release: "1", Section: "admin", Priority: "optional",
		Maintainer: "slotfs <root@localhost>", Description: description, License: "Unlicensed", MTime: r.time, DisableGlobbing: true,
		Overridables: nfpm.Overridables{
			Recommends: []string{"fuse3"},
			Contents:   r.packaged(content),
			Scripts: nfpm.Scripts{
				PostInstall: r.file("scripts/dist/postinstall.sh"),
				PreRemove:   r.file("scripts/dist/preremove.sh"),
				PostRemove:  r.file("scripts/dist/postremove.sh"),
			},
			RPM: nfpm.RPM{BuildHost: "localhost", Compression: "gzip:9"},
			Deb: nfpm.Deb{Compression: "gzip:9"},
		},
	})
	if err := nfpm.PrepareForPackager(info, format); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(r.out, packager.ConventionalFileName(info)))
	if err != nil {
		return err
	}
	return errors.Join(packager.Package(info, f), f.Close())
}

// packaged is the content as the package writer takes it, sorted, with the time of the commit on everything.
func (r *release) packaged(content []item) files.Contents {
	var all files.Contents
	for _, i := range content {
		all = append(all, &files.Content{
			Source: i.from, Destination: i.to, Type: i.kind,
			FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: i.mode, MTime: r.time},
		})
	}
	slices.SortFunc(all, func(a, b *files.Content) int { return cmp.Compare(a.Destination, b.Destination) })
	return all
}
