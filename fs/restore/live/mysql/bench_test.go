package mysql

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"slotfs/fs/restore/live/dump"
	"slotfs/fs/restore/live/record"
)

// largeDump is a dump of about size bytes in INSERTs of a megabyte, as mysqldump writes them.
func largeDump(size int) string {
	r := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	b.WriteString("CREATE TABLE t (id INT PRIMARY KEY, title VARCHAR(200), body TEXT, at DATETIME, n INT, KEY (n));\n")
	for id := 0; b.Len() < size; {
		b.WriteString("INSERT INTO `t` VALUES ")
		for end := min(b.Len()+1<<20, size); b.Len() < end; id++ {
			if !strings.HasSuffix(b.String()[b.Len()-1:], " ") {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, "(%d,'title %d','%s','2026-01-05 10:00:00',%d)", id, r.Int64(), strings.Repeat("it\\'s a <b>text</b>\\n", 20), r.IntN(1000))
		}
		b.WriteString(";\n")
	}
	return b.String()
}

func BenchmarkReadDump(b *testing.B) {
	text := largeDump(32 << 20)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		r := dump.NewReader(strings.NewReader(text), dump.Options{Server: dump.Server{MariaDB: true, Version: 101119}})
		var err error
		for err == nil {
			_, err = r.Next()
		}
		if err != io.EOF {
			b.Fatal(err)
		}
	}
}

func BenchmarkImport(b *testing.B) {
	text := largeDump(64 << 20)
	s, err := Open(b.Context(), Login{Socket: real.Socket, User: "root"})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	fresh := func() {
		if _, err := real.Query("DROP DATABASE IF EXISTS alice_bench; CREATE DATABASE alice_bench"); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("client", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			fresh()
			if out, err := real.Import("alice_bench", "SET unique_checks=0, foreign_key_checks=0;"+text); err != nil {
				b.Fatal(out, err)
			}
		}
	})
	b.Run("restore", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			fresh()
			store := &record.Store{Dir: b.TempDir(), Now: time.Now}
			if _, err := s.Restore(b.Context(), store, Options{Database: "alice_bench", Account: "alice", Dump: strings.NewReader(text)}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
