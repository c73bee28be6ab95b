package sftpserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"slotfs/cmd/internal/service/browse"
	"slotfs/fs"
	"slotfs/fs/fstest"
	"slotfs/fs/view"
	"slotfs/indexer/backup"
	"slotfs/indexer/tree"
	"slotfs/sftpdest/auth"
)

// people are users with passwords that may be used once, keys and trees.
type people struct {
	mu        sync.Mutex
	passwords map[string]string
	keys      map[string][]string
	trees     map[string]browse.Tree
}

func (p *people) Keys(user string) []string { return p.keys[user] }

func (p *people) Password(user, password string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	ok := password != "" && p.passwords[user] == password
	if ok {
		delete(p.passwords, user)
	}
	return ok
}

func (p *people) Tree(_ context.Context, user string) (browse.Tree, error) {
	if t := p.trees[user]; t != nil {
		return t, nil
	}
	return nil, errors.New("no such tree")
}

// worldContent reads the files of a world.
type worldContent struct{ *fstest.World }

func (w worldContent) Open(ctx context.Context, s *backup.Snapshot, t *tree.Tree, it tree.Item) (fs.File, error) {
	path, err := t.Path(ctx, it.Number)
	if err != nil {
		return nil, err
	}
	data, err := w.Read(s, path)
	return fstest.Bytes(data), err
}

func (worldContent) OpenOriginal(context.Context, *backup.Snapshot, int) (fs.File, error) {
	return nil, errors.New("there is none")
}

func (worldContent) Deadline() time.Duration { return time.Minute }

const (
	snapshotPath = "/box/accounts/alice/2026-01-05/full"
	rawName      = "raw\xff\nname"
)

// newPeople shows a small snapshot of alice to the user alice, whose password is "once".
func newPeople(t *testing.T) *people {
	t.Helper()
	w := fstest.NewWorld()
	members := []fstest.Member{fstest.Dir("sub"), fstest.File("sub/file", "content"), fstest.File(rawName, strings.Repeat("x", 1_000_000)),
		fstest.Link("out", "../../../../../../../etc/passwd"), fstest.Link("in", "sub/file"), fstest.Dir("many")}
	for n := range 1000 {
		members = append(members, fstest.File(fmt.Sprintf("many/%d", n), ""))
	}
	snapshot := w.Add(t, fstest.Source("alice", "2026-01-05"), nil, members...)
	v := view.New(view.Options{Nodes: w.Store})
	v.Update([]string{"box"}, []*backup.Snapshot{snapshot})
	tree := &browse.Local{View: v, Content: func(string) fs.Content { return worldContent{w} }}
	return &people{passwords: map[string]string{"alice": "once"}, keys: map[string][]string{}, trees: map[string]browse.Tree{"alice": tree}}
}

// serve serves until the test ends.
func serve(t *testing.T, limits Limits, p *people) *Server {
	t.Helper()
	key, err := auth.NewKey("test")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Listen("127.0.0.1:0", Options{HostKey: key.Private, Users: p, Limits: limits, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s
}

func dial(s *Server, user string, methods ...ssh.AuthMethod) (*ssh.Client, error) {
	return ssh.Dial("tcp", s.Address(), &ssh.ClientConfig{User: user, Auth: methods, HostKeyCallback: ssh.FixedHostKey(s.hostKey.PublicKey())})
}

// logIn is alice's session.
func logIn(t *testing.T, s *Server) (*ssh.Client, *sftp.Client) {
	t.Helper()
	c, err := dial(s, "alice", ssh.Password("once"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	client, err := sftp.NewClient(c)
	if err != nil {
		t.Fatal(err)
	}
	return c, client
}

func TestWhatIsShownCanBeListedAndRead(t *testing.T) {
	t.Parallel()
	_, client := logIn(t, serve(t, Limits{}, newPeople(t)))
	names := func(dir string) (all []string) {
		entries, err := client.ReadDir(dir)
		if err != nil {
			t.Errorf("%s: %v", dir, err)
		}
		for _, e := range entries {
			all = append(all, e.Name())
		}
		slices.Sort(all)
		return all
	}
	if got := names("/box/accounts/alice"); !slices.Equal(got, []string{"2026-01-05", "latest"}) {
		t.Errorf("the account has %q", got)
	}
	if got, want := names("/box/accounts/alice/latest/full"), []string{"in", "many", "out", rawName, "sub"}; !slices.Equal(got, want) {
		t.Errorf("the snapshot has %q, want %q", got, want)
	}
	if got := names(snapshotPath + "/many"); len(got) != 1000 {
		t.Errorf("%d names in the large directory", len(got))
	}
	for path, want := range map[string]string{"/sub/file": "content", "/in": "content", "/" + rawName: strings.Repeat("x", 1_000_000)} {
		f, err := client.Open(snapshotPath + path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(f)
		if err != nil || string(got) != want {
			t.Errorf("%q: %d bytes, %v", path, len(got), err)
		}
		f.Close()
	}
	info, err := client.Lstat(snapshotPath + "/sub/file")
	if err != nil || info.Size() != 7 || info.Mode() != 0o644 || info.ModTime().Unix() != 1 || info.Sys().(*sftp.FileStat).UID != 1001 {
		t.Errorf("%+v, %v", info.Sys(), err)
	}
	if target, err := client.ReadLink(snapshotPath + "/in"); target != "sub/file" || err != nil {
		t.Errorf("link: %q, %v", target, err)
	}
}

func TestNothingLeadsOutside(t *testing.T) {
	t.Parallel()
	_, client := logIn(t, serve(t, Limits{}, newPeople(t)))
	for _, path := range []string{snapshotPath + "/out", "/../../etc/passwd", "/box/../../etc/passwd", snapshotPath + "/none", "/box/accounts/bob"} {
		if f, err := client.Open(path); err == nil {
			f.Close()
			t.Errorf("%s was opened", path)
		}
		if _, err := client.Stat(path); err == nil {
			t.Errorf("%s is shown", path)
		}
	}
}

func TestEveryChangeIsRefused(t *testing.T) {
	t.Parallel()
	_, client := logIn(t, serve(t, Limits{}, newPeople(t)))
	at := snapshotPath + "/sub/file"
	for what, err := range map[string]error{
		"create":   second(client.Create(snapshotPath + "/new")),
		"append":   second(client.OpenFile(at, os.O_RDWR|os.O_APPEND)),
		"remove":   client.Remove(at),
		"rename":   client.Rename(at, at+"2"),
		"posix":    client.PosixRename(at, at+"2"),
		"mkdir":    client.Mkdir(snapshotPath + "/dir"),
		"rmdir":    client.RemoveDirectory(snapshotPath + "/sub"),
		"chmod":    client.Chmod(at, 0o777),
		"chown":    client.Chown(at, 0, 0),
		"times":    client.Chtimes(at, time.Now(), time.Now()),
		"truncate": client.Truncate(at, 0),
		"symlink":  client.Symlink("/etc/passwd", snapshotPath+"/link"),
		"link":     client.Link(at, snapshotPath+"/hard"),
	} {
		if !errors.Is(err, os.ErrPermission) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestOnlySFTPIsServed(t *testing.T) {
	t.Parallel()
	c, _ := logIn(t, serve(t, Limits{}, newPeople(t)))
	session, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	session.Stderr = &said
	if err := session.Run("id"); err == nil || !strings.Contains(said.String(), "SFTP alone") {
		t.Errorf("a command: %v, %q", err, said.String())
	}
	if conn, err := c.Dial("tcp", "127.0.0.1:22"); err == nil {
		conn.Close()
		t.Error("a connection was forwarded")
	}
	if l, err := c.Listen("tcp", "127.0.0.1:0"); err == nil {
		l.Close()
		t.Error("a port was opened")
	}
}

func TestWhoSaysNothingIsSentAway(t *testing.T) {
	t.Parallel()
	for name, limits := range map[string]Limits{"handshake": {Handshake: 50 * time.Millisecond}, "idle": {Idle: 50 * time.Millisecond}} {
		s := serve(t, limits, newPeople(t))
		if name == "idle" {
			c, _ := logIn(t, s)
			if err := c.Wait(); err == nil {
				t.Error("idle: ended without an error")
			}
			continue
		}
		silent, err := net.Dial("tcp", s.Address())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, silent); err != nil {
			t.Logf("%s: %v", name, err)
		}
		silent.Close()
	}
}

func TestOpenHandlesAreLimited(t *testing.T) {
	t.Parallel()
	_, client := logIn(t, serve(t, Limits{Handles: 2}, newPeople(t)))
	var open []*sftp.File
	for range 2 {
		f, err := client.Open(snapshotPath + "/sub/file")
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, f)
	}
	if _, err := client.Open(snapshotPath + "/sub/file"); err == nil || !strings.Contains(err.Error(), "too many") {
		t.Errorf("a third handle: %v", err)
	}
	open[0].Close()
	f, err := client.Open(snapshotPath + "/sub/file")
	if err != nil {
		t.Fatalf("after one was closed: %v", err)
	}
	f.Close()
}

// broken panics when anything but its root is looked at.
type broken struct{ browse.Tree }

func (broken) Lookup(context.Context, uint64, string) (browse.Node, error) { panic("lookup") }

func (broken) List(context.Context, uint64, func(*browse.Node) error) error { panic("list") }

func (broken) Open(context.Context, *browse.Node) (fs.File, error) { panic("open") }

func TestPanicIsTheErrorOfOneRequest(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	p.trees["alice"] = broken{p.trees["alice"]}
	_, client := logIn(t, serve(t, Limits{}, p))
	if _, err := client.ReadDir("/"); err == nil {
		t.Error("list")
	}
	if _, err := client.Open("/box"); err == nil {
		t.Error("open")
	}
	if _, err := client.Lstat("/box"); err == nil {
		t.Error("lstat")
	}
	if _, err := client.Stat("/"); err != nil {
		t.Errorf("the session ended: %v", err)
	}
}

func TestUserWithoutATreeIsToldSo(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	p.passwords["mallory"] = "m"
	c, err := dial(serve(t, Limits{}, p), "mallory", ssh.Password("m"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := sftp.NewClient(c); err == nil {
		t.Error("a session without a tree")
	}
}
