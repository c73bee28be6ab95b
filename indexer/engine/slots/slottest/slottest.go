// Package slottest lays slots into a local directory as a writer leaves them, for the tests of everything that reads
// them. It does not know how slots are written over a network.
package slottest

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"testing"
	"time"

	"slotfs/indexer/backup"
	"slotfs/indexer/manifest"
)

// Finished is when the backups of State were complete.
var Finished = time.Date(2026, 1, 5, 2, 0, 0, 0, time.UTC)

// Member is an entry of a slot with its content.
type Member struct {
	manifest.Entry
	Data string
}

// Dir makes a directory.
func Dir(path string, uid uint32) Member {
	return member(path, backup.ModeDir|0o750, uid)
}

// File makes a regular file with a time that no server can hold.
func File(path, data string, uid uint32) Member {
	m := member(path, backup.ModeRegular|0o640, uid)
	m.Data, m.Size, m.Nlink = data, int64(len(data)), 1
	return m
}

// Link makes a symbolic link, which only the manifest has.
func Link(path, target string, uid uint32) Member {
	m := member(path, backup.ModeSymlink|0o777, uid)
	m.Target = target
	return m
}

func member(at string, mode, uid uint32) Member {
	m := Member{Entry: manifest.Entry{Path: at}}
	m.Mode, m.UID, m.GID, m.MTime = mode, uid, uid, 1_700_000_000_123_456_789
	if at != "" {
		m.Name = path.Base(at)
	}
	return m
}

// State is that of a complete incremental slot.
func State(slot int, gen uint64) manifest.State {
	return manifest.State{Slot: slot, Gen: gen, Phase: manifest.Complete, Mode: manifest.Incremental, Run: "r1", Epoch: 1,
		Started: Finished.Add(-time.Hour), Finished: Finished.AddDate(0, 0, int(gen)-1), Durability: "fsync",
		Host: "h", Account: "alice", Job: "nightly", Tool: "slotfs"}
}

// Write makes directory a slot that holds these members, which come in the manifest's order, and tells its state.
func Write(t testing.TB, directory string, state manifest.State, members ...Member) manifest.State {
	t.Helper()
	Data(t, directory, members...)
	state.Manifest = Manifest(t, directory, state.Gen, members...)
	Put(t, directory, state)
	return state
}

// Data puts the members into data/, as far as a server can hold them.
func Data(t testing.TB, directory string, members ...Member) {
	t.Helper()
	for _, m := range members {
		at := filepath.Join(directory, "data", m.Path)
		switch {
		case m.IsDir():
			must(t, os.MkdirAll(at, 0o700))
		case m.IsRegular():
			must(t, os.MkdirAll(filepath.Dir(at), 0o700))
			must(t, os.RemoveAll(at))
			must(t, os.WriteFile(at, []byte(m.Data), 0o600))
			stamp := time.Unix(m.RemoteMTime(), 0)
			must(t, os.Chtimes(at, stamp, stamp))
		}
	}
}

// Manifest writes the manifest of a generation.
func Manifest(t testing.TB, directory string, gen uint64, members ...Member) *manifest.File {
	t.Helper()
	var out bytes.Buffer
	w, err := manifest.NewWriter(&out)
	must(t, err)
	for i := range members {
		must(t, w.Write(&members[i].Entry))
	}
	file, err := w.Close()
	must(t, err)
	file.Name = manifest.Name(gen)
	put(t, filepath.Join(directory, "meta", file.Name), out.Bytes())
	return &file
}

// Journal writes a piece of a journal.
func Journal(t testing.TB, directory, name string, members ...Member) {
	t.Helper()
	var out bytes.Buffer
	w, err := manifest.NewJournalWriter(&out)
	must(t, err)
	for i := range members {
		must(t, w.Write(&members[i].Entry))
	}
	_, err = w.Close()
	must(t, err)
	put(t, filepath.Join(directory, "meta", name), out.Bytes())
}

// Put replaces the state of a slot.
func Put(t testing.TB, directory string, state manifest.State) {
	t.Helper()
	text, err := state.Encode()
	must(t, err)
	put(t, filepath.Join(directory, "state.json"), text)
}

// put replaces a file as writers do: at once.
func put(t testing.TB, name string, content []byte) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(name), 0o700))
	must(t, os.WriteFile(name+"~", content, 0o600))
	must(t, os.Rename(name+"~", name))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
