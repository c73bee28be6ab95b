package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"slotfs/cmd/internal/service/live"
	"slotfs/indexer/backup"
)

// liveAccount is a backup of an account with all that is put back, and the machine on which it lives.
type liveAccount struct {
	*world
	home string
	src  string // the backup before it is packed
}

const liveSnapshot = "offsite/accounts/alice/latest/"

func newLiveAccount(t *testing.T) *liveAccount {
	t.Helper()
	w := newWorld(t)
	a := &liveAccount{world: w, home: filepath.Join(w.dir, "home/alice"), src: filepath.Join(w.dir, "src/2026-01-05/alice")}
	w.account(filepath.Dir(a.src), "alice", "backup")
	if err := os.Remove(a.src + "/mysql/alice_shop.sql"); err != nil { // databases have tests of their own
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"cron/alice": "MAILTO=\"\"\r\n*/5 * * * * php x.php\r\n0 3 * * * backup",
		"homedir/mail/alice.example/info/cur/1.M1.h:2,S": "one", "homedir/mail/alice.example/info/.Sent/cur/2.M2.h:2,S": "two",
		"homedir/mail/alice.example/info/subscriptions": "Sent\nOld.Work\n", "homedir/mail/alice.example/info/dovecot.index": "stale",
		"homedir/mail/alice.example/sales/cur/3.M3.h:2,": "three", "homedir/mail/alice.example/big/storage/m.1": "mdbox", "homedir/mail/cur/4.M4.h:2,S": "own",
		"homedir/etc/alice.example/passwd":        "info:x:77:77::/home/old/mail/alice.example/info:/bin/false\nsales:x:77:77::/home/old/mail/alice.example/sales:/bin/false\n",
		"homedir/etc/alice.example/shadow":        "info:$6$a:1\nsales:$6$b:1\n",
		"homedir/etc/alice.example/quota":         "info:5\nsales:6\n",
		"homedir/etc/alice.example/info/filter":   "rules",
		"homedir/.autorespond/info@alice.example": "away",
		"va/alice.example":                        "*: alice\n", "vf/alice.example": "# filter\n", "va/bob.example": "*: alice\n",
		"dnszones/alice.example.db": "$TTL 14400\n", "sslkeys/alice.example.key": "secret", "apache_tls/alice.example": "pem",
	} {
		write(t, filepath.Join(a.src, name), text)
	}
	w.users("alice:x:30001:30001::" + a.home + ":/bin/sh")
	give(t, a.home, aliceUID)
	write(t, w.dir+"/machine/userdomains", "alice.example: alice\nbob.example: bob\n")
	for _, dir := range []string{"machine/valiases", "machine/vfilters", "spool/crontabs"} {
		if err := os.MkdirAll(filepath.Join(w.dir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

func write(t *testing.T, p, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// ready packs and indexes the backup, and gives the home to its owner.
func (a *liveAccount) ready() {
	a.t.Helper()
	a.pack("alice", "2026-01-05")
	a.must(0, a.addArgs("offsite", "--local-origin", "")...)
	a.must(0, "index")
	a.own()
}

func (a *liveAccount) own() {
	a.t.Helper()
	if err := filepath.WalkDir(a.home, func(p string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(p, aliceUID, aliceUID))
	}); err != nil {
		a.t.Fatal(err)
	}
}

// live runs restore and wants an exit code.
func (a *liveAccount) live(code int, args ...string) []live.Outcome {
	a.t.Helper()
	var all []live.Outcome
	r := a.among(append([]string{"--json", "restore"}, args...)...)
	if err := json.Unmarshal([]byte(r.out), &all); err != nil || r.code != code {
		a.t.Fatalf("%v: %+v, %v", args, r, err)
	}
	return all
}

// state is what is below a directory, by path, without what restores keep.
func (a *liveAccount) state(dir string) map[string]string {
	a.t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, p)
		if err != nil || strings.HasPrefix(rel, "slotfs-before-") || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(p)
		all[rel] = string(data)
		return err
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return all
}

// everything is all that a restore changes.
func (a *liveAccount) everything() string {
	a.t.Helper()
	var lines []string
	for _, dir := range []string{a.home, a.dir + "/machine/valiases", a.dir + "/machine/vfilters"} {
		for p, text := range a.state(dir) {
			lines = append(lines, fmt.Sprintf("%s/%s %q", filepath.Base(dir), p, text))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\ncron " + a.tab()
}

// tab is the user's table of cron jobs without what crontab puts in front of it.
func (a *liveAccount) tab() string {
	a.t.Helper()
	data, err := os.ReadFile(a.dir + "/spool/crontabs/alice")
	if errors.Is(err, os.ErrNotExist) {
		return "none"
	}
	var out strings.Builder
	for line := range strings.Lines(string(data)) {
		if !strings.HasPrefix(line, "#") {
			out.WriteString(line)
		}
	}
	return out.String()
}

// one is the outcome of a kind.
func one(t *testing.T, all []live.Outcome, kind backup.PartKind) live.Outcome {
	t.Helper()
	at := slices.IndexFunc(all, func(o live.Outcome) bool { return o.Kind == string(kind) })
	if at < 0 {
		t.Fatalf("no outcome of %s: %+v", kind, all)
	}
	return all[at]
}

func TestAWholeAccountIsPutBackOnARebuiltMachineAndUndoneByOneID(t *testing.T) {
	t.Parallel()
	a := newLiveAccount(t)
	a.ready()
	before := a.everything()
	dry := a.live(3, "--live", "--dry-run", liveSnapshot)
	if a.everything() != before || one(t, dry, backup.Files).Files.Files == 0 || one(t, dry, backup.Cron).Parts != 2 {
		t.Errorf("dry run: %+v\n%s", dry, a.everything())
	}
	all := a.live(3, "--live", liveSnapshot) // 3: zones and certificates are left in a directory
	id := all[0].Group
	for i := range all {
		if o := &all[i]; o.Group != id || id == "" || o.Error != "" {
			t.Errorf("%+v", o)
		}
	}
	got := a.state(a.home)
	for name, want := range map[string]string{
		"public_html/index.php": "<?php echo 'backup';\n", "mail/alice.example/info/cur/1.M1.h:2,S": "one", "mail/alice.example/info/.Sent/cur/2.M2.h:2,S": "two",
		"mail/alice.example/sales/cur/3.M3.h:2,": "three", "mail/alice.example/big/storage/m.1": "mdbox", "mail/cur/4.M4.h:2,S": "own",
		"etc/alice.example/passwd": "info:x:30001:30001::" + a.home + "/mail/alice.example/info:/bin/false\nsales:x:30001:30001::" + a.home + "/mail/alice.example/sales:/bin/false\n",
		"etc/alice.example/shadow": "info:$6$a:1\nsales:$6$b:1\n", "etc/alice.example/info/filter": "rules", ".autorespond/info@alice.example": "away",
	} {
		if got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
	if got := a.tab(); got != "MAILTO=\"\"\n*/5 * * * * php x.php\n0 3 * * * backup\n" {
		t.Errorf("cron: %q", got)
	}
	routes := a.state(a.dir + "/machine/valiases")
	if routes["alice.example"] != "*: alice\n" || len(routes) != 1 {
		t.Errorf("forwarders %q: that of another user's domain is not to be there", routes)
	}
	zone := filepath.Join(one(t, all, backup.DNS).Target, "alice.example.db")
	if data, err := os.ReadFile(zone); err != nil || string(data) != "$TTL 14400\n" {
		t.Errorf("%s: %q, %v", zone, data, err)
	}
	if err := filepath.WalkDir(a.home, func(p string, d os.DirEntry, err error) error {
		info, infoErr := d.Info()
		if err == nil && infoErr == nil && info.Sys().(*syscall.Stat_t).Uid != aliceUID {
			t.Errorf("%s belongs to somebody else", p)
		}
		return errors.Join(err, infoErr)
	}); err != nil {
		t.Fatal(err)
	}
	after := a.everything()
	undone := a.live(0, "--undo", id)
	if got := a.everything(); got != before {
		t.Errorf("undone:\n%s\nnot\n%s", got, before)
	}
	if r := a.among("restore", "--undo", id); r.code != 1 || !strings.Contains(r.err, "undone already") {
		t.Errorf("%+v", r)
	}
	if r := a.among("restore", "--records"); r.code != 0 || !strings.Contains(r.out, id) || !strings.Contains(r.out, "undone by "+undone[0].Group) {
		t.Errorf("%+v", r)
	}
	a.live(0, "--undo", undone[0].Group)
	if got := a.everything(); got != after {
		t.Errorf("undone again:\n%s\nnot\n%s", got, after)
	}
}

func TestPartsArePutBackIntoAnAccountThatIsInUse(t *testing.T) {
	t.Parallel()
	a := newLiveAccount(t)
	for name, text := range map[string]string{
		"mail/alice.example/info/cur/1.M1.h:2,RS": "answered since", "mail/alice.example/info/new/9.M9.h": "came since", "mail/alice.example/info/subscriptions": "V\t2\n\nMine\n",
		"mail/alice.example/info/dovecot-uidlist": "live", "mail/alice.example/big/storage/m.2": "live mdbox",
		"etc/alice.example/passwd": "info:x:30001:30001::x:/bin/false\nnew:x:1:1:::\n", "etc/alice.example/shadow": "info:$6$live:1\n", "public_html/index.php": "live",
	} {
		write(t, filepath.Join(a.home, name), text)
	}
	write(t, a.dir+"/spool/crontabs/alice", "1 1 1 1 1 old\n")
	a.ready()
	before := a.everything()
	undo := func(all []live.Outcome) {
		t.Helper()
		id := all[0].ID
		if all[0].Group != "" {
			id = all[0].Group
		}
		a.live(0, "--undo", id)
		if got := a.everything(); got != before {
			t.Fatalf("undone:\n%s\nnot\n%s", got, before)
		}
	}
	const box = "mail/alice.example/info/"
	all := a.live(0, "--live", liveSnapshot+"email/alice.example/info")
	got := a.state(a.home)
	if got[box+"cur/1.M1.h:2,RS"] == "" || got[box+"cur/1.M1.h:2,S"] != "" || got[box+"new/9.M9.h"] == "" || got[box+".Sent/cur/2.M2.h:2,S"] != "two" ||
		got[box+"subscriptions"] != "V\t2\n\nMine\nSent\nOld\tWork\n" || got[box+"dovecot.index"] != "" || got["etc/alice.example/passwd"] != "info:x:30001:30001::x:/bin/false\nnew:x:1:1:::\n" {
		t.Errorf("merged: %q", got)
	}
	undo(all)
	all = a.live(0, "--live", liveSnapshot+"email/alice.example/sales") // a mailbox that is gone, with its account
	got = a.state(a.home)
	if got["mail/alice.example/sales/cur/3.M3.h:2,"] != "three" || !strings.HasSuffix(got["etc/alice.example/passwd"], ":::\nsales:x:30001:30001::"+a.home+"/mail/alice.example/sales:/bin/false\n") ||
		got["etc/alice.example/shadow"] != "info:$6$live:1\nsales:$6$b:1\n" || got["etc/alice.example/quota"] != "sales:6\n" {
		t.Errorf("the mailbox that was gone: %q", got)
	}
	undo(all)
	all = a.live(0, "--live", "--replace", liveSnapshot+"email/alice.example/info")
	got = a.state(a.home)
	if got[box+"cur/1.M1.h:2,RS"] != "" || got[box+"new/9.M9.h"] != "" || got[box+"dovecot-uidlist"] != "" || got[box+"cur/1.M1.h:2,S"] != "one" {
		t.Errorf("replaced: %q", got)
	}
	undo(all)
	if r := a.among("restore", "--live", liveSnapshot+"email/alice.example/big"); r.code != 2 || !strings.Contains(r.err, "mdbox cannot be merged") || !strings.Contains(r.err, "--replace") {
		t.Errorf("%+v", r)
	}
	all = a.live(0, "--live", "--replace", liveSnapshot+"email/alice.example/big")
	if got = a.state(a.home); got["mail/alice.example/big/storage/m.1"] != "mdbox" || got["mail/alice.example/big/storage/m.2"] != "" {
		t.Errorf("mdbox replaced: %q", got)
	}
	undo(all)
	all = a.live(0, "--live", liveSnapshot+"cron")
	if tab := a.tab(); !strings.HasPrefix(tab, "MAILTO=\"\"\n*/5") || len(all[0].Notes) != 1 {
		t.Errorf("cron: %q, %+v", tab, all)
	}
	undo(all)
	all = a.live(0, "--live", liveSnapshot+"forwarders/alice.example")
	if got := a.state(a.dir + "/machine/valiases"); got["alice.example"] != "*: alice\n" {
		t.Errorf("forwarders: %q", got)
	}
	undo(all)
	all = a.live(0, "--live", liveSnapshot+"filters/info@alice.example")
	if got := a.state(a.home); got["etc/alice.example/info/filter"] != "rules" {
		t.Errorf("filters: %q", got)
	}
	undo(all)
	all = a.live(3, "--live", liveSnapshot) // 3: an mdbox that is there stays
	got = a.state(a.home)
	if got["mail/alice.example/big/storage/m.1"] != "" || got["mail/alice.example/big/storage/m.2"] == "" || got[box+"cur/1.M1.h:2,S"] != "" || got["public_html/index.php"] == "live" ||
		got["etc/alice.example/passwd"] != "info:x:30001:30001::x:/bin/false\nnew:x:1:1:::\nsales:x:30001:30001::"+a.home+"/mail/alice.example/sales:/bin/false\n" {
		t.Errorf("the whole account: %q", got)
	}
	undo(all)
}

func TestATableOfCronJobsThatIsRefusedLeavesTheLiveOne(t *testing.T) {
	t.Parallel()
	a := newLiveAccount(t)
	write(t, a.src+"/cron/alice", "61 * * * * x\n")
	write(t, a.dir+"/spool/crontabs/alice", "1 1 1 1 1 old\n")
	a.ready()
	if r := a.among("restore", "--live", liveSnapshot+"cron/alice"); r.code != 1 || !strings.Contains(r.err, "bad minute") {
		t.Errorf("%+v", r)
	}
	if tab := a.tab(); tab != "1 1 1 1 1 old\n" {
		t.Errorf("%q", tab)
	}
}

// panel puts programs in the place of cPanel's that note how they are called.
func (a *liveAccount) panel() (log string) {
	a.t.Helper()
	log = a.dir + "/panel.log"
	for name, script := range map[string]string{
		"restorepkg": "echo \"restorepkg $*\" >> " + log + "\nfor a; do :; done\ntar -tzf \"$a\" | head -1 >> " + log + "\n[ ! -e " + a.dir + "/fail ] || { echo broken >&2; exit 1; }\n",
		"pkgacct":    "echo \"pkgacct $1\" >> " + log + "\ntar -C " + a.dir + " -czf \"$2/cpmove-$1.tar.gz\" home\n",
	} {
		p := a.dir + "/local/cpanel/scripts/" + name
		write(a.t, p, "#!/bin/sh\n"+script)
		if err := os.Chmod(p, 0o755); err != nil {
			a.t.Fatal(err)
		}
	}
	return log
}

func TestAWholeAccountIsHandedToThePanelWhereThereIsOne(t *testing.T) {
	t.Parallel()
	a := newLiveAccount(t)
	a.ready()
	if r := a.among("restore", "--live", "--restorepkg", liveSnapshot); r.code != 2 || !strings.Contains(r.err, "only for administrators of a machine with cPanel") {
		t.Errorf("without a panel: %+v", r)
	}
	log := a.panel()
	said := func() string {
		data, _ := os.ReadFile(log)
		_ = os.Remove(log) // or nothing was called
		return string(data)
	}
	before := a.everything()
	all := a.live(3, "--live", liveSnapshot)
	if got := said(); got != "" || !all[0].Left || !strings.HasSuffix(all[0].LeftOut[0], "restorepkg "+all[0].Target) || a.everything() != before {
		t.Errorf("called %q: %+v", got, all)
	}
	if out, err := exec.Command("tar", "-tzf", all[0].Target).Output(); err != nil || !strings.Contains(string(out), "/homedir/public_html/index.php") {
		t.Errorf("%s: %v", out, err)
	}
	all = a.live(0, "--live", "--restorepkg", liveSnapshot)
	if got := said(); !strings.HasPrefix(got, "pkgacct alice\nrestorepkg --force "+all[0].Target+"\n") {
		t.Errorf("called %q", got)
	}
	a.live(0, "--undo", all[0].ID)
	if got := said(); !strings.HasPrefix(got, "pkgacct alice\nrestorepkg --force "+all[0].Before+"\nhome/") {
		t.Errorf("undone by %q", got)
	}
	write(t, a.dir+"/fail", "")
	if r := a.among("restore", "--live", "--restorepkg", liveSnapshot); r.code != 1 || !strings.Contains(r.err, "broken") || !strings.Contains(r.out, "--undo") {
		t.Errorf("%+v", r)
	}
}
