package archive

import (
	"bytes"
	"encoding/base64"
	"math"
	"net/url"
	"slices"
	"strings"

	"slotfs/indexer/backup"
)

// Limits of extended attributes (linux/limits.h).
const (
	maxXattrName  = 255
	maxXattrValue = 64 << 10
	maxXattrNames = 64 << 10 // all names of a file together, each with a NUL
)

// maxGlobalValue is how long a number in a global header can be, in bytes.
const maxGlobalValue = 64

// value is a number that a record gave, or did not.
type value struct {
	n   int64
	set bool
}

// or is v, or what field says if v was not given.
func (v value) or(field []byte) (int64, bool) {
	if v.set {
		return v.n, true
	}
	return number(field)
}

// records is what the extended headers of a member say. Slices alias the headers.
type records struct {
	path, link   []byte
	hasPath      bool
	hasLink      bool
	size         value
	uid, gid     value
	mtime        backup.Time
	timed        bool // there is an mtime
	user, group  []byte
	major, minor value // device numbers
	xattrs       []backup.Xattr
	xattrNames   int // bytes
	sparse       sparseRecords
	odd          oddities
	damaged      bool // a record could not be read, and none behind it
	broken       bool // one that says where the content is makes no sense
}

// nextRecord takes "LENGTH KEY=VALUE\n" off the front of data, LENGTH counting all of it. Blanks in front of LENGTH and
// KEY do no harm.
func nextRecord(data []byte) (key, val, rest []byte, ok bool) {
	i, n := blanks(data, 0), 0
	digits := i
	for ; i < len(data) && data[i] >= '0' && data[i] <= '9'; i++ {
		n = n*10 + int(data[i]-'0')
		if n > len(data) {
			return nil, nil, nil, false
		}
	}
	key0 := blanks(data, i)
	if i == digits || key0 == i || key0 >= n || data[n-1] != '\n' {
		return nil, nil, nil, false
	}
	key, val, ok = bytes.Cut(data[key0:n-1], []byte{'='})
	return key, val, data[n:], ok && len(key) > 0
}

// blanks is where, from i on, the blanks of data end.
func blanks(data []byte, i int) int {
	for i < len(data) && (data[i] == ' ' || data[i] == '\t') {
		i++
	}
	return i
}

// read applies all records of data to r.
func (r *records) read(data []byte) {
	for len(data) > 0 && data[0] != 0 {
		key, val, rest, ok := nextRecord(data)
		if !ok {
			r.damaged = true
			return
		}
		data = rest
		switch string(key) {
		case "path":
			r.path = cString(val)
			r.hasPath = len(r.path) > 0
		case "linkpath":
			r.link = cString(val)
			r.hasLink = len(r.link) > 0
		case "size":
			r.number(&r.size, val, math.MaxInt64, oddRecord)
		case "uid":
			r.number(&r.uid, val, math.MaxUint32, oddOwner)
		case "gid":
			r.number(&r.gid, val, math.MaxUint32, oddOwner)
		case "uname":
			r.user = cString(val)
		case "gname":
			r.group = cString(val)
		case "SCHILY.devmajor":
			r.number(&r.major, val, math.MaxUint32, oddRecord)
		case "SCHILY.devminor":
			r.number(&r.minor, val, math.MaxUint32, oddRecord)
		case "mtime":
			r.time(val)
		default:
			r.vendor(string(key), val)
		}
	}
}

// number applies a record with a number from 0 to most. An empty value takes back what was said before; of one that is
// no such number it is noted that it is odd, and what the header says counts.
func (r *records) number(v *value, val []byte, most int64, odd oddities) {
	*v = value{}
	if len(val) == 0 {
		return
	}
	v.n, v.set = decimal(val)
	if !v.set || v.n < 0 || v.n > most {
		*v = value{}
		r.odd |= odd
	}
}

// time applies a record with a time in the same way.
func (r *records) time(val []byte) {
	r.mtime, r.timed = backup.Time{}, false
	if len(val) == 0 {
		return
	}
	exact := false
	r.mtime, r.timed, exact = parseTime(val)
	if !exact {
		r.odd |= oddTime
	}
}

// vendor applies the records that POSIX leaves to the writers.
func (r *records) vendor(key string, val []byte) {
	vendor, name, _ := strings.Cut(key, ".")
	switch vendor {
	case "GNU":
		if sparse, ok := strings.CutPrefix(name, "sparse."); ok {
			ok := r.sparse.set(sparse, val)
			r.damaged, r.broken = r.damaged || !ok, r.broken || !ok
		}
	case "SCHILY":
		if attr, ok := strings.CutPrefix(name, "xattr."); ok {
			r.xattr(unescape(attr), string(val))
		} else if kind, ok := strings.CutPrefix(name, "acl."); ok && (kind == "access" || kind == "default") {
			if acl, ok := encodeACL(string(val), kind == "access"); ok {
				r.xattr("system.posix_acl_"+kind, acl)
			}
		}
	case "LIBARCHIVE":
		if attr, ok := strings.CutPrefix(name, "xattr."); ok {
			attr, err := url.PathUnescape(attr)
			text := strings.TrimRight(string(val), "=\n")
			raw, err64 := base64.RawStdEncoding.DecodeString(text)
			if err == nil && err64 == nil {
				r.xattr(attr, string(raw))
			}
		}
	}
}

// xattr adds an attribute if Linux could hold it.
func (r *records) xattr(name, val string) {
	fits := len(name) <= maxXattrName && len(val) <= maxXattrValue && r.xattrNames+len(name)+1 <= maxXattrNames
	if name != "" && fits && strings.IndexByte(name, 0) < 0 {
		r.xattrNames += len(name) + 1
		r.xattrs = append(r.xattrs, backup.Xattr{Name: name, Value: val})
	}
}

// sortedXattrs gives the attributes by name; of several with one name the last.
func (r *records) sortedXattrs() []backup.Xattr {
	if len(r.xattrs) < 2 {
		return r.xattrs
	}
	slices.SortStableFunc(r.xattrs, func(a, b backup.Xattr) int { return strings.Compare(a.Name, b.Name) })
	kept := r.xattrs[:1]
	for _, x := range r.xattrs[1:] {
		if last := &kept[len(kept)-1]; last.Name == x.Name {
			*last = x
		} else {
			kept = append(kept, x)
		}
	}
	return kept
}

// unescape undoes what GNU tar does to '%' and '=' in the names of attributes.
func unescape(name string) string {
	if !strings.Contains(name, "%") {
		return name
	}
	return strings.NewReplacer("%3D", "=", "%25", "%").Replace(name)
}

// mergeGlobal adds the records of one more global header to those in force. Only ids and times are
// kept: names and lengths of single members do not belong there, and every member reads the rest anew. It
// reports false if a record cannot be read.
func mergeGlobal(old, data []byte) ([]byte, bool) {
	inForce := map[string][]byte{}
	for _, part := range [][]byte{old, data} {
		for len(part) > 0 && part[0] != 0 {
			key, val, rest, ok := nextRecord(part)
			if !ok {
				return old, false
			}
			if slices.Contains(globalKeys(), string(key)) && len(val) <= maxGlobalValue {
				inForce[string(key)] = part[:len(part)-len(rest)]
				if len(val) == 0 {
					delete(inForce, string(key))
				}
			}
			part = rest
		}
	}
	var merged []byte
	for _, key := range globalKeys() {
		merged = append(merged, inForce[key]...)
	}
	return merged, true
}

// globalKeys are the records that a global header can give.
func globalKeys() []string { return []string{"gid", "gname", "mtime", "uid", "uname"} }

// decimal reads a number with an optional sign. As writers pad them it may have zeros and blanks in front, and blanks or a
// NUL behind.
func decimal(text []byte) (int64, bool) {
	text = bytes.Trim(cString(text), " \t")
	digits, negative := bytes.CutPrefix(text, []byte{'-'})
	v, rest, ok := leadingDigits(digits)
	if !ok || len(rest) > 0 {
		return 0, false
	}
	if negative {
		v = -v
	}
	return v, true
}

// leadingDigits reads the digits that text begins with; false if there are none, or too many for an int64.
func leadingDigits(text []byte) (v int64, rest []byte, ok bool) {
	i := 0
	for ; i < len(text) && text[i] >= '0' && text[i] <= '9'; i++ {
		c := int64(text[i] - '0')
		if v > (math.MaxInt64-c)/10 {
			return 0, nil, false
		}
		v = v*10 + c
	}
	return v, text[i:], i > 0
}

// parseTime reads seconds with a fraction as GNU tar does: digits after the ninth are cut off towards the past, and what follows
// the number does not count. exact tells whether nothing follows it and it is a time that a file can have.
func parseTime(text []byte) (t backup.Time, ok, exact bool) {
	digits, negative := bytes.CutPrefix(bytes.Trim(cString(text), " \t"), []byte{'-'})
	seconds, rest, ok := leadingDigits(digits)
	if !ok {
		return backup.Time{}, false, false
	}
	rest, _ = bytes.CutPrefix(rest, []byte{'.'})
	nanos, unit, more := int32(0), int32(100_000_000), false
	for ; len(rest) > 0 && rest[0] >= '0' && rest[0] <= '9'; rest = rest[1:] {
		nanos += int32(rest[0]-'0') * unit
		more = more || unit == 0 && rest[0] != '0'
		unit /= 10
	}
	exact = seconds < backup.MaxSeconds && len(rest) == 0
	if negative {
		seconds, nanos = -seconds, -nanos
		if more {
			nanos--
		}
	}
	if nanos < 0 {
		seconds, nanos = seconds-1, nanos+1_000_000_000
	}
	return backup.Time{Sec: seconds, Nsec: nanos}, true, exact
}
