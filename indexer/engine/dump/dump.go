// Package dump knows how the programs that dump databases begin and end what they write. It must not know where in a backup dumps lie.
package dump

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"slotfs/indexer/backup"
	"slotfs/indexer/engine"
)

// Ends are what tells whether a dump is whole: its first comment and its last line, in bytes. The magic number of a tar archive
// lies within them as well.
var Ends = backup.Excerpt{First: 512, Last: 512}

// Excerpt is what to look at of a file that is called as dumps are; nothing where its name says that it is none, or packed in a way
// that nothing here reads.
func Excerpt(name string) backup.Excerpt {
	text, packed := name, false
	for _, end := range []string{".gz", ".zst"} {
		if base, ok := strings.CutSuffix(name, end); ok {
			text, packed = base, true
		}
	}
	if !strings.HasSuffix(text, ".sql") && !strings.HasSuffix(text, ".tar") {
		return backup.Excerpt{}
	}
	ends := Ends
	ends.Unpacked = packed
	return ends
}

// Cut collects dumps without their end.
type Cut struct{ names []string }

// Look looks at the dump name of size bytes, of which read returns what Excerpt asks for. What cannot be read tells nothing; the error
// is read's, but for engine.ErrDamaged.
func (c *Cut) Look(name string, size int64, read func() ([]byte, error)) error {
	if !Excerpt(name).Wanted() {
		return nil
	}
	if size == 0 {
		c.names = append(c.names, name+" (empty)")
		return nil
	}
	ends, err := read()
	switch {
	case errors.Is(err, engine.ErrDamaged):
		c.names = append(c.names, name+" (does not unpack)")
		return nil
	case err != nil:
		return err
	case len(ends) == 0:
		c.names = append(c.names, name+" (empty)")
	case endsEarly(ends[:min(len(ends), int(Ends.First))], ends[max(0, len(ends)-int(Ends.Last)):]):
		c.names = append(c.names, name)
	}
	return nil
}

// endsEarly reports whether a dump says at its beginning who wrote it, and lacks what that program writes last of all. mysqldump and
// mariadb-dump write their last line, as pg_dump does, only when all went well; with comments switched off there is neither a first
// nor a last one, and nothing tells.
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

// Concerns tells of the dumps that were found.
func (c *Cut) Concerns() []backup.Concern {
	if len(c.names) == 0 {
		return nil
	}
	slices.Sort(c.names)
	return []backup.Concern{{Kind: backup.DumpCut, Text: "dumps without their end: " + backup.Enumerate(c.names)}}
}
