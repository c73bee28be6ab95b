package main

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// writeTarball writes what a package has, for machines with another package manager.
func (r *release) writeTarball(content []item, path string) error {
	content = slices.Clone(content)
	slices.SortFunc(content, func(a, b item) int { return cmp.Compare(a.to, b.to) })
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return err
	}
	t := tar.NewWriter(z)
	for _, i := range content {
		if err := r.addTo(t, i); err != nil {
			return fmt.Errorf("%s: %w", i.to, err)
		}
	}
	if err := t.Close(); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}

func (r *release) addTo(t *tar.Writer, i item) error {
	h := &tar.Header{Name: r.tarName(i.to), Mode: int64(i.mode), ModTime: r.time, Uname: "root", Gname: "root", Format: tar.FormatUSTAR}
	var text []byte
	switch i.kind {
	case "symlink":
		h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, i.from, 0o777
	case "dir":
		h.Typeflag, h.Name = tar.TypeDir, h.Name+"/"
	default:
		var err error
		if text, err = os.ReadFile(i.from); err != nil {
			return err
		}
		h.Typeflag, h.Size = tar.TypeReg, int64(len(text))
	}
	if err := t.WriteHeader(h); err != nil {
		return err
	}
	_, err := t.Write(text)
	return err
}

// sums writes SHA256SUMS over everything that is published.
func (r *release) sums() error {
	entries, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, e := range entries {
		if e.Name() == "SHA256SUMS" {
			continue
		}
		data, err := os.ReadFile(filepath.Join(r.out, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%x  %s\n", sha256.Sum256(data), e.Name())
	}
	return os.WriteFile(filepath.Join(r.out, "SHA256SUMS"), []byte(b.String()), 0o644)
}
