package acceptance

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestNothingDangerousComesThrough(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	parent := hostedAccount(t, "alice")
	home := filepath.Join(parent, "alice/homedir")
	run(t, `cp /bin/true "$1/rootshell"; chown 0:0 "$1/rootshell"; chmod 6755 "$1/rootshell"; mkdir -m 2755 "$1/setgid"`, home)
	mkdev(t, filepath.Join(home, "null"))
	h.pack(parent, "alice", "2026-01-05")
	run(t, `
cd "$1"; mkdir -p evil/evil/cp evil/evil/homedir; echo x >evil/evil/cp/evil; echo owned >outside; echo in >evil/evil/homedir/ok
tar -C evil -cf evil.tar evil
tar -C evil -rPf evil.tar --transform 's,.*,../../../../outside,' evil/homedir/ok
tar -C evil -rPf evil.tar --transform 's,.*,/etc/evil,' evil/homedir/ok
ln -s /etc evil/evil/homedir/etc-link; tar -C evil -rf evil.tar evil/homedir/etc-link
tar -C evil -rf evil.tar --transform 's,.*,evil/homedir/etc-link/passwd,' evil/homedir/ok
gzip -c evil.tar >"$2/2026-01-05/accounts/evil.tar.gz"`, parent, h.store)
	h.show()
	for _, view := range []string{"files", "full/homedir"} {
		at := filepath.Join(h.account("d", "", "alice"), "latest", view)
		run(t, `[ "$(stat -c %a "$1/rootshell")" = 755 ]; [ ! -e "$1/null" ]; [ -z "$(find "$1" -perm /6000)" ]`, at)
	}
	if options := run(t, `findmnt -n -o OPTIONS "$1"`, h.mnt); !strings.Contains(options, "nosuid") || !strings.Contains(options, "nodev") || !strings.HasPrefix(options, "ro") {
		t.Errorf("mounted %s", options)
	}
	evil := filepath.Join(h.account("d", "", "evil"), "latest")
	run(t, `[ -z "$(find "$1" -name outside)" ]; [ -L "$1/files/etc-link" ]; [ "$(find "$1/files" -name passwd | wc -l)" = 0 ]`, evil)
	if about := run(t, `cat "$1/snapshot.json"`, evil); !strings.Contains(about, `"refused": 2`) {
		t.Errorf("snapshot.json does not tell of the refused members:\n%s", about)
	}
}

func TestOnlyTheAccountsUserLooksIntoItsDirectory(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	run(t, `id slotalice >/dev/null 2>&1 || useradd -M -u 47110 slotalice; id slotbob >/dev/null 2>&1 || useradd -M -u 47111 slotbob`)
	t.Cleanup(func() { run(t, `userdel slotalice; userdel slotbob`) })
	h.pack(hostedAccount(t, "slotalice"), "slotalice", "2026-01-05")
	h.show("--allow-other")
	run(t, `chmod 755 "$1"`, h.work)
	run(t, `d=$1; while [ "$d" != / ]; do chmod o+x "$d"; d=$(dirname "$d"); done`, filepath.Dir(h.mnt))
	account := h.account("d", "", "slotalice")
	run(t, `mkdir -p "$1/srv2" && cp -a "$1/2026-01-05" "$1/srv2/"`, h.store)
	as := func(user, script string) error {
		return exec.Command("setpriv", "--reuid", user, "--clear-groups", "--regid", user, "bash", "-c", script).Run()
	}
	if err := as("slotalice", "ls "+account); err == nil {
		t.Error("a local user has the account of his name on a server that is not said to be this machine")
	}
	run(t, `sed -i 's/^\[destination.d\]$/&\nlocal-origin = ""/' "$1/slotfs.toml"`, h.work)
	h.must("index", "d") // and the configuration is read again
	for _, part := range []string{"files/public_html/index.php", "databases/slotalice_wp.sql", "email/*/*/cur/*"} {
		if err := as("slotalice", "cat "+account+"/latest/"+part); err != nil {
			t.Errorf("the account's own user, %s: %v", part, err)
		}
	}
	if err := as("slotalice", "ls "+h.account("d", "srv2", "slotalice")); err == nil {
		t.Error("a local user looks into the account of his name on another server")
	}
	if err := as("slotbob", "ls "+account); err == nil {
		t.Error("another user looks into the account's directory")
	}
	for _, secret := range []string{"full", "archive", "database-users/slotalice_u1.sql", "ftp/proftpdpasswd", "config/shadow"} {
		if _, err := os.Lstat(filepath.Join(account, "latest", secret)); err != nil {
			t.Errorf("%s: %v", secret, err)
		}
		if err := as("slotalice", "cd / && if [ -d "+account+"/latest/"+secret+" ]; then ls "+account+"/latest/"+secret+"; else cat "+account+"/latest/"+secret+"; fi"); err == nil {
			t.Errorf("the account's user reads %s", secret)
		}
	}
}

func TestEveryChangeIsRefusedAsReadOnly(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.pack(hostedAccount(t, "alice"), "alice", "2026-01-05")
	h.show()
	at := filepath.Join(h.account("d", "", "alice"), "latest/files")
	for _, command := range []string{"touch new", "rm public_html/index.php", "mkdir x", "ln -s a b", "chmod 777 .", "mv www w", "truncate -s 0 public_html/index.php", "setfattr -n user.x -v y ."} {
		out, err := exec.Command("bash", "-c", "cd "+at+" && LC_ALL=C "+command).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "Read-only file system") {
			t.Errorf("%s: %v %s", command, err, out)
		}
	}
}
