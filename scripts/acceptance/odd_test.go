package acceptance

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// header makes a GNU header by hand.
func header(name string, kind byte, size int, link string) []byte {
	h := make([]byte, 512)
	copy(h, name)
	copy(h[100:], "0000640\x000001751\x000001752\x00")
	copy(h[124:], fmt.Sprintf("%011o\x00%011o\x00", size, 1767600000))
	h[156] = kind
	copy(h[157:257], link)
	copy(h[257:], "ustar  \x00")
	return sealed(h)
}

// sealed makes the checksum of a header right.
func sealed(h []byte) []byte {
	copy(h[148:], "        ")
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	return h
}

// changed is a header with other bytes in one place.
func changed(h []byte, at int, with string) []byte {
	h = bytes.Clone(h)
	copy(h[at:], with)
	return sealed(h)
}

func filled(content string) []byte {
	return append([]byte(content), make([]byte, -len(content)&511)...)
}

// home is the name of a file in the home directory.
func home(name string) string { return "alice/homedir/" + name }

// member is a file in the home directory.
func member(name, content string) []byte {
	return append(header(home(name), '0', len(content), ""), filled(content)...)
}

// symlink and hard are links in the home directory; hard's is to another name there.
func symlink(name, target string) []byte { return header(home(name), '2', 0, target) }
func hard(name, first string) []byte     { return header(home(name), '1', 0, home(first)) }

// extended is an extended header of keys and values.
func extended(kv ...string) []byte {
	var all string
	for i := 0; i < len(kv); i += 2 {
		body := " " + kv[i] + "=" + kv[i+1] + "\n"
		n := len(body) + 1
		for len(fmt.Sprint(n))+len(body) != n {
			n++
		}
		all += fmt.Sprint(n) + body
	}
	return append(header("././@PaxHeader", 'x', len(all), ""), filled(all)...)
}

func parts(all ...[]byte) []byte { return bytes.Join(all, nil) }

// oddMembers are what other writers have been seen to write, each with how many notes it is worth.
func oddMembers() []peer {
	f, old := member("f", "hello\n"), header(home("old"), '0', 0, "")
	for i := range old[257:] {
		old[257+i] = 0
	}
	const huge = "\x80\x00\x01\x00\x00\x00\x00\x00"
	path := home(strings.Repeat("L", 90) + "/sub/" + strings.Repeat("n", 110))
	target := strings.Repeat("target/", 90)
	torn := func(path, target string) []byte {
		return parts(header("././@LongLink", 'K', len(target)+1, ""), filled(path+"\x00"), filled(target+"\x00"), header(path[:100], '2', 0, target[:100]))
	}
	all := []peer{
		{name: "time-19-digits", data: parts(extended("mtime", "9223372036854775807"), f), notes: 1, times: true},
		{name: "time-20-digits", data: parts(extended("mtime", "99999999999999999999"), f), notes: 1, times: true},
		{name: "time-negative", data: parts(extended("mtime", "-1.5"), f)},
		{name: "time-exponent", data: parts(extended("mtime", "17676e5"), f), notes: 1},
		{name: "time-long-fraction", data: parts(extended("mtime", "1767600000.123456789012345678901234567890"), f)},
		{name: "time-padded", data: parts(extended("mtime", "1767600000.25   "), f)},
		{name: "time-nul", data: parts(extended("mtime", "1767600000.25\x00"), f)},
		{name: "time-other", data: parts(extended("atime", "x", "ctime", "-99999999999999999999", "mtime", "5"), f)},
		{name: "time-header", data: parts(changed(f[:512], 136, "nonsense    "), f[512:]), notes: 1, times: true},
		{name: "uid-record", data: parts(extended("uid", "99999999999", "gid", "x"), f), notes: 1},
		{name: "uid-header", data: parts(changed(f[:512], 108, huge), f[512:]), notes: 1, status: "-"},
		{name: "size-negative", data: parts(changed(header(home("bad"), '0', 0, ""), 124, strings.Repeat("\xff", 12)), f), notes: 1},
		{name: "size-text", data: parts(changed(header(home("bad"), '0', 0, ""), 124, "many bytes  "), f), notes: 1},
		{name: "size-record-out-of-range", data: parts(extended("size", "99999999999999999999"), f), notes: 1},
		{name: "size-record-padded", data: parts(extended("size", "6 "), f)},
		{name: "size-record-nul", data: parts(extended("size", "6\x00"), f)},
		{name: "size-record-zeros", data: parts(extended("size", strings.Repeat("0", 25)+"6"), f)},
		{name: "record-zeros", data: parts(header("x", 'x', 43, ""), filled(fmt.Sprintf("%021d path=%s\n", 43, home("z"))), f)},
		{name: "path-nul", data: parts(extended("path", home("g")+"\x00\x00"), f)},
		{name: "link-nul", data: parts(extended("linkpath", "f\x00\x00"), symlink("s", "g"))},
		{name: "directory-size", data: parts(header(home("d"), '5', 4096, ""), f)},
		{name: "directory-size-slash", data: parts(header(home("d/"), '0', 4096, ""), f)},
		{name: "directory-size-old", data: parts(header(home("d/"), 0, 512, ""), f)},
		{name: "directory-size-record", data: parts(extended("path", home("d/"), "size", "512"), header("d", '0', 0, ""), f)},
		{name: "link-size", data: parts(f, changed(hard("g", "f"), 124, "00000000006\x00"), changed(symlink("s", "f"), 124, "00000000512\x00"))},
		{name: "hard-symlink", data: parts(symlink("s", "f"), hard("t", "s"), hard("u", "t"), f)},
		{name: "hard-symlink-outside", data: parts(symlink("s", "/f"), hard("t", "s"), f)},
		{name: "hard-outside", data: parts(f, header(home("g"), '1', 0, "../../x/../alice/homedir/f"), header(home("h"), '1', 0, "/alice/homedir/f"))},
		{name: "two-extended", data: parts(extended("path", home("first")), extended("path", home("second")), f)},
		{name: "two-extended-second-without-path", data: parts(extended("path", home("first")), extended("mtime", "5"), f)},
		{name: "two-long-names", data: parts(header("L", 'L', 20, ""), filled(home("first")+"\x00"), header("L", 'L', 20, ""), filled(home("other")+"\x00"), f)},
		{name: "old-after-damaged", data: parts(append([]byte("damaged"), f[7:]...), sealed(old), f), status: "corrupt"},
		{name: "torn-link", data: parts(torn(path, strings.Repeat("target/", 20)), f), notes: 1},
		{name: "torn-link-long-target", data: parts(torn(path, target), f), notes: 1},
		{name: "torn-link-long-path", data: parts(torn(home(strings.Repeat("long/", 120)+"x"), strings.Repeat("target/", 20)), f), notes: 1},
		{name: "torn-link-long-both", data: parts(torn(home(strings.Repeat("long/", 120)+"x"), target), f), notes: 1},
		{name: "lone-extended", data: parts(f, extended("path", "x")), notes: 1},
		{name: "file-in-place-of-directory", data: parts(header(home("d"), '5', 0, ""), member("d/f", "x"), member("d", "y"), f), notes: 1},
		{name: "directory-in-place-of-file", data: parts(member("d", "y"), header(home("d"), '5', 0, ""), member("d/f", "x"), f), notes: 1},
		{name: "member-below-file", data: parts(member("d", "y"), member("d/f", "x"), f), notes: 1},
		{name: "member-below-link", data: parts(header(home("d"), '5', 0, ""), symlink("l", "d"), member("l/f", "x"), member("l/e/g", "x"), f), notes: 2},
		{name: "member-below-link-outside", data: parts(symlink("l", "/tmp"), member("l/f", "x"), symlink("m", "../.."), member("m/g", "x"), f), notes: 2},
		{name: "name-outside", data: parts(member("../../../x", "x"), f), notes: 1},
		{name: "twice", data: parts(f, member("f", "again")), notes: 1},
		{name: "unknown-kind", data: parts(header(home("odd"), 'Z', 6, ""), filled("hello\n"), f)},
	}
	for i := range all {
		p := &all[i]
		if p.status == "-" { // tar gives such a file to root, the mount to nobody
			p.status, p.owners = "", true
		}
	}
	return all
}

// TestOddArchivesShowWhatTarExtracts has one odd member, or an odd end, in each archive.
func TestOddArchivesShowWhatTarExtracts(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "a.tar")
	run(t, `cd "$1"; tar -b1 -cf "$2" alice`, peerAccount(t, false), file)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	end := make([]byte, 1024)
	base := bytes.TrimSuffix(whole, end)
	var peers []peer
	for _, p := range oddMembers() {
		p.data = parts(base, p.data, member("last", "last\n"), end)
		if strings.HasPrefix(p.name, "lone") {
			p.data = parts(p.data[:len(p.data)-2048], end)
		}
		peers = append(peers, p)
	}
	f := member("behind", "x")
	peers = append(peers,
		peer{name: "no-end", data: base, notes: 1},
		peer{name: "half-an-end", data: parts(base, end[:512])},
		peer{name: "part-of-an-end", data: parts(base, end[:100]), notes: 1},
		peer{name: "member-behind", data: parts(base, end, f, end), notes: 1},
		peer{name: "member-behind-one-block", data: parts(base, end[:512], f, end), notes: 1},
		peer{name: "text-behind", data: parts(base, end, []byte("text")), notes: 1},
		peer{name: "half-a-member-behind", data: parts(base, end, end, end, member("last", "last\n")[100:]), notes: 1},
		peer{name: "concatenated", data: parts(whole, whole), notes: 1},
	)
	comparePeers(t, peers, false)
}

// TestHomeArchiveWithoutItsEndIsWhole has a homedir.tar that the writer of cPanel could have made.
func TestHomeArchiveWithoutItsEndIsWhole(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	dir := filepath.Join(h.store, "2026-01-05/accounts")
	run(t, `mkdir -p "$2"; cd "$1/alice"; tar -b1 -C homedir -cf - . | head -c -1024 >homedir.tar; mv homedir ../was; cd ..; tar -b1 -cf - alice | head -c -1024 | gzip >"$2/alice.tar.gz"`,
		peerAccount(t, false), dir)
	h.show()
	at := filepath.Join(h.account("d", "", "alice"), "2026-01-05")
	if got := run(t, `cat "$1/files/public_html/index.php"; grep -c 'no end-of-archive marker' "$1/snapshot.json"`, at); got != "<?php\n1\n" {
		t.Errorf("%q", got)
	}
}
