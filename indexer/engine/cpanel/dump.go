package cpanel

import (
	"bytes"
	"slices"
	"strings"

	"slotfs/indexer/backup"
)

// dumpEnds is what tells whether a dump is whole: its first comment and its last line, in bytes. The magic number of a tar archive
// lies within them as well.
var dumpEnds = backup.Excerpt{First: 512, Last: 512}

// isDump reports whether the file at path below an account's root is a database dump that tells whether it is whole.
func isDump(path string) bool {
	dir, name, _ := strings.Cut(path, "/")
	if strings.Contains(name, "/") {
		return false
	}
	return dir == "mysql" && strings.HasSuffix(name, ".sql") || dir == "psql" && strings.HasSuffix(name, ".tar")
}

// checkDump looks whether a dump in dir ends as its program ends one. mysqldump and mariadb-dump write their last line, as
// pg_dump does, only when all went well; with comments switched off there is neither a first nor a last one, and nothing tells.
func (c *partitioner) checkDump(dir string, dump located) {
	if !isDump(dir + "/" + dump.Name) {
		return
	}
	if dump.Size == 0 {
		c.cutDumps = append(c.cutDumps, dump.Name+" (empty)")
		return
	}
	ends := c.content(dir, dump.Name)
	if ends == nil {
		return
	}
	head, tail := ends[:min(len(ends), int(dumpEnds.First))], ends[max(0, len(ends)-int(dumpEnds.Last)):]
	if endsEarly(head, tail) {
		c.cutDumps = append(c.cutDumps, dump.Name)
	}
}

// endsEarly reports whether a dump says at its beginning who wrote it, and lacks what that program writes last of all.
func endsEarly(head, tail []byte) bool {
	last := tail
	if text := bytes.TrimRight(tail, " \t\r\n"); len(text) > 0 {
		last = text[bytes.LastIndexByte(text, '\n')+1:]
	}
	contains := func(text string) bool { return bytes.Contains(head, []byte(text)) }
	switch {
	case contains("-- MySQL dump "), contains("-- MariaDB dump "):
		return !bytes.HasPrefix(last, []byte("-- Dump completed"))
	case contains("-- PostgreSQL database dump"):
		return !bytes.Contains(tail, []byte("-- PostgreSQL database dump complete"))
	case len(head) >= 262 && string(head[257:262]) == "ustar": // pg_dump -Ft: ends with blocks of zeros
		return len(tail) < 512 || len(bytes.Trim(tail, "\x00")) > 0
	}
	return false
}

// concerns tells of dumps that end early.
func (c *partitioner) concerns() []backup.Concern {
	if len(c.cutDumps) == 0 {
		return nil
	}
	slices.Sort(c.cutDumps)
	return []backup.Concern{{Kind: backup.DumpCut, Text: "dumps without their end: " + backup.Enumerate(c.cutDumps)}}
}
