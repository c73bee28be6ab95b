// Package pax knows the headers of tar archives as POSIX.1-2001 has them ("pax Interchange Format"), with sparse files in the format 1.0
// of GNU tar. It must not know where entries come from, nor write anything.
package pax

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"sort"
	"strconv"
	"strings"

	"slotfs/indexer/backup"
	"slotfs/indexer/manifest"
)

// BlockSize is what a tar archive is made of, in bytes.
const BlockSize = 512

// End is the end of an archive.
func End() []byte { return make([]byte, 2*BlockSize) }

// Headers are the headers of an entry: an extended one and the plain one. size is how many bytes of content follow, sparse map
// included; sparse says that there is a map. more are further records of the extended header. A socket has no headers: nil.
func Headers(e *manifest.Entry, size int64, sparse bool, more map[string]string) []byte {
	kind := typeFlag(e)
	if kind == 0 {
		return nil
	}
	name := e.Path
	if e.IsDir() {
		name = strings.TrimPrefix(name+"/", "/")
		if e.Path == "" {
			name = "./"
		}
	}
	records := recordsOf(e, name, size, sparse)
	maps.Copy(records, more)
	if sparse {
		name = path.Dir(e.Path) + "/GNUSparseFile.0/" + path.Base(e.Path)
	}
	var extended []byte
	if _, ok := records["hdrcharset"]; ok { // it counts for what comes behind it
		extended = appendRecord(extended, "hdrcharset", records["hdrcharset"])
		delete(records, "hdrcharset")
	}
	for _, key := range sortedKeys(records) {
		extended = appendRecord(extended, key, records[key])
	}
	out := plainHeader("PaxHeaders.0/"+path.Base("/"+e.Path), 'x', &manifest.Entry{Entry: backup.Entry{Mode: 0o644}}, int64(len(extended)))
	out = pad(append(out, extended...), len(extended))
	return append(out, plainHeader(name, kind, e, size)...)
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

func typeFlag(e *manifest.Entry) byte {
	if e.Link != "" {
		return '1'
	}
	switch e.Mode & backup.ModeType {
	case backup.ModeRegular:
		return '0'
	case backup.ModeSymlink:
		return '2'
	case backup.ModeChar:
		return '3'
	case backup.ModeBlock:
		return '4'
	case backup.ModeDir:
		return '5'
	case backup.ModeFIFO:
		return '6'
	}
	return 0
}

// recordsOf are what the plain header cannot hold, and the time with its fraction.
func recordsOf(e *manifest.Entry, name string, size int64, sparse bool) map[string]string {
	r := map[string]string{"mtime": timeText(e.Time())}
	set := func(key, value string, most int) {
		if len(value) > most || strings.ContainsFunc(value, func(r rune) bool { return r > 126 || r < 32 }) {
			r[key] = value
		}
	}
	set("path", name, 100)
	set("linkpath", linkName(e), 100)
	set("uname", e.User, 31)
	set("gname", e.Group, 31)
	for key, value := range map[string]int64{"uid": int64(e.UID), "gid": int64(e.GID)} {
		if value > 0o7777777 {
			r[key] = strconv.FormatInt(value, 10)
		}
	}
	if size > 0o77777777777 {
		r["size"] = strconv.FormatInt(size, 10)
	}
	if sparse {
		delete(r, "path")
		r["GNU.sparse.major"], r["GNU.sparse.minor"] = "1", "0"
		r["GNU.sparse.name"], r["GNU.sparse.realsize"] = e.Path, strconv.FormatInt(e.Size, 10)
	}
	for _, x := range e.Xattrs {
		if !strings.Contains(x.Name, "=") {
			r["SCHILY.xattr."+x.Name] = x.Value
		}
	}
	return r
}

func linkName(e *manifest.Entry) string {
	if e.Link != "" {
		return e.Link
	}
	return e.Target
}

// timeText writes seconds with a fraction.
func timeText(t backup.Time) string {
	sign, seconds, fraction := "", t.Sec, t.Nsec
	if seconds < 0 {
		if fraction > 0 {
			seconds, fraction = seconds+1, 1e9-fraction
		}
		sign, seconds = "-", -seconds
	}
	if fraction == 0 {
		return sign + strconv.FormatInt(seconds, 10)
	}
	return strings.TrimRight(fmt.Sprintf("%s%d.%09d", sign, seconds, fraction), "0")
}

// appendRecord appends "LENGTH KEY=VALUE\n"; the length counts itself.
func appendRecord(out []byte, key, value string) []byte {
	n := len(key) + len(value) + 3
	length := n + len(strconv.Itoa(n))
	if n+len(strconv.Itoa(length)) != length {
		length = n + len(strconv.Itoa(length))
	}
	return fmt.Appendf(out, "%d %s=%s\n", length, key, value)
}

// pad fills up to a whole block after n bytes.
func pad(out []byte, n int) []byte { return append(out, make([]byte, -n&(BlockSize-1))...) }

// plainHeader is the header of ustar. What does not fit is cut: an extended header tells it.
func plainHeader(name string, kind byte, e *manifest.Entry, size int64) []byte {
	h := make([]byte, BlockSize)
	number := func(at, n int, value int64) {
		if value < 0 || value >= 1<<(3*(n-1)) {
			value = 0
		}
		copy(h[at:], fmt.Sprintf("%0*o", n-1, value))
	}
	copy(h[:100], name)
	number(100, 8, int64(e.Mode&0o7777))
	number(108, 8, int64(e.UID))
	number(116, 8, int64(e.GID))
	number(124, 12, size)
	number(136, 12, max(0, e.Seconds()))
	copy(h[148:], "        ")
	h[156] = kind
	copy(h[157:257], linkName(e))
	copy(h[257:], "ustar\x0000")
	copy(h[265:296], e.User)
	copy(h[297:328], e.Group)
	if kind == '3' || kind == '4' {
		major := e.Rdev>>8&0xfff | e.Rdev>>32&^0xfff
		minor := e.Rdev&0xff | e.Rdev>>12&^0xff
		number(329, 8, int64(major))
		number(337, 8, int64(minor&0xffffffff))
	}
	sum := 0
	for _, b := range h {
		sum += int(b)
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	return h
}

// SparseMap is the map in front of the content of a sparse file, in whole blocks.
func SparseMap(e *manifest.Entry) []byte {
	extents := slices.Clone(e.Sparse)
	if n := len(extents); n == 0 || extents[n-1].Offset+extents[n-1].Length < e.Size {
		// GNU tar makes a hole at the end of a region without bytes.
		extents = append(extents, backup.Extent{Offset: e.Size})
	}
	out := strconv.AppendInt(nil, int64(len(extents)), 10)
	out = append(out, '\n')
	for _, x := range extents {
		out = fmt.Appendf(out, "%d\n%d\n", x.Offset, x.Length)
	}
	return pad(out, len(out))
}
