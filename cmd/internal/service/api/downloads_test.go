package api

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"slotfs/cmd/internal/login"
	"slotfs/cmd/internal/service/browse"
	"slotfs/cmd/internal/service/exports"
	"slotfs/fs"
	"slotfs/fs/fstest"
	"slotfs/fs/view"
	"slotfs/indexer/backup"
	"slotfs/indexer/tree"
)

// textContent gives each file its size in letters; reading one named "broken" fails behind its first letter of the second MiB.
type textContent struct{}

func (textContent) Open(_ context.Context, _ *backup.Snapshot, _ *tree.Tree, it tree.Item) (fs.File, error) {
	if it.Name == "broken" {
		return brokenFile{}, nil
	}
	return fstest.Bytes(strings.Repeat("x", int(it.Size))), nil
}

func (textContent) OpenOriginal(context.Context, *backup.Snapshot, int) (fs.File, error) {
	return nil, errors.New("no original")
}

func (textContent) Deadline() time.Duration { return time.Minute }

type brokenFile struct{}

func (brokenFile) ReadAt(_ context.Context, p []byte, off int64) (int, error) {
	if off >= 1<<20 {
		return 0, backup.ErrCorrupt
	}
	return len(p), nil
}

func (brokenFile) Close() error { return nil }

// downloadable is a service with an account that has the files.
func downloadable(t *testing.T, files ...fstest.Member) *owner {
	t.Helper()
	w := fstest.NewWorld()
	w.Add(t, fstest.Source("alice", "2026-01-05"), nil, files...)
	all, err := w.Snapshots(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	v := view.New(view.Options{Nodes: w.Store})
	v.Update([]string{"box"}, all)
	return &owner{all: all, tree: &browse.Local{View: v, Content: func(string) fs.Content { return textContent{} }}}
}

const inAlice = "box/accounts/alice/2026-01-05/full"

func TestSeveralPathsAreDownloadedAsOneArchiveAndRecorded(t *testing.T) {
	o := downloadable(t, fstest.Dir("sub"), fstest.File("sub/a", "123"), fstest.File("sub/b", "12"), fstest.File("x\r\nSet-Cookie: a=\"<img>", "1"))
	h := New(t.Context(), o, "test")
	served := h.For(func(*http.Request) (login.Identity, error) { return login.Root, nil })
	made := ask1(served, "POST", Prefix+"/downloads", `{"paths":["`+inAlice+`/sub/a","`+inAlice+`/sub/b"],"format":"zip"}`)
	p := decode(t, made.Body.Bytes()).(map[string]any)
	if made.Code != http.StatusOK || p["name"] != "alice-2026-01-05.zip" {
		t.Fatalf("%d %v", made.Code, p)
	}
	for _, method := range []string{"HEAD", "GET"} {
		got := ask1(served, method, p["url"].(string), "")
		if got.Code != http.StatusOK || got.Header().Get("Content-Type") != contentBytes ||
			got.Header().Get("Content-Disposition") != `attachment; filename="alice-2026-01-05.zip"; filename*=UTF-8''alice-2026-01-05.zip` {
			t.Errorf("%d %v", got.Code, got.Header())
		}
		if method == "HEAD" {
			continue
		}
		if got.Header().Get("Content-Length") != fmt.Sprint(got.Body.Len()) {
			t.Errorf("%d bytes, told were %s", got.Body.Len(), got.Header().Get("Content-Length"))
		}
		z, err := zip.NewReader(bytes.NewReader(got.Body.Bytes()), int64(got.Body.Len()))
		if err != nil || len(z.File) != 2 || z.File[0].Name != "a" {
			t.Fatalf("%v, %v", z, err)
		}
	}
	want := fmt.Sprintf("record root control socket download [%q %q]", inAlice+"/sub/a", inAlice+"/sub/b")
	if len(o.asked) != 1 || !strings.HasPrefix(o.asked[0], want) {
		t.Errorf("%q, want %s", o.asked, want)
	}
	got := ask1(served, "GET", Prefix+"/archive?format=tar&path="+inAlice+"/x%0d%0aSet-Cookie:%20a=%22%3cimg%3e", "")
	if d := got.Header().Get("Content-Disposition"); got.Code != http.StatusOK || strings.ContainsAny(strings.TrimSuffix(strings.TrimPrefix(d, `attachment; filename="`), `"`), "\r\n<") ||
		len(got.Header().Values("Set-Cookie")) > 0 {
		t.Errorf("%d %q", got.Code, d)
	}
}

func TestDownloadsOfOthersAreNotThere(t *testing.T) {
	h := New(t.Context(), downloadable(t, fstest.File("a", "1")), "test")
	as := func(who login.Identity) http.Handler {
		return h.For(func(*http.Request) (login.Identity, error) { return who, nil })
	}
	p := decode(t, ask1(as(login.Root), "POST", Prefix+"/downloads", `{"paths":["`+inAlice+`"]}`).Body.Bytes()).(map[string]any)
	for _, who := range []login.Identity{{Account: "alice"}, {Name: "other"}} {
		if got := ask1(as(who), "GET", p["url"].(string), ""); got.Code != http.StatusNotFound {
			t.Errorf("%s: %d", who, got.Code)
		}
	}
	if got := ask1(as(login.Identity{}), "GET", p["url"].(string), ""); got.Code != http.StatusUnauthorized {
		t.Errorf("nobody: %d", got.Code)
	}
}

func TestWhatCannotBeReadBreaksTheDownloadOff(t *testing.T) {
	h := New(t.Context(), downloadable(t, fstest.File("broken", strings.Repeat("x", 3<<20))), "test")
	server := httptest.NewServer(h.For(func(*http.Request) (login.Identity, error) { return login.Root, nil }))
	defer server.Close()
	for _, format := range []string{"zip", "tar", "tar.gz"} {
		res, err := http.Get(server.URL + Prefix + "/archive?path=" + inAlice + "&format=" + format)
		if err != nil {
			continue // it broke off before its head
		}
		_, err = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if err == nil && res.StatusCode == http.StatusOK {
			t.Errorf("%s: the answer looks whole", format)
		}
	}
}

func TestDownloadsAtOnceAreBounded(t *testing.T) {
	d := newDownloads()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	var leaves []func()
	enter := func(who login.Identity) bool {
		ctx := t.Context()
		if len(d.account0(who)) == accountAtOnce || len(d.owners) == ownersAtOnce || who.Admin() && len(d.admins) == adminsAtOnce {
			ctx = gone
		}
		leave, err := d.enter(ctx, who)
		if err == nil {
			leaves = append(leaves, leave)
		}
		return err == nil
	}
	for i := range 1000 {
		enter(login.Identity{Account: fmt.Sprint("a", i/3)})
	}
	if len(leaves) != ownersAtOnce {
		t.Errorf("%d are sent to owners", len(leaves))
	}
	if !enter(login.Root) {
		t.Error("owners keep administrators out")
	}
	var wait sync.WaitGroup
	for _, leave := range leaves {
		wait.Go(leave)
	}
	wait.Wait()
	if len(d.accounts) != 0 || len(d.owners)+len(d.admins) != 0 {
		t.Errorf("%d accounts, %d and %d are left", len(d.accounts), len(d.owners), len(d.admins))
	}
}

// account0 is the room of an account, if there is one.
func (d *downloads) account0(who login.Identity) chan struct{} {
	if a := d.accounts[who.Account]; a != nil {
		return a.room
	}
	return nil
}

func TestRequestsForDownloadsAreForgotten(t *testing.T) {
	d := newDownloads()
	first := d.add(login.Root, exports.Request{})
	for i := range 3 * keptDownloads {
		d.add(login.Identity{Account: fmt.Sprint(i % 50)}, exports.Request{})
	}
	if _, err := d.find(login.Root, first.id); err == nil || len(d.asked) > keptDownloads {
		t.Errorf("%d requests are kept", len(d.asked))
	}
	own := 0
	for _, a := range d.asked {
		if a.who.Account == "7" {
			own++
		}
	}
	if own > ownDownloads {
		t.Errorf("%d of one account", own)
	}
	last := d.add(login.Root, exports.Request{})
	last.began = time.Now().Add(-2 * keepDownload)
	if _, err := d.find(login.Root, last.id); err == nil {
		t.Error("one is kept for longer than an hour")
	}
}

func TestDownloadsOfOwnersLeaveOutWhatRootAloneMayRead(t *testing.T) {
	w := fstest.NewWorld()
	source := fstest.Source("alice", "2026-01-05")
	source.Owner = &backup.Owner{UID: 1001, GID: 1001}
	all := []fstest.Member{fstest.Dir("home"), fstest.File("home/own", "1"), fstest.File("home/roots", "2"), fstest.Dir("home/closed"), fstest.File("home/closed/x", "3")}
	for i := range all {
		all[i].UID, all[i].GID = 1001, 1001
	}
	for _, i := range []int{2, 3} {
		all[i].UID, all[i].GID, all[i].Mode = 0, 0, all[i].Mode&backup.ModeType|0o700
	}
	w.Add(t, source, &backup.Parts{Full: "home", Grafts: []backup.Graft{{Kind: backup.Files, Path: "files", From: "home"}}}, all...)
	snapshots, err := w.Snapshots(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	v := view.New(view.Options{Nodes: w.Store, Owner: func(*backup.Snapshot) view.Local { return view.Local{UID: 5001, GID: 5001, OK: true} }})
	v.Update([]string{"box"}, snapshots)
	o := &owner{all: snapshots, tree: &browse.Restricted{Paged: &browse.Local{View: v, Content: func(string) fs.Content { return textContent{} }}, UID: 5001, GID: 5001}}
	served := New(t.Context(), o, "test").For(func(*http.Request) (login.Identity, error) { return login.Identity{Account: "alice"}, nil })
	const files = "box/accounts/alice/2026-01-05/files"
	got := ask1(served, "GET", Prefix+"/archive?format=zip&path="+files, "")
	z, err := zip.NewReader(bytes.NewReader(got.Body.Bytes()), int64(got.Body.Len()))
	if err != nil || len(z.File) != 2 || z.File[1].Name != "files/own" {
		t.Errorf("%d, %+v, %v", got.Code, z, err)
	}
	for _, p := range []string{files + "/roots", files + "/closed", files + "/closed/x"} {
		if got := ask1(served, "GET", Prefix+"/archive?format=zip&path="+p, ""); got.Code != http.StatusForbidden {
			t.Errorf("%s: %d", p, got.Code)
		}
	}
}
