package indexer_test

import (
	"context"
	"encoding/base64"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/indexer/dest/desttest"
	"slotfs/indexer/sqldump"
)

// sqlDump is a dump with a large table and a small one.
func sqlDump(size int) string {
	r := rand.NewChaCha8([32]byte{1})
	var b strings.Builder
	b.WriteString("-- MySQL dump 10.13  Distrib 8.0.36\n--\n-- Host: localhost\n\n")
	b.WriteString("--\n-- Table structure for table `posts`\n--\nCREATE TABLE `posts` (t text);\n")
	for row := make([]byte, 3000); b.Len() < size; {
		_, _ = r.Read(row)
		b.WriteString("INSERT INTO `posts` VALUES ('" + base64.StdEncoding.EncodeToString(row) + "');\n")
	}
	b.WriteString("--\n-- Table structure for table `small`\n--\nCREATE TABLE `small` (i int);\n-- Dump completed on 2026-01-05\n")
	return b.String()
}

// tablesAt reads what the index knows of the dump at a path.
func (w *world) tablesAt(s *backup.Snapshot, path string) (*sqldump.Contents, error) {
	data, err := w.index.Tables(context.Background(), s.Serial, w.resolve(s, path).Offset)
	if err != nil {
		return nil, err
	}
	c := new(sqldump.Contents)
	return c, c.UnmarshalBinary(data)
}

func TestAPassLearnsWhereTheTablesOfADumpLieAlsoWhenItIsCutOffWithin(t *testing.T) {
	t.Parallel()
	text := sqlDump(8 << 20)
	w := newWorld(t)
	archive := w.archive(w.account("alice", map[string]string{"mysql/alice_shop.sql": text, "mysql/alice_other.sql": "CREATE TABLE t (i int);\n"}), "alice", "2026-01-01")
	info, err := os.Stat(archive)
	if err != nil {
		t.Fatal(err)
	}
	w.dest.SetFault(func(_ context.Context, c desttest.Call) error {
		if c.Op == desttest.OpRead && c.Off >= info.Size()*3/4 {
			return dest.ErrUnreachable
		}
		return nil
	})
	if _, err := w.pass(); !errors.Is(err, dest.ErrUnreachable) {
		t.Fatalf("pass over a cut connection: %v", err)
	}
	w.dest.SetFault(nil)
	w.dest.Reset()
	w.mustPass()
	if read := w.dest.Counts().Bytes; read > info.Size()*2/3 {
		t.Errorf("read %d of %d bytes again", read, info.Size())
	}
	s := w.only()
	c, err := w.tablesAt(s, "alice/mysql/alice_shop.sql")
	if err != nil || len(c.Tables) != 2 {
		t.Fatalf("%+v, %v", c, err)
	}
	small := c.Tables[1]
	if got := text[small.Sections[0].From:small.Sections[0].To]; small.Name != "small" || !strings.HasPrefix(got, "--\n-- Table structure for table `small`") || c.Head >= 200 {
		t.Errorf("%+v, %q", c, got)
	}
	if _, err := w.tablesAt(s, "alice/mysql/alice_other.sql"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of a dump that does not tell: %v", err)
	}
	if err := w.index.DeleteSnapshot(t.Context(), "d", s.Key()); err != nil {
		t.Fatal(err)
	}
	for ; ; time.Sleep(10 * time.Millisecond) { // they are purged beside
		if _, err := w.tablesAt(s, "alice/mysql/alice_shop.sql"); errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
}
