package sqldump

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

const (
	begin = "-- MariaDB dump 10.19  Distrib 10.11\n--\n-- Host: localhost    Database: shop\n-- ----\nSET NAMES utf8mb4;\n\n"
	posts = "--\n-- Table structure for table `posts`\n--\n\nCREATE TABLE `posts` (\n  `t` text\n);\n--\n-- Dumping data for table `posts`\n--\nINSERT INTO `posts` VALUES ('--\\n-- Table structure for table `no`\\n--');\n" +
		"DELIMITER ;;\nCREATE TRIGGER tr BEFORE INSERT ON posts FOR EACH ROW BEGIN\n--\n-- Table structure for table `forged`\n--\nEND;;\nDELIMITER ;\n\n"
	odd  = "--\n-- Table structure for table `odd ``name.é`\n--\nCREATE TABLE `odd ``name.é` (i int);\n\n"
	view = "--\n-- Temporary table structure for view `v`\n--\nCREATE VIEW v AS SELECT 1;\n"
	end  = "--\n-- Dumping routines for database 'shop'\n--\n-- Dump completed on 2026-01-05\n"
)

// sectionsOf is what belongs to each table.
func sectionsOf(t *testing.T, text string) (map[string]string, *Contents) {
	t.Helper()
	s := NewScanner()
	_, _ = s.Write([]byte(text))
	c, ok := s.End()
	if !ok {
		return nil, nil
	}
	all := map[string]string{}
	for _, table := range c.Tables {
		for _, at := range table.Sections {
			all[table.Name] += text[at.From:at.To]
		}
	}
	return all, c
}

func TestEachTableHasItsPartOfTheDumpAndNothingElse(t *testing.T) {
	got, c := sectionsOf(t, begin+posts+view+odd+end)
	if want := map[string]string{"posts": posts, "odd `name.é": odd}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
	if c == nil || c.Head != int64(len(begin)) {
		t.Errorf("%+v", c)
	}
	const admin = "-- phpMyAdmin SQL Dump\r\n--\r\n-- Table structure for table `a`\r\n--\r\nCREATE TABLE `a` (i int);\r\n\r\n--\r\n-- Table structure for table `b`\r\n--\r\n\r\n" +
		"--\r\n-- Indexes for dumped tables\r\n--\r\n\r\n--\r\n-- Indexes for table `a`\r\n--\r\nALTER TABLE `a` ADD PRIMARY KEY (i);\r\nCOMMIT;\r\n"
	got, _ = sectionsOf(t, admin)
	if !strings.Contains(got["a"], "CREATE TABLE `a`") || !strings.Contains(got["a"], "ADD PRIMARY KEY") || strings.Contains(got["a"], "`b`") {
		t.Errorf("got %q", got)
	}
}

func TestDumpsThatDoNotTellHaveNoContents(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":               "",
		"another program":       "CREATE TABLE `posts` (i int);\n" + posts,
		"unknown for long":      strings.Repeat("-- x\n", 2000) + begin + posts,
		"a table twice":         begin + posts + posts,
		"rows without a table":  begin + "--\n-- Dumping data for table `posts`\n--\n",
		"several databases":     begin + posts + "--\n-- Current Database: `b`\n--\n" + odd,
		"an end within program": begin + posts + "DELIMITER ;;\n",
		"no tables":             begin + view + end,
	} {
		if _, c := sectionsOf(t, text); c != nil {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

func TestLongLinesCostNoMemory(t *testing.T) {
	s := NewScanner()
	_, _ = s.Write([]byte(begin + "--\n-- Table structure for table `" + strings.Repeat("a", 600) + "`\n" + odd))
	for range 100 {
		_, _ = s.Write(bytes.Repeat([]byte("-"), 10_000))
	}
	if c, ok := s.End(); !ok || len(c.Tables) != 1 || cap(s.line) > 4*maxLine {
		t.Errorf("%+v, %v, %d bytes", c, ok, cap(s.line))
	}
}

func TestSelectedTablesComeWithTheHeadAndInOrder(t *testing.T) {
	text := begin + posts + odd + end
	_, c := sectionsOf(t, text)
	at, missing := c.Select([]string{"odd `name.é", "posts", "posts", "gone"})
	if len(at) != 3 || at[0].To != c.Head || at[1].From != c.Head || at[2].From <= at[1].From || len(missing) != 1 || missing[0] != "gone" {
		t.Errorf("%v, missing %v", at, missing)
	}
}

func BenchmarkScan(b *testing.B) {
	row := "(1,'" + strings.Repeat("it\\'s a <b>text</b>\\n", 8) + "'),"
	for name, line := range map[string]string{"extended": strings.Repeat(row, 1<<20/len(row)) + "\n", "a row a line": strings.Repeat(row+"\n", 1<<20/len(row))} {
		b.Run(name, func(b *testing.B) {
			s := NewScanner()
			_, _ = s.Write([]byte(begin + odd))
			text := []byte(line)
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				_, _ = s.Write(text)
			}
		})
	}
}
