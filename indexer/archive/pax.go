package archive

import (
	"bytes"
	"encoding/base64"
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

// records is what the extended headers of a member say. Slices alias the headers.
type records struct {
	path, link      []byte
	hasPath         bool
	hasLink         bool
	size            value
	uid, gid, mtime value
	major, minor    value // device numbers
	xattrs          []backup.Xattr
	xattrNames      int // bytes
	sparse          sparseRecords
	damaged         bool // a record could not be read
	broken          bool // and it is one that says where the content is or whose it is
}

// nextRecord takes "LENGTH KEY=VALUE\n" off the front of data, LENGTH counting all of it.
func nextRecord(data []byte) (key, val, rest []byte, ok bool) {
	n, i := 0, 0
	for ; i < len(data) && data[i] >= '0' && data[i] <= '9'; i++ {
		if n = n*10 + int(data[i]-'0'); n > len(data) {
			return nil, nil, nil, false
		}
	}
	if i == 0 || i >= n || data[i] != ' ' || data[n-1] != '\n' {
		return nil, nil, nil, false
	}
	key, val, ok = bytes.Cut(data[i+1:max(n-1, i+1)], []byte{'='})
	return key, val, data[n:], ok && len(key) > 0
}

// read applies all records of data to r.
func (r *records) read(data []byte) {
	for len(data) > 0 && data[0] != 0 {
		key, val, rest, ok := nextRecord(data)
		if !ok {
			r.damaged, r.broken = true, true
			return
		}
		data = rest
		switch string(key) {
		case "path", "linkpath", "size":
			r.name(key, val)
		case "uid":
			r.number(&r.uid, val)
		case "gid":
			r.number(&r.gid, val)
		case "SCHILY.devmajor":
			r.number(&r.major, val)
		case "SCHILY.devminor":
			r.number(&r.minor, val)
		case "mtime":
			r.mtime = value{}
			if len(val) > 0 {
				r.mtime.n, r.mtime.set = parseTime(val)
				r.damaged = r.damaged || !r.mtime.set
			}
		default:
			r.vendor(string(key), val)
		}
	}
}

// name applies a record about name and length. An empty value takes back what was said before.
func (r *records) name(key, val []byte) {
	switch key[0] {
	case 'p':
		r.path, r.hasPath = val, len(val) > 0
	case 'l':
		r.link, r.hasLink = val, len(val) > 0
	default:
		r.number(&r.size, val)
		r.broken = r.broken || r.damaged
	}
}

func (r *records) number(v *value, val []byte) {
	*v = value{}
	if len(val) == 0 {
		return
	}
	v.n, v.set = decimal(val)
	r.damaged = r.damaged || !v.set
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
func globalKeys() []string { return []string{"gid", "mtime", "uid"} }

// decimal reads a number of at most 18 digits with an optional sign.
func decimal(text []byte) (int64, bool) {
	digits := text
	if len(digits) > 0 && digits[0] == '-' {
		digits = digits[1:]
	}
	if len(digits) == 0 || len(digits) > 18 {
		return 0, false
	}
	var v int64
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + int64(c-'0')
	}
	if len(digits) < len(text) {
		v = -v
	}
	return v, true
}

// parseTime reads seconds with a fraction and gives nanoseconds; further digits are cut off.
func parseTime(text []byte) (int64, bool) {
	whole, fraction, _ := bytes.Cut(text, []byte{'.'})
	seconds, ok := decimal(whole)
	if !ok {
		return 0, false
	}
	var ns, unit int64 = 0, 100_000_000
	for _, c := range fraction {
		if c < '0' || c > '9' {
			return 0, false
		}
		ns += int64(c-'0') * unit
		unit /= 10
	}
	if text[0] == '-' {
		ns = -ns
	}
	return nanoseconds(seconds, ns), true
}
