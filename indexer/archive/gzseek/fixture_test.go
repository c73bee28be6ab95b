package gzseek

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
)

// The generators of content like that of an account. All are the same for the same seed.

func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func words(r *rand.Rand) []string {
	list := make([]string, 3000)
	for i := range list {
		w := make([]byte, 2+r.IntN(9))
		for j := range w {
			w[j] = "etaoinshrdlucmfwypvbgkjqxz"[min(r.IntN(26), r.IntN(26))]
		}
		list[i] = string(w)
	}
	return list
}

func phpLike(r *rand.Rand, n int) []byte {
	w := words(r)
	word := func() string { return w[min(r.IntN(len(w)), r.IntN(len(w)))] }
	var b strings.Builder
	for b.Len() < n {
		switch r.IntN(6) {
		case 0:
			fmt.Fprintf(&b, "\t/**\n\t * %s %s the %s of %s.\n\t *\n\t * @param string $%s\n\t */\n", word(), word(), word(), word(), word())
		case 1:
			fmt.Fprintf(&b, "\tpublic function get_%s_%s( $%s, $%s = array() ) {\n", word(), word(), word(), word())
		case 2:
			fmt.Fprintf(&b, "\t\tif ( ! isset( $this->%s['%s'] ) ) {\n\t\t\treturn %s_%s( '%s' );\n\t\t}\n", word(), word(), word(), word(), word())
		case 3:
			fmt.Fprintf(&b, "\t\t$%s = apply_filters( '%s_%s', $%s );\n", word(), word(), word(), word())
		case 4:
			fmt.Fprintf(&b, "\t\treturn $this->%s->%s( %d );\n\t}\n\n", word(), word(), r.IntN(1000))
		default:
			fmt.Fprintf(&b, "\t\t// %s %s %s %s %s\n", word(), word(), word(), word(), word())
		}
	}
	return []byte(b.String()[:n])
}

func sqlLike(r *rand.Rand, n int) []byte {
	w := words(r)
	var b strings.Builder
	for id := 1; b.Len() < n; id++ {
		if id%200 == 1 {
			b.WriteString("INSERT INTO `wp_posts` VALUES ")
		}
		fmt.Fprintf(&b, "(%d,%d,'2025-%02d-%02d %02d:%02d:%02d','", id, r.IntN(20), 1+r.IntN(12), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60))
		for range 5 + r.IntN(60) {
			b.WriteString(w[min(r.IntN(len(w)), r.IntN(len(w)))])
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "','publish','a:2:{s:5:\"width\";i:%d;s:6:\"height\";i:%d;}'),\n", r.IntN(4000), r.IntN(3000))
	}
	return []byte(b.String()[:n])
}

func mailLike(r *rand.Rand, n int) []byte {
	var b bytes.Buffer
	for b.Len() < n {
		fmt.Fprintf(&b, "Received: from mail%d.example.net\r\nMessage-ID: <%x@example.net>\r\nContent-Transfer-Encoding: base64\r\n\r\n", r.IntN(9), r.Uint64())
		s := base64.StdEncoding.EncodeToString(randomBytes(r, 2000+r.IntN(60000)))
		for len(s) > 76 {
			b.WriteString(s[:76] + "\r\n")
			s = s[76:]
		}
	}
	return b.Bytes()[:n]
}

// mix is like the tar of an account: code, dumps, pictures and mail in files, padded with zeros.
func mix(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	code, sql, mail, noise := phpLike(r, 1<<20), sqlLike(r, 1<<20), mailLike(r, 1<<20), randomBytes(r, 1<<20)
	b := make([]byte, 0, n+1<<20)
	for len(b) < n {
		kind := r.IntN(10)
		src := [][]byte{code, code, code, sql, sql, sql, noise, noise, noise, mail}[kind]
		size := 1 + r.IntN(60_000)
		if kind > 2 && r.IntN(4) == 0 {
			size *= 8
		}
		at := r.IntN(len(src) - size%len(src))
		b = append(b, fmt.Sprintf("%0100d", len(b))...)
		b = append(b, make([]byte, 412)...)
		b = append(b, src[at:at+size%len(src)]...)
		b = append(b, make([]byte, (512-len(b)%512)%512)...)
	}
	return b[:n]
}

// cpanel is how cPanel's backups are compressed.
const cpanel = "pigz -6 --processes 1 --blocksize 4096 --rsyncable"

func compress(t testing.TB, command string, data []byte) []byte {
	t.Helper()
	args := strings.Fields(command)
	c := exec.Command(args[0], append(args[1:], "-c")...)
	c.Stdin = bytes.NewReader(data)
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return out
}

// record is a Sink that keeps everything.
type record struct {
	data   []byte
	points []*Point
	write  func(from int64, p []byte)
}

func (r *record) Write(p []byte) (int, error) {
	from := int64(len(r.data))
	r.data = append(r.data, p...)
	if r.write != nil {
		r.write(from, p)
	}
	return len(p), nil
}

func (r *record) Point(p *Point) error {
	b, err := p.MarshalBinary()
	if err != nil {
		return err
	}
	var q Point
	if err := q.UnmarshalBinary(b); err != nil {
		return err
	}
	r.points = append(r.points, &q)
	return nil
}

// scan passes over gz with points close together.
func scan(t testing.TB, gz []byte, set func(s *Scanner, r *record)) (*record, error) {
	t.Helper()
	rec := &record{}
	s := NewScanner(rec)
	s.chunk = 16 << 10
	s.Spacing, s.InputSpacing = 64<<10, 48<<10
	if set != nil {
		set(s, rec)
	}
	err := s.Run(context.Background(), bytes.NewReader(gz), nil)
	return rec, err
}

// checkPoints decodes every point of rec with this package and with an independent inflater.
func checkPoints(t testing.TB, gz []byte, rec *record) {
	t.Helper()
	var d Decoder
	at := int64(0)
	for _, p := range rec.points {
		if p.Out != at {
			t.Fatalf("point at %d, want %d: spans must follow each other", p.Out, at)
		}
		at += p.Length
		if p.End > int64(len(gz)) {
			t.Fatalf("span at %d ends at byte %d of %d", p.Out, p.End, len(gz))
		}
		want := rec.data[p.Out:at]
		var got []byte
		src := bytes.NewReader(gz[p.Bit/8 : p.End])
		err := d.Decode(context.Background(), p, src, func(off int64, b []byte) bool {
			if off != p.Out+int64(len(got)) {
				t.Fatalf("block at %d, want %d", off, p.Out+int64(len(got)))
			}
			got = append(got, b...)
			return true
		})
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("span at %d (bit %d): %d of %d bytes right, err %v", p.Out, p.Bit, common(got, want), len(want), err)
		}
		checkForeign(t, gz, p, want)
	}
	if at != int64(len(rec.data)) {
		t.Fatalf("points cover %d of %d bytes", at, len(rec.data))
	}
}

func common(a, b []byte) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// shortReads returns few bytes at a time.
type shortReads struct {
	r io.Reader
	n int
}

func (s *shortReads) Read(p []byte) (int, error) { return s.r.Read(p[:min(len(p), s.n)]) }

var errBoom = errors.New("boom")

func sums(p []byte) (all []uint32) {
	for len(p) > 0 {
		n := min(len(p), BlockSize)
		all = append(all, crc32.Checksum(p[:n], castagnoli))
		p = p[n:]
	}
	return all
}
