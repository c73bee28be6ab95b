package acceptance

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slotfs/sftpdest/sshdtest"
)

// rounds backs up a changing account so often that slots are filled and overwritten, and compares all of them.
func (b *backups) rounds() {
	b.t.Helper()
	b.newAccount("alice")
	for round := range 5 {
		if round > 0 {
			b.change("alice", round)
		}
		b.sync(0)
		nextSecond()
	}
	b.checkBySFTP(3)
	b.must("verify", "nightly", "--full")
	b.must("index")
	b.mount()
	b.checkByMount(true)
}

// plainServer is one that has no extensions but renaming and links, answers 32 KiB at a time and has no shell.
func plainServer(t *testing.T) *sshdtest.Server {
	t.Helper()
	identity, line, err := sshdtest.NewKey(t.TempDir(), "id_ed25519")
	if err != nil {
		t.Fatal(err)
	}
	local, err := sshdtest.StartLocal(sshdtest.LocalOptions{Root: t.TempDir(), Authorized: line})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { local.Close() })
	return &sshdtest.Server{Host: local.Host, Port: local.Port, Username: "root", Identity: identity, HostKeys: local.HostKeys}
}

// proftpd is ProFTPD's mod_sftp.
func proftpd(t *testing.T) *sshdtest.Server {
	t.Helper()
	s, err := sshdtest.StartProFTPD(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &sshdtest.Server{Host: s.Host, Port: s.Port, Username: s.Username, Identity: s.Identity, HostKeys: s.HostKeys}
}

func TestBackupsAreReadFromEveryKindOfServer(t *testing.T) {
	t.Parallel()
	for name, server := range map[string]func(*testing.T) *sshdtest.Server{"ProFTPD": proftpd, "package sftp": plainServer} {
		t.Run(name, func(t *testing.T) {
			h := newHostAt(t, server(t))
			h.behind(5 * time.Millisecond)
			source, shown := h.dated(someFiles)
			h.show()
			for _, from := range shown {
				run(t, `diff -r --no-dereference "$1" "$2"`, source, from)
			}
			said := h.must("destination", "test", "d", "--write", "--time", "200ms")
			for _, fact := range []string{"reachable ", "authenticated  by publickey", "server  ", "extensions  ", "round trip  ", "read  ", "write  ",
				"fsync  ", "free space  ", "at once", "clock  "} {
				if !strings.Contains(said, fact) {
					t.Errorf("the test has nothing of %q:\n%s", fact, said)
				}
			}
			if left := run(t, `find "$1" -name '.slotfs-test*'`, h.store); left != "" {
				t.Errorf("the test left %s", left)
			}
		})
	}
}

func TestServerThatCanDoLittle(t *testing.T) { newBackups(t, newHostAt(t, plainServer(t))).rounds() }

func TestUnprivilegedUserInAJail(t *testing.T) { newBackups(t, newJail(t)).rounds() }

// newJail is a host whose server lets one user in who sees nothing but his own directory.
func newJail(t *testing.T) *host {
	t.Helper()
	u, err := sshdtest.AddUser("never used")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { u.Remove() })
	// Everything on the way to the root of a jail belongs to root alone.
	jail, err := os.MkdirTemp("/srv", "slotfs-jail")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(jail) })
	run(t, `chmod 755 "$1"; mkdir "$1/data"; chown "$2" "$1/data"`, jail, u.Name)
	server, err := sshdtest.Start(sshdtest.Options{User: u.Name, Config: "ChrootDirectory " + jail + "\n"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	h := &host{t: t, server: server, port: server.Port, store: "/data", jail: jail, work: t.TempDir(), print: fingerprint(t, server)}
	h.mnt = filepath.Join(h.work, "mnt")
	if err := os.Mkdir(h.mnt, 0o755); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestCompressedSlotsAreTheSourceAsItWas(t *testing.T) {
	t.Parallel()
	b := newBackups(t, newHost(t), "--mode", "compressed", "--retention", "2")
	dir := b.newAccount("alice")
	for round := range 3 {
		if round > 0 {
			b.change("alice", round)
		}
		b.sync(0)
		nextSecond()
	}
	// The newest one by tar alone.
	run(t, `out=$(mktemp -d); trap 'rm -rf "$out"' EXIT; newest=$(ls -t "$1"/nightly/alice/slot-*/archive/alice.g*.tar.gz | head -1)
gzip -t "$newest"; tar -C "$out" -xpf "$newest"; [ "$(ls -A "$out" | wc -l)" = 1 ] && out2=$(echo "$out"/*) || out2=$out
diff -r --no-dereference "$2" "$out2"`, b.store, dir)
	b.must("index")
	b.mount()
	b.checkByMount(true)
}
