package cpanel

import (
	"strings"
	"testing"

	"slotfs/indexer/backup"
)

func TestDumpsThatEndEarlyAreConcerns(t *testing.T) {
	t.Parallel()
	const (
		mysql   = "-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)\n"
		sandbox = "/*M!999999\\- enable the sandbox mode */\n-- MariaDB dump 10.19-11.4.2-MariaDB, for debian-linux-gnu (x86_64)\n"
		pg      = "--\n-- PostgreSQL database dump\n--\n"
	)
	body := strings.Repeat("INSERT INTO t VALUES (1);\n", 1000)
	tarred := strings.Repeat("x", 257) + "ustar" + strings.Repeat("y", 5000)
	for title, c := range map[string]struct {
		file, content string
		concern       bool
	}{
		"whole":                  {"mysql/a.sql", mysql + body + "-- Dump completed on 2026-01-05  2:00:11\n", false},
		"whole, blank lines":     {"mysql/a.sql", mysql + body + "-- Dump completed\n\n\r\n", false},
		"cut":                    {"mysql/a.sql", mysql + body, true},
		"cut within a line":      {"mysql/a.sql", mysql + body + "INSERT INTO t VAL", true},
		"the end in the middle":  {"mysql/a.sql", mysql + "-- Dump completed\n" + body, true},
		"the end within a value": {"mysql/a.sql", mysql + body + "INSERT INTO t VALUES ('-- Dump completed", true},
		"MariaDB, whole":         {"mysql/a.sql", sandbox + body + "-- Dump completed on 2026-01-05\n", false},
		"MariaDB, cut":           {"mysql/a.sql", sandbox + body, true},
		"no comments":            {"mysql/a.sql", body, false},
		"empty":                  {"mysql/a.sql", "", true},
		"small":                  {"mysql/a.sql", mysql, true},
		"PostgreSQL, whole":      {"psql/a.tar", pg + body + "--\n-- PostgreSQL database dump complete\n--\n\n", false},
		"PostgreSQL, cut":        {"psql/a.tar", pg + body, true},
		"tar format, whole":      {"psql/a.tar", tarred + strings.Repeat("\x00", 1024), false},
		"tar format, cut":        {"psql/a.tar", tarred, true},
		"custom format":          {"psql/a.tar", "PGDMP" + body, false},
		"gzip, whole":            {"mysql/a.sql.gz", mysql + body + "-- Dump completed on 2026-01-05  2:00:11\n", false},
		"gzip, cut":              {"mysql/a.sql.gz", mysql + body, true},
		"gzip that is cut":       {"mysql/a.sql.gz", "damaged:" + mysql + body, true},
		"gzip of nothing":        {"mysql/a.sql.gz", "", true},
		"only how it is made":    {"mysql/a.create", "CREATE DATABASE a", false},
	} {
		dir, name, _ := strings.Cut(c.file, "/")
		f := plant(t, append(account("alice"), "alice/"+dir+"/zz_"+name+"="+c.content)...)
		d := f.describe(t, backup.Source{Account: "alice"})
		if got := len(d.Concerns) > 0 && strings.Contains(d.Concerns[0].Text, "zz_"+name); got != c.concern {
			t.Errorf("%s: %+v", title, d.Concerns)
		}
	}
}
