package acceptance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"slotfs/sftpdest/sshdtest"
)

// site is a host that serves the page, with something for each view.
type site struct {
	*host
	base    string
	link    *sshdtest.Link // to the destination of the accounts
	service *job
	days    []string // of the snapshots of alice, today first
}

// oddities puts into a home directory what pages stumble over.
const oddities = `
cd "$1"; mkdir -p odd public_html/many private
printf '<script>document.title="taken over"</script>' >'odd/<img src=x onerror=document.title=1>.html'
printf 'Gr\374\337e aus K\366ln\n' >odd/latin1.txt; printf '\377\376h\0e\0l\0l\0o\0' >odd/utf16.txt; printf 'Grüße aus Köln, 東京\n' >odd/utf8.txt
printf x >$'odd/latin\xe9.txt'; printf x >$'odd/two\nlines'; printf x >"odd/$(printf 'n%.0s' $(seq 255))"; : >odd/empty
head -c 3000 /dev/urandom >odd/binary.dat; printf 'no picture' >odd/broken.png
python3 - odd/picture.png <<'P'
import struct, sys, zlib
w, h = 320, 200
rows = b"".join(b"\0" + b"".join(bytes((x * 255 // w, y * 255 // h, 160)) for x in range(w)) for y in range(h))
chunk = lambda t, d: struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d))
open(sys.argv[1], "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
P
mkdir -p mail/example.com/info/cur; cat >'mail/example.com/info/cur/1760000000.M1P1.srv1:2,S' <<'M'
Return-Path: <ann@example.org>
From: =?utf-8?q?Ann_K=C3=B6hler?= <ann@example.org>
To: info@example.com
Subject: =?utf-8?B?UmVjaG51bmcgZsO8ciBKYW51YXI=?=
Date: Mon, 5 Jan 2026 10:00:00 +0100
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="b1"

--b1
Content-Type: multipart/alternative; boundary="b2"

--b2
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Sch=F6ne Gr=FC=DFe, the plain text.
--b2
Content-Type: text/html; charset=utf-8

<p>The <b>HTML</b> text <img src="http://tracker.example/pixel.png"><script>parent.document.title="taken over"</script></p>
--b2--
--b1
Content-Type: application/pdf; name="invoice.pdf"
Content-Disposition: attachment; filename="invoice.pdf"
Content-Transfer-Encoding: base64

JVBERi0xLjQK
--b1--
M
head -c 6000000 /dev/urandom >odd/large.bin
`

// newSite serves a page. offsite has accounts as cPanel leaves them, box what a job writes, and old cannot be reached.
func newSite(t *testing.T) *site {
	t.Helper()
	h := newHost(t)
	s := &site{host: h, link: h.behind(0)}
	s.archives()
	h.must(append(h.addArgs("offsite"), "--local-origin", "srv1")...)
	s.slots()
	s.lose()
	h.slotfs("index", "offsite", "box") // a truncated archive is exit code 3
	port := freePort(t)
	run(t, `cat >>"$1/slotfs.toml" <<<"$2"`, h.work, fmt.Sprintf("\n[web]\nlisten = \"127.0.0.1:%d\"\n", port))
	s.base = fmt.Sprintf("http://127.0.0.1:%d", port)
	s.serve()
	return s
}

// serve starts the service and waits for the page.
func (s *site) serve() {
	s.t.Helper()
	s.service = start(s.t, binary, "--config", filepath.Join(s.work, "slotfs.toml"), "--state-dir", filepath.Join(s.work, "state"), "serve")
	eventually(s.t, "the page is served", func() bool {
		res, err := http.Get(s.base + "/")
		if err == nil {
			res.Body.Close()
		}
		if !s.service.running() {
			s.t.Fatalf("slotfs serve ended: %s", s.service.output.String())
		}
		return err == nil && res.StatusCode == http.StatusOK
	})
}

// archives lays four days of accounts on the store. The newest of alice ends early; bob lost a database.
func (s *site) archives() {
	src := filepath.Join(s.t.TempDir(), "src")
	s.days = strings.Fields(run(s.t, `for i in 0 1 2 3; do date -d "-$i day" +%F; done`))
	run(s.t, `"$1" -user alice -size 2 "$2" >/dev/null; "$1" -user bob -domain example.net -uid 1002 -size 1 -seed 2 "$2" >/dev/null`, accountMaker, src)
	run(s.t, oddities+`cd public_html/many; seq -f 'page-%05.0f.html' 3000 | xargs touch; chown -R 1001:1001 "$1"`, filepath.Join(src, "alice/homedir"))
	for i, day := range slices.Backward(s.days) {
		run(s.t, `src=$1 store=$2 day=$3 i=$4
mkdir -p "$store/srv1/$day/accounts"; cd "$src"
printf '<?php\n// day %s\nrequire "header.php";\necho "hello";\n' "$i" >alice/homedir/public_html/index.php; touch -d "$day 01:00" alice/homedir/public_html/index.php
[ "$i" != 1 ] || { rm alice/homedir/odd/utf16.txt; echo new >alice/homedir/odd/added.txt; }
[ "$i" != 0 ] || rm -f bob/mysql/bob_shop.*
for user in alice bob; do tar -C "$src" -czf "$store/srv1/$day/accounts/$user.tar.gz" "$user"; done
[ "$i" != 0 ] || truncate -s 400000 "$store/srv1/$day/accounts/alice.tar.gz"`, src, s.store, day, fmt.Sprint(i))
	}
	run(s.t, `mkdir -p "$2/srv1/weekly/$3/accounts"; cp -a "$1/bob" "$2/srv1/weekly/$3/accounts/"
for n in $(seq -w 12); do mkdir -p "$1/shop$n/cp" "$1/shop$n/homedir"; echo "USER=shop$n" >"$1/shop$n/cp/shop$n"; head -c "${n}00" /dev/zero >"$1/shop$n/homedir/x"
tar -C "$1" -czf "$2/srv1/$3/accounts/shop$n.tar.gz" "shop$n"; done`, src, s.store, s.days[2])
}

// with is the arguments with another value of a flag.
func with(args []string, flag, value string) []string {
	args[slices.Index(args, flag)+1] = value
	return args
}

// slots has a job write the slots of two accounts, one of which is pinned.
func (s *site) slots() {
	beside := filepath.Dir(s.store)
	run(s.t, `mkdir "$1/box"; for name in carol dave; do mkdir -p "$1/home/$name"; echo "$name" >"$1/home/$name/note.txt"; head -c 200000 /dev/urandom >"$1/home/$name/data.bin"; done`, beside)
	s.must(with(with(s.addArgs("box"), "--engine", "slots"), "--directory", filepath.Join(beside, "box"))...)
	s.must("job", "add", "nightly", "--destination", "box", "--source", filepath.Join(beside, "home")+"/*", "--retention", "3")
	for range 4 {
		run(s.t, `date +%N >>"$1/home/carol/note.txt"`, beside)
		s.must("sync", "nightly")
	}
	s.must("pin", "nightly", "carol", "2")
}

// lose indexes a destination that cannot be reached any more.
func (s *site) lose() {
	link, err := sshdtest.Proxy(s.server.Address(), 0)
	if err != nil {
		s.t.Fatal(err)
	}
	defer link.Close()
	retired := filepath.Join(filepath.Dir(s.store), "retired")
	run(s.t, `mkdir -p "$2/2026-01-05/accounts"; cp "$1/srv1/$3/accounts/bob.tar.gz" "$2/2026-01-05/accounts/erin.tar.gz"`, s.store, retired, s.days[2])
	s.must(append(with(with(s.addArgs("old"), "--port", fmt.Sprint(link.Port)), "--directory", retired), "--max-retries", "1", "--connection-timeout", "2s")...)
	s.slotfs("index", "old")
}

// login is the address that a link of the program has.
func (s *site) login(args ...string) string {
	s.t.Helper()
	var made struct{ URL string }
	if err := json.Unmarshal([]byte(s.must(append([]string{"link", "--json"}, args...)...)), &made); err != nil {
		s.t.Fatal(err)
	}
	return made.URL
}

// alice is the path of a snapshot of alice, some days old, and below it.
func (s *site) alice(days int, below string) string {
	return "offsite/srv1/accounts/alice/" + s.days[days] + strings.TrimSuffix("/"+below, "/")
}

// read is the text of a file.
func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
