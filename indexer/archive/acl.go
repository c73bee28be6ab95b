package archive

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
)

// Tags of entries of a POSIX ACL (linux/posix_acl.h).
const (
	aclUserObj  = 0x01
	aclUser     = 0x02
	aclGroupObj = 0x04
	aclGroup    = 0x08
	aclMask     = 0x10
	aclOther    = 0x20

	aclVersion = 2
	aclNoID    = 0xffffffff
	maxACL     = 4096 // entries; a value of system.posix_acl_* has at most 64 KiB
)

type aclEntry struct {
	tag, perm uint16
	id        uint32
}

// encodeACL turns the text form of acl_to_text(3), as star and GNU tar store it, into the value of
// system.posix_acl_access or _default. It reports false where the text names users that it has no number
// for, and where the ACL says no more than the mode does.
func encodeACL(text string, access bool) (string, bool) {
	var acl []aclEntry
	for field := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == '\n' }) {
		field, _, _ = strings.Cut(field, "#")
		field = strings.TrimSpace(field)
		if field == "" {
			continue
		}
		e, ok := parseACLEntry(field)
		if !ok || len(acl) == maxACL {
			return "", false
		}
		acl = append(acl, e)
	}
	if !wholeACL(acl) || access && len(acl) == 3 {
		return "", false
	}
	slices.SortFunc(acl, func(a, b aclEntry) int {
		if a.tag != b.tag {
			return int(a.tag) - int(b.tag)
		}
		return cmp.Compare(a.id, b.id)
	})
	out := binary.LittleEndian.AppendUint32(nil, aclVersion)
	for _, e := range acl {
		out = binary.LittleEndian.AppendUint16(out, e.tag)
		out = binary.LittleEndian.AppendUint16(out, e.perm)
		out = binary.LittleEndian.AppendUint32(out, e.id)
	}
	return string(out), true
}

// wholeACL reports whether Linux would take the entries: one for owner, group and others, and a mask if
// anybody is named (posix_acl_valid).
func wholeACL(acl []aclEntry) bool {
	count := map[uint16]int{}
	for _, e := range acl {
		count[e.tag]++
	}
	named := count[aclUser]+count[aclGroup] > 0
	return count[aclUserObj] == 1 && count[aclGroupObj] == 1 && count[aclOther] == 1 &&
		count[aclMask] <= 1 && (!named || count[aclMask] == 1)
}

// parseACLEntry reads "user::rwx", "user:1000:rwx" and star's "user:name:rwx:1000".
func parseACLEntry(field string) (aclEntry, bool) {
	parts := strings.Split(field, ":")
	if len(parts) < 2 || len(parts) > 4 {
		return aclEntry{}, false
	}
	if len(parts) == 2 { // "mask:rwx", "other:r--"
		parts = []string{parts[0], "", parts[1]}
	}
	e := aclEntry{id: aclNoID}
	named := parts[1] != ""
	switch parts[0] {
	case "user", "u":
		e.tag = aclUserObj
	case "group", "g":
		e.tag = aclGroupObj
	case "mask", "m":
		e.tag = aclMask
	case "other", "o":
		e.tag = aclOther
	default:
		return e, false
	}
	if named {
		if e.tag != aclUserObj && e.tag != aclGroupObj {
			return e, false
		}
		e.tag <<= 1 // ACL_USER, ACL_GROUP
		id, err := strconv.ParseUint(parts[len(parts)-1], 10, 32)
		if len(parts) == 3 {
			id, err = strconv.ParseUint(parts[1], 10, 32)
		}
		if err != nil {
			return e, false
		}
		e.id = uint32(id)
	}
	var ok bool
	e.perm, ok = parseACLPerm(parts[2])
	return e, ok
}

func parseACLPerm(text string) (perm uint16, ok bool) {
	for _, c := range []byte(text) {
		switch c {
		case 'r':
			perm |= 4
		case 'w':
			perm |= 2
		case 'x':
			perm |= 1
		case '-':
		default:
			return 0, false
		}
	}
	return perm, text != ""
}
