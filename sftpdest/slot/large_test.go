package slot

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"path"
	"strings"
	"testing"

	"slotfs/indexer/dest"
	"slotfs/indexer/dest/desttest"
	"slotfs/indexer/dest/retry"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/source"
	"slotfs/sftpdest/slot/store"
	"slotfs/sftpdest/slot/upload"
)

// marking makes options under which files of some MiB get marks.
func marking() Options {
	o := options(2)
	o.tune.mark = 1 << 20
	return o
}

// interrupted runs until there is a mark inside a large file of the slot.
func (a *account) interrupted(server *memory, o Options, slot string) {
	a.t.Helper()
	dead := false
	server.hear = func(op, p string) error {
		if meta, err := server.find(slot + "/meta"); err == nil {
			for name := range meta.children {
				dead = dead || strings.HasPrefix(name, upload.Prefix)
			}
		}
		if dead {
			return errKilled
		}
		return nil
	}
	if _, err := a.run(a.t.Context(), server, o); err == nil {
		a.t.Fatal("not killed")
	}
	server.hear = nil
	server.now += 3600
}

// marked returns the mark that the interrupted run left in a slot, and the file that it is about.
func marked(t *testing.T, server *memory, slot string) (mark, temp *node) {
	t.Helper()
	list, err := server.List(t.Context(), slot+"/meta")
	if err != nil {
		t.Fatal(err)
	}
	for _, info := range list {
		if name, ok := strings.CutPrefix(info.Name, upload.Prefix); ok {
			mark, _ = server.find(path.Join(slot, "meta", info.Name))
			temp, _ = server.find(path.Join(slot, "tmp", name))
		}
	}
	if mark == nil || temp == nil {
		t.Fatal("no mark was left")
	}
	return mark, temp
}

func TestLargeFileGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	a, server := newAccount(t), newMemory()
	content := desttest.Content(6 << 20)
	a.file("large", string(content), 1)
	o := marking()
	a.interrupted(server, o, "job/alice/slot-01")
	sum := a.mustRun(server, o)
	if sum.UploadedBytes >= 6<<20 || !sum.Resumed {
		t.Errorf("%d bytes were sent, all of the file", sum.UploadedBytes)
	}
	a.holdsAll(server, o, 1, 1)

	// Another version does not go on with what is there of the first one.
	a.file("large", string(desttest.Content(5<<20)), 2)
	a.interrupted(server, o, "job/alice/slot-02")
	a.file("large", string(content), 3)
	if sum = a.mustRun(server, o); sum.UploadedBytes != 6<<20 {
		t.Errorf("%d bytes were sent of another version, want all", sum.UploadedBytes)
	}
	a.holdsAll(server, o, 2, sum.Slot)
}

func TestLargeFileThatNoTimeShowsToBeAnotherIsNotMixed(t *testing.T) {
	for name, edit := range map[string]func(content []byte){
		"in what was sent":       func(content []byte) { content[5] ^= 1 },
		"behind what was marked": func(content []byte) { clear(content[5<<20:]) },
	} {
		t.Run(name, func(t *testing.T) {
			a, server := newAccount(t), newMemory()
			content := desttest.Content(6 << 20)
			a.file("large", string(content), 1)
			o := marking()
			a.interrupted(server, o, "job/alice/slot-01")
			mark, temp := marked(t, server, "job/alice/slot-01")
			temp.data = append(temp.data[:len(temp.data):len(temp.data)], content[len(temp.data):]...)

			edit(content)
			a.file("large", string(content), 1)
			a.forge(mark)
			a.mustRun(server, o)
			a.holdsAll(server, o, 1, 1)
		})
	}
}

func TestLargeFileOutlivesMoreLossesThanARequestDoes(t *testing.T) {
	t.Parallel()
	a, server := newAccount(t), newMemory()
	content := desttest.Content(8 * retry.Default.Attempts << 20) // a try may bring several parts that were under way
	a.file("large", string(content), 1)
	o := marking()
	o.tune.wide = 1 << 30 // one handle
	whole := func(n *node) (chunks int) {
		for at := 0; at+store.ChunkSize <= len(n.data) && bytes.Equal(n.data[at:at+store.ChunkSize], content[at:at+store.ChunkSize]); at += store.ChunkSize {
			chunks++
		}
		return chunks
	}
	goal, losses := 0, 0 // each try brings one chunk, or those that were under way with it
	server.hear = func(op, p string) error {
		n, _ := server.find(p)
		switch {
		case n == nil || len(n.data) < store.ChunkSize:
		case op == "create":
			goal = whole(n) + 1
		case op == "write" && whole(n) >= goal:
			losses++
			return errCut
		}
		return nil
	}
	a.mustRun(server, o)
	server.hear = nil
	a.holdsAll(server, o, 1, 1)
	if losses <= retry.Default.Attempts {
		t.Errorf("%d losses only", losses)
	}
}

func TestLeaseOutlivesLostConnections(t *testing.T) {
	a, server := newAccount(t), newMemory()
	a.edit(1)
	o := options(2)
	lost := make(map[string]bool)
	server.hear = func(op, p string) error {
		if strings.Contains(p, "/"+"lease.") && !lost[op] {
			lost[op] = true
			return errCut
		}
		return nil
	}
	a.mustRun(server, o)
	if !lost["create"] || !lost["write"] || !lost["remove"] {
		t.Errorf("lost %v", lost)
	}
	a.mustRun(server, o) // the first one's lease is gone
}

// forge makes a mark tell of the file as it is now, as if a coarse clock had not moved since it was made.
func (a *account) forge(mark *node) {
	a.t.Helper()
	var m map[string]any
	decoder := json.NewDecoder(bytes.NewReader(mark.data))
	decoder.UseNumber()
	a.check(decoder.Decode(&m))
	e := a.entry("large")
	m["mtime"], m["ctime"], m["inode"] = e.MTime, e.CTime, e.Inode
	var err error
	mark.data, err = json.Marshal(m)
	a.check(err)
}

// entry is what a walk finds at a path.
func (a *account) entry(p string) manifest.Entry {
	a.t.Helper()
	src, err := source.Open(a.root, a.o)
	a.check(err)
	defer src.Close()
	for found, err := range src.Walk(a.t.Context()) {
		a.check(err)
		if found.Path == p {
			return found.Entry
		}
	}
	a.t.Fatalf("no %s", p)
	return manifest.Entry{}
}

func TestLargeFileThatTheServerLostIsSentAgain(t *testing.T) {
	a, server := newAccount(t), newMemory()
	server.unsync = true
	a.file("large", string(desttest.Content(6<<20)), 1)
	o := marking()
	a.interrupted(server, o, "job/alice/slot-01")
	_, temp := marked(t, server, "job/alice/slot-01")
	clear(temp.data[:4096])
	a.mustRun(server, o)
	a.holdsAll(server, o, 1, 1)
}

// picky is a server that opens nothing for writing that is there.
type picky struct{ *memory }

func (p picky) Create(ctx context.Context, name string, how dest.Create) (dest.WriteFile, error) {
	if _, err := p.Stat(ctx, name); err == nil {
		return nil, fs.ErrPermission
	}
	return p.memory.Create(ctx, name, how)
}

func TestLargeFileOnAServerThatOpensNothingTwice(t *testing.T) {
	a, server := newAccount(t), newMemory()
	a.file("large", string(desttest.Content(6<<20)), 1)
	o := marking()
	o.tune.wide = 2 << 20
	a.interrupted(server, o, "job/alice/slot-01")
	lost := 0
	server.hear = func(op, p string) error {
		if op == "write" && strings.Contains(p, "/tmp/") {
			if lost++; lost == 5 {
				return errCut
			}
		}
		return nil
	}
	a.mustRun(picky{server}, o)
	server.hear = nil
	a.holdsAll(server, o, 1, 1)
}
