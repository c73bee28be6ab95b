package slottest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"testing"

	"slotfs/indexer/manifest"
)

// Archive makes directory a compressed slot that holds these files and directories, and tells its state. Each entry is a gzip
// member of its own.
func Archive(t testing.TB, directory string, state manifest.State, members ...Member) manifest.State {
	t.Helper()
	var stored bytes.Buffer
	var list manifest.Members
	content := int64(0)
	for i := range members {
		m := &members[i]
		var text bytes.Buffer
		w := tar.NewWriter(&text)
		h := &tar.Header{Typeflag: tar.TypeReg, Name: m.Path, Mode: int64(m.Mode & 0o7777), Uid: int(m.UID), Gid: int(m.GID), Size: int64(len(m.Data))}
		if m.IsDir() {
			h.Typeflag, h.Name = tar.TypeDir, "./"+m.Path+"/"
		}
		must(t, w.WriteHeader(h))
		m.Offset = content + int64(text.Len())
		_, err := w.Write([]byte(m.Data))
		must(t, err)
		must(t, w.Flush())
		if i == len(members)-1 {
			must(t, w.Close())
		}
		content += int64(text.Len())
		before := stored.Len()
		z := gzip.NewWriter(&stored)
		_, err = z.Write(text.Bytes())
		must(t, err)
		must(t, z.Close())
		list.Add(manifest.Member{Size: int64(stored.Len() - before), Length: int64(text.Len()), Sums: manifest.Sums(text.Bytes())})
	}
	encoded, err := list.Encode()
	must(t, err)
	state.Mode = manifest.Compressed
	state.Manifest = Manifest(t, directory, state.Gen, members...)
	state.Archive = &manifest.Archive{Content: content, File: About(t, filepath.Join(directory, "archive"), manifest.ArchiveName("alice", state.Gen), stored.Bytes())}
	state.Archive.Members = About(t, filepath.Join(directory, "meta"), manifest.MembersName(state.Gen), encoded)
	Put(t, directory, state)
	return state
}

// About writes a file and tells what a state says of it.
func About(t testing.TB, directory, name string, content []byte) manifest.File {
	t.Helper()
	put(t, filepath.Join(directory, name), content)
	sum := sha256.Sum256(content)
	return manifest.File{Name: name, Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}
}
