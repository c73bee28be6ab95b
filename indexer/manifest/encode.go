package manifest

import (
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"unicode/utf8"

	"slotfs/indexer/backup"
)

// appendEntry appends the line of an entry that check has passed.
func appendEntry(out []byte, e *Entry) []byte {
	out = appendText(append(out, '{'), "path", e.Path)
	out = append(out, `,"type":"`...)
	out = append(out, typeName(e.Mode)...)
	out = append(out, `","mode":"`...)
	for shift := 9; shift >= 0; shift -= 3 {
		out = append(out, '0'+byte(e.Mode>>shift&7))
	}
	out = append(out, `","uid":`...)
	out = strconv.AppendUint(out, uint64(e.UID), 10)
	out = append(out, `,"gid":`...)
	out = strconv.AppendUint(out, uint64(e.GID), 10)
	out = appendOptionalText(out, "user", e.User)
	out = appendOptionalText(out, "group", e.Group)
	out = appendNumber(out, `,"size":`, uint64(e.Size))
	out = appendTime(out, `,"mtime":"`, e.Time())
	out = appendTime(out, `,"ctime":"`, backup.Nanoseconds(e.CTime))
	out = appendNumber(out, `,"nlink":`, uint64(e.Nlink))
	out = appendNumber(out, `,"inode":`, e.Inode)
	out = appendNumber(out, `,"device":`, e.Device)
	out = appendNumber(out, `,"rdev":`, e.Rdev)
	out = appendNumber(out, `,"offset":`, uint64(e.Offset))
	out = appendOptionalText(out, "target", e.Target)
	out = appendOptionalText(out, "link", e.Link)
	out = appendOptionalText(out, "stored", e.Stored)
	if len(e.Xattrs) > 0 {
		out = appendXattrs(out, e.Xattrs)
	}
	if e.Sparse != nil {
		out = appendSparse(out, e.Sparse)
	}
	if e.Hash != "" {
		out = append(out, `,"sha256":"`...)
		out = append(out, e.Hash...)
		out = append(out, '"')
	}
	if e.Blocks != "" {
		out = append(out, `,"crc32c":"`...)
		out = hex.AppendEncode(out, []byte(e.Blocks))
		out = append(out, '"')
	}
	if e.Flags != 0 {
		out = appendFlags(out, e.Flags)
	}
	return append(out, '}', '\n')
}

func appendXattrs(out []byte, all []backup.Xattr) []byte {
	out = append(out, `,"xattrs":[`...)
	for i, x := range all {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, `{"name":"`...)
		out = base64.StdEncoding.AppendEncode(out, []byte(x.Name))
		out = append(out, `","value":"`...)
		out = base64.StdEncoding.AppendEncode(out, []byte(x.Value))
		out = append(out, `"}`...)
	}
	return append(out, ']')
}

func appendSparse(out []byte, all []backup.Extent) []byte {
	out = append(out, `,"sparse":[`...)
	for i, x := range all {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, '[')
		out = strconv.AppendInt(out, x.Offset, 10)
		out = append(out, ',')
		out = strconv.AppendInt(out, x.Length, 10)
		out = append(out, ']')
	}
	return append(out, ']')
}

func appendFlags(out []byte, flags Flags) []byte {
	out = append(out, `,"flags":[`...)
	first := true
	for i, name := range flagNames {
		if flags&(1<<i) == 0 {
			continue
		}
		if !first {
			out = append(out, ',')
		}
		first = false
		out = append(out, '"')
		out = append(out, name...)
		out = append(out, '"')
	}
	return append(out, ']')
}

// appendNumber leaves out zero.
func appendNumber(out []byte, field string, n uint64) []byte {
	if n == 0 {
		return out
	}
	return strconv.AppendUint(append(out, field...), n, 10)
}

// appendTime leaves out zero.
func appendTime(out []byte, field string, t backup.Time) []byte {
	if t == (backup.Time{}) {
		return out
	}
	return append(appendSeconds(append(out, field...), t), '"')
}

// appendSeconds writes seconds with as many decimals as they need.
func appendSeconds(out []byte, t backup.Time) []byte {
	seconds, rest := t.Sec, t.Nsec
	if seconds < 0 {
		if rest > 0 {
			seconds, rest = seconds+1, 1e9-rest
		}
		out, seconds = append(out, '-'), -seconds
	}
	out = strconv.AppendInt(out, seconds, 10)
	if rest == 0 {
		return out
	}
	out = append(out, '.')
	for unit := int32(1e8); rest > 0; unit /= 10 {
		out = append(out, '0'+byte(rest/unit))
		rest %= unit
	}
	return out
}

func appendOptionalText(out []byte, field, s string) []byte {
	if s == "" {
		return out
	}
	return appendText(append(out, ','), field, s)
}

// appendText writes a field of raw bytes.
func appendText(out []byte, field, s string) []byte {
	out = append(out, '"')
	out = append(out, field...)
	if !utf8.ValidString(s) {
		out = append(out, `64":"`...)
		out = base64.StdEncoding.AppendEncode(out, []byte(s))
		return append(out, '"')
	}
	out = append(out, `":"`...)
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		out = append(out, s[from:i]...)
		from = i + 1
		if c >= 0x20 {
			out = append(out, '\\', c)
			continue
		}
		const digits = "0123456789abcdef"
		out = append(out, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
	}
	return append(append(out, s[from:]...), '"')
}
