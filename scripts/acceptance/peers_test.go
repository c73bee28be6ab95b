package acceptance

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"slotfs/indexer/backup"
)

// peerAccount makes the account that the writers below pack. Names fit into the oldest headers unless long is set.
func peerAccount(t *testing.T, long bool) string {
	t.Helper()
	parent := filepath.Join(t.TempDir(), "src")
	run(t, `
mkdir -p "$1"/alice/{cp,mysql,homedir/{mail,public_html/empty}}; cd "$1/alice"
echo USER=alice >cp/alice; echo '-- dump' >mysql/alice_wp.sql; cd homedir
echo '<?php' >public_html/index.php; : >public_html/empty.txt; head -c 1024 /dev/urandom >exact; head -c 30001 /dev/urandom >'odd one'
printf x >"$(printf 'bad\377utf8')"; ln -s public_html www; ln -s /etc/apache2/logs access-logs; ln -s ../outside up
ln exact mail/second; chmod 600 exact; chmod 1777 mail; chown -h 1001:1002 exact www public_html
if [ -n "$2" ]; then
  d=$(printf 'd%.0s' $(seq 90)); mkdir -p "$d/$d/$d"; echo long >"$d/$d/$d/$(printf 'n%.0s' $(seq 200))"; ln -s "$(printf 't/%.0s' $(seq 120))t" longlink
fi
find "$1" -depth -exec touch -h -d '2025-06-07 08:09:10 UTC' {} +`, parent, map[bool]string{true: "long"}[long])
	return parent
}

// peerWriters are commands that pack alice in the current directory to $1.
var peerWriters = []struct{ name, command string }{
	{"tar-v7", `tar --format=v7 -cf "$1" alice`},
	{"tar-oldgnu", `tar --format=oldgnu -cf "$1" alice`},
	{"tar-gnu-long", `tar --format=gnu -cf "$1" alice`},
	{"tar-gnu-sparse", `truncate -s 1M alice/homedir/hole; printf x >>alice/homedir/hole; tar --format=gnu -S -cf "$1" alice`},
	{"tar-ustar", `tar --format=ustar -cf "$1" alice`},
	{"tar-posix-long", `tar --format=posix -cf "$1" alice`},
	{"tar-posix-sparse", `truncate -s 1M alice/homedir/hole; printf x >>alice/homedir/hole; tar --format=posix -S -cf "$1" alice`},
	{"tar-posix-sparse-0.1", `truncate -s 1M alice/homedir/hole; printf x >>alice/homedir/hole; tar --format=posix -S --sparse-version=0.1 -cf "$1" alice`},
	{"tar-posix-sparse-0.0", `truncate -s 1M alice/homedir/hole; printf x >>alice/homedir/hole; tar --format=posix -S --sparse-version=0.0 -cf "$1" alice`},
	{"tar-updated", `tar -cf "$1" alice; echo new >alice/homedir/exact; touch -d '2026-01-01 UTC' alice/homedir/exact; tar -uf "$1" alice`},
	{"tar-incremental", `tar --format=gnu -g "$1.snar" -cf "$1" alice; rm "$1.snar"`},
	{"tar-posix-far", `tar --format=posix --pax-option=mtime:=20000000000.25 -cf "$1" alice`},
	{"tar-posix-past", `tar --format=posix --pax-option=mtime:=-20000000000.25 -cf "$1" alice`},
	{"tar-gnu-far", `tar --format=gnu --mtime=@300000000000 -cf "$1" alice`},
	{"tar-labelled", `tar --format=gnu -V label -cf "$1" ./alice`},
	{"bsdtar-ustar", `bsdtar --format ustar -cf "$1" alice`},
	{"bsdtar-pax-long", `bsdtar --format pax -cf "$1" alice`},
	{"bsdtar-gnutar-long", `bsdtar --format gnutar -cf "$1" alice`},
	{"bsdtar-v7tar", `bsdtar --format v7tar -cf "$1" alice`},
	{"bsdtar-restricted-long", `bsdtar -cf "$1" alice`},
	{"busybox-long", `busybox tar cf "$1" alice`},
	{"pax-ustar", `pax -w -x ustar -f "$1" alice`},
	{"pax-tar", `pax -w -x tar -f "$1" alice`},
	{"cpio-ustar", `find alice | cpio --quiet -o -H ustar >"$1"`},
	{"cpio-tar", `find alice | cpio --quiet -o -H tar >"$1"`},
	{"python-ustar", python("USTAR")},
	{"python-gnu-long", python("GNU")},
	{"python-pax-long", python("PAX")},
	{"perl", `perl -MArchive::Tar -MFile::Find -e '$t = Archive::Tar->new; find({no_chdir => 1, wanted => sub { $t->add_files($_) }}, "alice"); $t->write($ARGV[0])' "$1"`},
}

func python(format string) string {
	return `python3 -c 'import sys,tarfile
with tarfile.open(sys.argv[1], "w", format=tarfile.` + format + `_FORMAT) as t: t.add("alice")' "$1"`
}

// goArchive is alice in the current directory as Go packs it.
func goArchive(t *testing.T, dir string, format tar.Format) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	err := filepath.WalkDir(filepath.Join(dir, "alice"), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		link, _ := os.Readlink(path)
		header, err := tar.FileInfoHeader(info, link)
		if err != nil {
			return err
		}
		header.Name, header.Format = strings.TrimPrefix(path, dir+"/"), format
		header.AccessTime, header.ChangeTime = time.Time{}, time.Time{}
		if strings.Contains(path, "\xff") && format != tar.FormatGNU {
			return nil // Go writes no such names
		}
		if err := w.WriteHeader(header); err != nil || !info.Mode().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if err == nil {
			_, err = w.Write(content)
		}
		return err
	})
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// peer is an archive and what is expected of it beyond what tar says.
type peer struct {
	name   string
	data   []byte
	status backup.Status // "": complete
	notes  int           // how many entries notes are about; below zero: at least one
	times  bool          // times are not as tar leaves them on the disk
	owners bool          // nor are owners
}

// TestEveryWritersArchivesShowWhatTarExtracts packs one account with each writer that Debian has.
func TestEveryWritersArchivesShowWhatTarExtracts(t *testing.T) {
	t.Parallel()
	var peers []peer
	for _, w := range peerWriters {
		dir := peerAccount(t, strings.Contains(w.name, "long"))
		file := filepath.Join(t.TempDir(), "a.tar")
		run(t, `cd "$1"; set -- "$2"; `+w.command, dir, file)
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p := peer{name: w.name, data: data}
		if w.name == "tar-updated" {
			p.notes = 2 // the file and its other name
		}
		peers = append(peers, p)
	}
	for name, format := range map[string]tar.Format{"go-ustar": tar.FormatUSTAR, "go-pax": tar.FormatPAX, "go-gnu": tar.FormatGNU} {
		peers = append(peers, peer{name: name, data: goArchive(t, peerAccount(t, format != tar.FormatUSTAR), format)})
	}
	comparePeers(t, peers, true)
}

// comparePeers shows all archives, as they are and compressed, and compares each with what tar extracts. tar must be
// content with them if strict is set.
func comparePeers(t *testing.T, peers []peer, strict bool) {
	t.Helper()
	h := newHost(t)
	for _, p := range peers {
		for _, ext := range []string{".tar", ".tar.gz"} {
			dir := filepath.Join(h.store, p.name+ext, "2026-01-05/accounts")
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "alice.tar"), p.data, 0o644); err != nil {
				t.Fatal(err)
			}
			if ext == ".tar.gz" {
				run(t, `gzip "$1"`, filepath.Join(dir, "alice.tar"))
			}
		}
	}
	h.add("d")
	h.slotfs("index")
	h.mount()
	for _, p := range peers {
		for _, ext := range []string{".tar", ".tar.gz"} {
			t.Run(p.name+ext, func(t *testing.T) {
				file := filepath.Join(h.store, p.name+ext, "2026-01-05/accounts/alice"+ext)
				comparePeer(t, &p, file, h.account("d", p.name+ext, "alice"), strict)
			})
		}
	}
}

func comparePeer(t *testing.T, p *peer, file, account string, strict bool) {
	t.Helper()
	top := inMemory(t)
	out, err := exec.Command("tar", "--numeric-owner", "-C", top, "-xf", file).CombinedOutput()
	if err != nil && strict {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	name := "2026-01-05"
	if p.status != "" {
		name += "." + string(p.status)
	}
	at := filepath.Join(account, name)
	text, err := os.ReadFile(filepath.Join(at, "snapshot.json"))
	if err != nil {
		t.Fatalf("%v; there is %s", err, run(t, `cd "$1"; grep -h '"detail"' */snapshot.json; ls`, account))
	}
	var j struct{ Notes []struct{ Count int } }
	if err := json.Unmarshal(text, &j); err != nil {
		t.Fatal(err)
	}
	notes := 0
	for _, n := range j.Notes {
		notes += n.Count
	}
	if notes != p.notes && (p.notes >= 0 || notes == 0) {
		t.Errorf("%d entries are noted, want %d:\n%s", notes, p.notes, text)
	}
	got, want := peerTree(t, filepath.Join(at, "full"), p), peerTree(t, filepath.Join(top, "alice"), p)
	for path, line := range want {
		if got[path] != line {
			t.Errorf("%q\n shown     %s\n extracted %s", path, got[path], line)
		}
	}
	for path := range got {
		if want[path] == "" {
			t.Errorf("%q is shown, tar does not extract it", path)
		}
	}
}

// inMemory is a directory on a file system that keeps any time: that of ext4 ends in 2446.
func inMemory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "slotfs-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// peerTree tells what is below top, hard links by the first of their names.
func peerTree(t *testing.T, top string, p *peer) map[string]string {
	t.Helper()
	all, inodes := map[string]string{}, map[uint64]string{}
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		rel, _ := filepath.Rel(top, path)
		if d.IsDir() {
			all[rel] = fmt.Sprintf("%o", st.Mode) // the rest tar leaves as it likes where no member says it
			return nil
		}
		if inodes[st.Ino] == "" {
			inodes[st.Ino] = rel
		}
		target, _ := os.Readlink(path)
		all[rel] = fmt.Sprintf("%o size %d links %d first %q target %q", st.Mode, st.Size, st.Nlink, inodes[st.Ino], target)
		if !p.owners {
			all[rel] += fmt.Sprintf(" %d:%d", st.Uid, st.Gid)
		}
		if !p.times {
			all[rel] += fmt.Sprintf(" time %d.%09d", st.Mtim.Sec, st.Mtim.Nsec)
		}
		if d.Type().IsRegular() {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			all[rel] += fmt.Sprintf(" %x", sha256.Sum256(content))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
