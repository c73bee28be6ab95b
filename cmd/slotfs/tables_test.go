package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheTablesOfADumpAreListedAndOneOfThemIsWritten(t *testing.T) {
	w := newWorld(t)
	src := filepath.Join(w.dir, "src", "2026-01-05")
	head := "-- MySQL dump 10.13\n--\n-- Host: localhost\n\nSET NAMES utf8mb4;\n\n"
	posts := "--\n-- Table structure for table `posts`\n--\nCREATE TABLE `posts` (i INT);\nINSERT INTO `posts` VALUES (1);\n\n"
	odd := "--\n-- Table structure for table `wp ö.x`\n--\nCREATE TABLE `wp ö.x` (i INT);\n\n"
	for _, account := range []string{"alice", "bob"} {
		w.account(src, account, "x")
	}
	for name, text := range map[string]string{"alice_shop.sql": head + posts + strings.Repeat(" ", 4096) + "\n" + odd + "-- Dump completed\n", "alice_plain.sql": "CREATE TABLE t (i INT);\n"} {
		for _, account := range []string{"alice", "bob"} {
			if err := os.WriteFile(filepath.Join(src, account, "mysql", name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.pack("alice", "2026-01-05")
	// Of a tree no pass reads the content.
	if err := os.CopyFS(filepath.Join(w.store, "2026-01-06/accounts/bob"), os.DirFS(filepath.Join(src, "bob"))); err != nil {
		t.Fatal(err)
	}
	w.must(0, w.addArgs("offsite", "--local-origin", "")...)
	w.must(0, "index")
	const dump = "offsite/accounts/alice/latest/databases/alice_shop.sql"
	for p, warned := range map[string]bool{dump: false, "offsite/accounts/bob/latest/full/mysql/alice_shop.sql": true} {
		r := w.must(0, "ls", "--tables", p)
		if !strings.Contains(r.out, "posts") || !strings.Contains(r.out, "wp ö.x") || strings.Contains(r.err, "all of it is read") != warned {
			t.Errorf("%s: %+v", p, r)
		}
		if r := w.must(0, "cat", "--table", "wp ö.x", p); r.out != head+odd+"-- Dump completed\n" {
			t.Errorf("%s: %+v", p, r)
		}
		if r := w.must(0, "cat", "--table", "wp ö.x", "--table", "posts", p); !strings.HasPrefix(r.out, head+posts) || !strings.Contains(r.out, odd) {
			t.Errorf("%s: %+v", p, r)
		}
	}
	var all []tableJSON
	if err := json.Unmarshal([]byte(w.must(0, "--json", "ls", "--tables", dump).out), &all); err != nil || len(all) != 2 || all[0].Name != "posts" || all[0].Size < 4096 {
		t.Errorf("%+v, %v", all, err)
	}
	w.refused(1, "no table nosuch in it", "cat", "--table", "nosuch", dump)
	w.refused(1, "no dump of mysqldump", "ls", "--tables", "offsite/accounts/alice/latest/databases/alice_plain.sql")
	w.refused(2, "a directory, not a dump", "ls", "--tables", "offsite/accounts/alice/latest/databases")
}
